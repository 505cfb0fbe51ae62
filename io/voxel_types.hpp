#pragma once
// What the readers of NIfTI, MetaImage and NRRD do with the ten value types that files store.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/image_io.hpp"

namespace cmtl {

enum class StoredType { uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64 };

// Calls use(T{}) with the type.
template <class Use>
void with_type(StoredType type, Use&& use) {
    switch (type) {
        case StoredType::uint8:
            return use(uint8_t{});
        case StoredType::int8:
            return use(int8_t{});
        case StoredType::uint16:
            return use(uint16_t{});
        case StoredType::int16:
            return use(int16_t{});
        case StoredType::uint32:
            return use(uint32_t{});
        case StoredType::int32:
            return use(int32_t{});
        case StoredType::uint64:
            return use(uint64_t{});
        case StoredType::int64:
            return use(int64_t{});
        case StoredType::float32:
            return use(float{});
        case StoredType::float64:
            return use(double{});
    }
}

inline int64_t bytes_of(StoredType type) {
    size_t bytes = 0;
    with_type(type, [&](auto zero) { bytes = sizeof zero; });
    return static_cast<int64_t>(bytes);
}

template <class T>
constexpr bool is_alternative =
    std::is_same_v<T, uint8_t> || std::is_same_v<T, int16_t> || std::is_same_v<T, uint16_t> ||
    std::is_same_v<T, int32_t> || std::is_floating_point_v<T>;

// Types that AnyImage lacks become the next one that holds them, 64-bit numbers double where that is exact.
template <class T>
AnyImage exact(const std::vector<T>& raw, const Geometry& g, const std::filesystem::path& path, const char* tag) {
    if constexpr (sizeof(T) == 1) {
        Image<int16_t> image(g);
        std::copy(raw.begin(), raw.end(), image.voxels.begin());
        return image;
    } else {
        Image<double> image(g);
        for (size_t n = 0; n < raw.size(); ++n) {
            const auto value = static_cast<double>(raw[n]);
            if constexpr (sizeof(T) == 8)
                if (!(std::abs(value) <= 9007199254740992.0))
                    fail(ErrorKind::input, tag, "{}: the value {} is too large to be kept exactly (above 2^53)",
                         path.string(), raw[n]);
            image.voxels[n] = value;
        }
        return image;
    }
}

// load(std::vector<T>&) fills the vector with the voxels of that type.
template <class Load>
Volume load_volume(const Geometry& g, StoredType type, const Load& load) {
    Volume volume(g);
    with_type(type, [&]<class T>(T) {
        if constexpr (std::is_same_v<T, float>) {
            load(volume.voxels);
        } else {
            std::vector<T> stored(volume.voxels.size());
            load(stored);
            parallel_ranges(
                std::ssize(stored),
                [&](int64_t begin, int64_t end) {
                    std::transform(stored.begin() + begin, stored.begin() + end, volume.voxels.begin() + begin,
                                   [](T v) { return static_cast<float>(v); });
                },
                1 << 16);
        }
    });
    return volume;
}

// The same, in the type that the file stores.
template <class Load>
AnyImage load_any(const Geometry& g, StoredType type, const std::filesystem::path& path, const char* tag,
                  const Load& load) {
    AnyImage any;
    with_type(type, [&]<class T>(T) {
        if constexpr (is_alternative<T>) {
            Image<T> image(g);
            load(image.voxels);
            any = std::move(image);
        } else {
            std::vector<T> stored(static_cast<size_t>(g.count()));
            load(stored);
            any = exact<T>(stored, g, path, tag);
        }
    });
    return any;
}

template <class T>
void swap_bytes(std::vector<T>& values) {
    parallel_ranges(
        std::ssize(values),
        [&](int64_t begin, int64_t end) {
            for (auto n = static_cast<size_t>(begin); n < static_cast<size_t>(end); ++n) {
                auto* bytes = reinterpret_cast<unsigned char*>(&values[n]);
                std::reverse(bytes, bytes + sizeof(T));
            }
        },
        1 << 16);
}

}  // namespace cmtl
