#include "engine/gpu/cudnn_convolution.hpp"

namespace cmtl {

std::string_view name_of(ConvDirection direction) {
    switch (direction) {
        case ConvDirection::forward: return "forward";
        case ConvDirection::backward_data: return "backward_data";
        case ConvDirection::backward_weights: return "backward_weights";
    }
    return "?";
}

std::string_view name_of(CudnnPrecision precision) {
    switch (precision) {
        case CudnnPrecision::f32: return "f32";
        case CudnnPrecision::bf16_to_f32: return "bf16 to f32";
        case CudnnPrecision::bf16: return "bf16";
    }
    return "?";
}

std::vector<CudnnPrecision> cudnn_precisions(Dtype compute) {
    if (compute == Dtype::bf16) return {CudnnPrecision::bf16_to_f32, CudnnPrecision::bf16};
    return {CudnnPrecision::f32};
}

const CudnnTensor& CudnnConvolution::tensor(CudnnId id) const {
    for (const CudnnTensor& t : tensors)
        if (t.id == id) return t;
    fail(ErrorKind::internal, "cudnn", "the convolution has no tensor {}", static_cast<int64_t>(id));
}

namespace {

// Second axis innermost, the others in order.
CudnnTensor channels_last(CudnnId id, Dtype dtype, const std::array<int64_t, 5>& dims, bool is_virtual = false) {
    CudnnTensor t{id, dtype, dims, {}, is_virtual};
    t.strides[1] = 1;
    t.strides[4] = dims[1];
    t.strides[3] = t.strides[4] * dims[4];
    t.strides[2] = t.strides[3] * dims[3];
    t.strides[0] = t.strides[2] * dims[2];
    return t;
}

}  // namespace

CudnnConvolution describe(const Conv3dProblem& p, ConvDirection direction, CudnnPrecision precision) {
    const Dtype input = precision == CudnnPrecision::f32 ? Dtype::f32 : Dtype::bf16;
    const Dtype result = precision == CudnnPrecision::bf16 ? Dtype::bf16 : Dtype::f32;
    const bool with_bias = direction == ConvDirection::forward;

    CudnnConvolution c;
    c.direction = direction;
    c.strides.fill(p.stride);
    c.pre_padding.fill(p.padding);
    c.post_padding.fill(p.padding);
    c.dilation.fill(1);
    c.x = CudnnId::x;
    c.weight = CudnnId::weight;
    c.y = CudnnId::y;
    CudnnId& computed = direction == ConvDirection::forward ? c.y : direction == ConvDirection::backward_data ? c.x : c.weight;
    const CudnnId target = computed;

    const auto add = [&](CudnnId id, const std::array<int64_t, 5>& dims) {
        c.tensors.push_back(channels_last(id, id == target ? result : input, dims));
    };
    add(CudnnId::x, {p.n, p.in, p.d, p.h, p.w});
    add(CudnnId::weight, {p.out, p.in, p.kernel, p.kernel, p.kernel});
    add(CudnnId::y, {p.n, p.out, p.od(), p.oh(), p.ow()});
    const std::array<int64_t, 5> dims = c.tensor(target).dims;

    // A convolution writes the type that it reads. What is wider leaves through an identity step; the heuristics know the chain
    // convolution, identity, addition, and not convolution, addition with a bias of another type.
    if (precision == CudnnPrecision::bf16_to_f32)
        c.steps.push_back({CudnnPointwise::Mode::identity, CudnnId::sum, with_bias ? CudnnId::wide : target});
    if (with_bias) {
        c.tensors.push_back(channels_last(CudnnId::bias, result, {1, p.out, 1, 1, 1}));
        c.steps.push_back({CudnnPointwise::Mode::add_bias, c.steps.empty() ? CudnnId::sum : CudnnId::wide, target});
    }
    if (!c.steps.empty()) {
        computed = CudnnId::sum;
        c.tensors.push_back(channels_last(CudnnId::sum, Dtype::f32, dims, true));
    }
    if (c.steps.size() == 2) c.tensors.push_back(channels_last(CudnnId::wide, Dtype::f32, dims, true));
    return c;
}

Refusal cudnn_refusal(const Conv3dProblem& p, int capability) {
    if (p.n == 0) return "empty batch";
    if (p.compute == Dtype::bf16 && capability < 80) return fmt::format("bf16 wants sm_80, this is sm_{}", capability);
    if (p.compute != Dtype::f32 && p.compute != Dtype::bf16) return "f32 and bf16 only";
    return {};
}

}  // namespace cmtl
