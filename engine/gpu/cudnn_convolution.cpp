#include "engine/gpu/cudnn_convolution.hpp"

namespace cmtl {

std::string_view name_of(ConvDirection direction) {
    switch (direction) {
        case ConvDirection::forward:
            return "forward";
        case ConvDirection::backward_data:
            return "backward_data";
        case ConvDirection::backward_weights:
            return "backward_weights";
    }
    return "?";
}

const CudnnTensor& CudnnConvolution::tensor(CudnnId id) const {
    for (const CudnnTensor& t : tensors)
        if (t.id == id) return t;
    fail(ErrorKind::internal, "cudnn", "the convolution has no tensor {}", static_cast<int64_t>(id));
}

CudnnId CudnnConvolution::result() const {
    switch (direction) {
        case ConvDirection::forward:
            return CudnnId::y;
        case ConvDirection::backward_data:
            return CudnnId::x;
        case ConvDirection::backward_weights:
            return CudnnId::weight;
    }
    return {};
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

CudnnConvolution describe(const Conv3dProblem& p, ConvDirection direction) {
    CudnnConvolution c;
    c.direction = direction;
    c.strides = {p.stride.d, p.stride.h, p.stride.w};
    c.pre_padding = c.post_padding = {p.padding.d, p.padding.h, p.padding.w};
    c.dilation.fill(1);
    const std::array<int64_t, 5> y_dims{p.n, p.out, p.od(), p.oh(), p.ow()};
    c.tensors = {channels_last(CudnnId::x, p.compute, {p.n, p.in, p.d, p.h, p.w}),
                 channels_last(CudnnId::weight, p.compute, {p.out, p.in, p.kernel.d, p.kernel.h, p.kernel.w}),
                 channels_last(CudnnId::y, p.compute, y_dims)};
    c.x = CudnnId::x;
    c.weight = CudnnId::weight;
    c.y = CudnnId::y;
    if (direction == ConvDirection::forward) {
        c.adds_bias = true;
        c.y = CudnnId::sum;
        c.tensors.push_back(channels_last(CudnnId::bias, p.compute, {1, p.out, 1, 1, 1}));
        c.tensors.push_back(channels_last(CudnnId::sum, Dtype::f32, y_dims, true));
    }
    return c;
}

Refusal cudnn_refusal(const Conv3dProblem& p, int capability) {
    if (p.n == 0) return "empty batch";
    if (p.compute == Dtype::bf16 && capability < 80) return fmt::format("bf16 wants sm_80, this is sm_{}", capability);
    if (p.compute != Dtype::f32 && p.compute != Dtype::bf16) return "f32 and bf16 only";
    return {};
}

}  // namespace cmtl
