#pragma once
// Element types of tensors.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cmtl {

enum class Dtype : uint8_t { f32, bf16, f64, i32, i64, u8 };

constexpr size_t size_of(Dtype t) {
    switch (t) {
        case Dtype::f32:
        case Dtype::i32: return 4;
        case Dtype::bf16: return 2;
        case Dtype::f64:
        case Dtype::i64: return 8;
        case Dtype::u8: return 1;
    }
    return 0;
}

constexpr std::string_view name_of(Dtype t) {
    switch (t) {
        case Dtype::f32: return "f32";
        case Dtype::bf16: return "bf16";
        case Dtype::f64: return "f64";
        case Dtype::i32: return "i32";
        case Dtype::i64: return "i64";
        case Dtype::u8: return "u8";
    }
    return "?";
}

// The upper half of a float, rounded to nearest even; NaN stays NaN.
struct Bf16 {
    uint16_t bits = 0;
    Bf16() = default;
    explicit Bf16(float value) {
        const uint32_t u = std::bit_cast<uint32_t>(value);
        bits = (u & 0x7fffffffu) > 0x7f800000u ? static_cast<uint16_t>((u >> 16) | 0x40)
                                               : static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

template <class T>
struct DtypeOf;
template <> struct DtypeOf<float> { static constexpr Dtype value = Dtype::f32; };
template <> struct DtypeOf<Bf16> { static constexpr Dtype value = Dtype::bf16; };
template <> struct DtypeOf<double> { static constexpr Dtype value = Dtype::f64; };
template <> struct DtypeOf<int32_t> { static constexpr Dtype value = Dtype::i32; };
template <> struct DtypeOf<int64_t> { static constexpr Dtype value = Dtype::i64; };
template <> struct DtypeOf<uint8_t> { static constexpr Dtype value = Dtype::u8; };

}  // namespace cmtl
