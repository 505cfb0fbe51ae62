#pragma once
// What cuDNN is asked for, as plain values: a convolution and the few element-wise steps that are fused behind it. Computed
// from the problem alone, so every number can be checked without the library and without a GPU.
#include <array>
#include <vector>

#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

enum class ConvDirection { forward, backward_data, backward_weights };
std::string_view name_of(ConvDirection direction);

// f32:          f32 tensors, products and sums.
// bf16_to_f32:  x, weight and dy in bf16, sums and result in f32. cuDNN compiles such kernels when they are first planned, which
//               wants NVRTC beside it and 0.2 to 1.4 s each.
// bf16:         all tensors in bf16, the bias and the result, too; sums in f32. Compiled into cuDNN. The result is one rounding
//               to bf16 away from that of bf16_to_f32, as in PyTorch's autocast.
enum class CudnnPrecision { f32, bf16_to_f32, bf16 };
std::string_view name_of(CudnnPrecision precision);
// What to try for a problem's compute type, best first.
std::vector<CudnnPrecision> cudnn_precisions(Dtype compute);

// Tensors by their unique numbers. `sum` and `wide` never exist in memory: they are values on their way between two steps.
enum class CudnnId : int64_t { x = 1, weight = 2, y = 3, bias = 4, sum = 5, wide = 6 };

struct CudnnTensor {
    CudnnId id{};
    Dtype dtype{};
    std::array<int64_t, 5> dims{};     // PyTorch's order: N, C, D, H, W; for weights O, I, kD, kH, kW
    std::array<int64_t, 5> strides{};  // in elements; C is innermost: NDHWC and O, kD, kH, kW, I in memory
    bool is_virtual = false;
    bool operator==(const CudnnTensor&) const = default;
};

struct CudnnPointwise {
    enum class Mode { identity, add_bias } mode{};
    CudnnId from{}, to{};
    bool operator==(const CudnnPointwise&) const = default;
};

struct CudnnConvolution {
    ConvDirection direction{};
    std::vector<CudnnTensor> tensors;
    CudnnId x{}, weight{}, y{};  // of the convolution itself: the one that it computes is `sum` when steps follow
    std::array<int64_t, 3> strides{}, pre_padding{}, post_padding{}, dilation{};
    std::vector<CudnnPointwise> steps;

    const CudnnTensor& tensor(CudnnId id) const;
};

// Forward, y = conv(x, weight) + bias: the addition is fused, and a convolution without a bias passes zeros. Backward computes
// the gradient of x or of the weights; that of the bias is not cuDNN's business.
CudnnConvolution describe(const Conv3dProblem& problem, ConvDirection direction, CudnnPrecision precision);

// Why cuDNN is not even asked; empty: it is. `capability` as in kernels::DeviceProperties.
Refusal cudnn_refusal(const Conv3dProblem& problem, int capability);

}  // namespace cmtl
