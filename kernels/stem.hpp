#pragma once
// Launchers of what follows the convolution in the network's first block: batch norm, ReLU, Shift3D and max-pool (3x3x3, stride 2,
// padding 1) as one kernel over the convolution's result, and its backward pass. Pointers are device memory; layout N, D, H, W, C.
#include <cstdint>

#include "kernels/batch_norm3d.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct StemSizes {
    int64_t n, d, h, w, channels;  // of the convolution's result
    int64_t out(int64_t size) const { return (size - 1) / 2 + 1; }
    BatchNorm3dSizes rows() const { return {n * d * h * w, channels}; }
};

// Shift3D between the ReLU and the pool. plan: i32 (N, C, 2), as kernels/shift3d.hpp; nullptr: nothing moves.
struct StemShift {
    const int32_t* plan;
    bool filled;  // else what leaves one end comes in at the other
    float fill;
};

// y and winner (index into the window; nullptr: not wanted) from the convolution's result x. table: batch_norm3d_coefficients after
// batch_norm3d_forward without y. Bit by bit what the four operators give one after the other.
template <class Target>
void stem_pool_forward(Stream stream, const StemSizes& s, const StemShift& shift, const float* x, const float* table, float* y,
                       uint8_t* winner);

// Whether stem_pool_backward can take its sums: each sample wants a partial sum at least.
inline bool stem_backward_fits(const StemSizes& s) { return s.n <= batch_norm3d_partials(s.rows()); }

// dy: the gradient of the pool's result. norm: that of the batch norm, of which dy is not looked at, relu is taken as true, and dx may
// be x.
template <class Target>
void stem_pool_backward(Stream stream, const StemSizes& s, const StemShift& shift, const float* dy, const uint8_t* winner,
                        const BatchNorm3dBackwardArguments& norm);

}  // namespace cmtl::kernels
