#pragma once
// What cuDNN is asked for, as plain values: a convolution and the bias that is added behind it. Computed from the
// problem alone, so every number can be checked without the library and without a GPU.
#include <array>
#include <vector>

#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

enum class ConvDirection { forward, backward_data, backward_weights };
std::string_view name_of(ConvDirection direction);

// Tensors by their unique numbers. `sum` never exists in memory: it is the result before the bias is added.
enum class CudnnId : int64_t { x = 1, weight = 2, y = 3, bias = 4, sum = 5 };

struct CudnnTensor {
    CudnnId id{};
    Dtype dtype{};
    std::array<int64_t, 5> dims{};     // PyTorch's order: N, C, D, H, W; for weights O, I, kD, kH, kW
    std::array<int64_t, 5> strides{};  // in elements; C is innermost: NDHWC and O, kD, kH, kW, I in memory
    bool is_virtual = false;
    bool operator==(const CudnnTensor&) const = default;
};

// Forward, y = conv(x, weight) + bias: the addition is fused, and a convolution without a bias passes zeros. Backward
// computes the gradient of x or of the weights; that of the bias is not cuDNN's business.
//
// f32: tensors, products and sums. bf16: all tensors, the bias and the result, too, with sums in f32, as in PyTorch's
// autocast and as oneDNN does here. cuDNN could write f32 instead, but only through kernels that it compiles when they
// are first planned: 0.2 to 1.4 s for each direction of each shape, against one pass over the result a step.
struct CudnnConvolution {
    ConvDirection direction{};
    std::vector<CudnnTensor> tensors;
    std::array<int64_t, 3> strides{}, pre_padding{}, post_padding{}, dilation{};
    CudnnId x{}, weight{}, y{};  // of the convolution itself: y is `sum` when the bias is added behind it
    bool adds_bias = false;

    const CudnnTensor& tensor(CudnnId id) const;
    // What is computed: x, weight or y.
    CudnnId result() const;
};
CudnnConvolution describe(const Conv3dProblem& problem, ConvDirection direction);

// Why cuDNN is not even asked; empty: it is. `capability` as in kernels::DeviceProperties.
Refusal cudnn_refusal(const Conv3dProblem& problem, int capability);

}  // namespace cmtl
