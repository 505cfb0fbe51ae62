#include "engine/context.hpp"

#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "engine/onednn.hpp"

namespace cmtl {

namespace {
template <class Function>
auto with_type(Dtype dtype, Function&& function) {
    switch (dtype) {
        case Dtype::f32: return function(float{});
        case Dtype::bf16: return function(Bf16{});
        case Dtype::f64: return function(double{});
        case Dtype::i32: return function(int32_t{});
        case Dtype::i64: return function(int64_t{});
        case Dtype::u8: return function(uint8_t{});
    }
    fail(ErrorKind::internal, "tensor", "unknown dtype {}", static_cast<int>(dtype));
}

template <class To, class From>
To convert(From value) {
    if constexpr (std::is_same_v<To, From>) return value;
    else if constexpr (std::is_same_v<From, Bf16>) return convert<To>(static_cast<float>(value));
    else if constexpr (std::is_same_v<To, Bf16>) return Bf16(static_cast<float>(value));
    else return static_cast<To>(value);
}
}  // namespace

Context::Context(const ContextOptions& options) : options_(options), allocator_(std::make_shared<Allocator>()) {
    const char* verbose = std::getenv("CMTL_VERBOSE");
    if (verbose && *verbose && std::string_view(verbose) != "0") options_.verbose = true;
    if (options_.device.kind != Device::Kind::cpu)
        fail(ErrorKind::resource, "device", "{}: this program was built without it; use --device cpu", to_string(options_.device));
    require(options_.compute == Dtype::f32 || options_.compute == Dtype::bf16, "device", "convolutions multiply in f32 or bf16, not in {}",
            name_of(options_.compute));
#if defined(__x86_64__)
    if (options_.compute == Dtype::bf16 && !__builtin_cpu_supports("avx512bw"))
        fail(ErrorKind::resource, "device", "bf16 wants a processor with AVX-512, which this one lacks; use f32");
#endif
}

Context::~Context() = default;

OneDnn& Context::onednn() {
    if (!onednn_) onednn_ = std::make_unique<OneDnn>();
    return *onednn_;
}

Tensor Context::empty(const Shape& shape, Dtype dtype) {
    const size_t bytes = static_cast<size_t>(shape.count()) * size_of(dtype);
    return Tensor(std::make_shared<Storage>(allocator_, bytes), shape, dtype, options_.device);
}

Tensor Context::zeros(const Shape& shape, Dtype dtype) {
    Tensor t = empty(shape, dtype);
    parallel_ranges(static_cast<int64_t>(t.bytes()), [&](int64_t begin, int64_t end) {
        std::memset(t.raw() + begin, 0, static_cast<size_t>(end - begin));
    }, 1 << 18);
    return t;
}

Tensor Context::full(const Shape& shape, float value) {
    Tensor t = empty(shape);
    std::fill_n(t.data<float>(), t.count(), value);
    return t;
}

template <class T>
Tensor Context::from(const Shape& shape, std::span<const T> values) {
    require(shape.count() == static_cast<int64_t>(values.size()), "tensor", "{} values do not fill {}", values.size(), shape.text());
    Tensor t = empty(shape, DtypeOf<T>::value);
    if (!values.empty()) std::memcpy(t.raw(), values.data(), values.size_bytes());
    return t;
}

void Context::copy_into(const Tensor& source, const Tensor& target) {
    require(source.shape() == target.shape() && source.dtype() == target.dtype(), "tensor", "{} {} cannot be copied into {} {}",
            name_of(source.dtype()), source.shape().text(), name_of(target.dtype()), target.shape().text());
    parallel_ranges(static_cast<int64_t>(source.bytes()), [&](int64_t begin, int64_t end) {
        std::memcpy(target.raw() + begin, source.raw() + begin, static_cast<size_t>(end - begin));
    }, 1 << 18);
}

Tensor Context::copy(const Tensor& tensor) {
    Tensor t = empty(tensor.shape(), tensor.dtype());
    copy_into(tensor, t);
    return t;
}

Tensor Context::cast(const Tensor& tensor, Dtype dtype) {
    if (tensor.dtype() == dtype) return copy(tensor);
    Tensor result = empty(tensor.shape(), dtype);
    with_type(tensor.dtype(), [&](auto from) {
        with_type(dtype, [&](auto to) {
            const auto* source = tensor.data<decltype(from)>();
            auto* target = result.data<decltype(to)>();
            parallel_ranges(tensor.count(), [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) target[i] = convert<decltype(to)>(source[i]);
            }, 1 << 15);
        });
    });
    return result;
}

template <class T>
std::vector<T> Context::to_vector(const Tensor& tensor) {
    const auto values = tensor.values<T>();
    return {values.begin(), values.end()};
}

#define CMTL_INSTANTIATE(T)                                                     \
    template Tensor Context::from<T>(const Shape&, std::span<const T>);         \
    template std::vector<T> Context::to_vector<T>(const Tensor&);
CMTL_INSTANTIATE(float)
CMTL_INSTANTIATE(Bf16)
CMTL_INSTANTIATE(double)
CMTL_INSTANTIATE(int32_t)
CMTL_INSTANTIATE(int64_t)
CMTL_INSTANTIATE(uint8_t)
#undef CMTL_INSTANTIATE

}  // namespace cmtl
