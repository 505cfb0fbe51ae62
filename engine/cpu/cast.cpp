#include "base/parallel.hpp"
#include "engine/operators/elementwise_problem.hpp"

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

void cast(Context&, const ElementwiseProblem& p, const Tensor& from, const Tensor& to) {
    with_type(from.dtype(), [&](auto source_type) {
        with_type(to.dtype(), [&](auto target_type) {
            const auto* source = from.data<decltype(source_type)>();
            auto* target = to.data<decltype(target_type)>();
            parallel_ranges(p.count, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) target[i] = convert<decltype(target_type)>(source[i]);
            }, 1 << 15);
        });
    });
}

}  // namespace

std::vector<Cast> cpu_cast() {
    return {{"cpu", [](const Context& context, const ElementwiseProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }, cast}};
}

}  // namespace cmtl
