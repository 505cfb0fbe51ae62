#pragma once
// Launchers of batch normalisation over a (rows, channels) matrix. Pointers are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

struct BatchNorm3dSizes {
    int64_t rows;
    int64_t channels;  // at most 2^24
};

// What normalised, (C) each, for the backward pass. The mean is kept in two floats, mean + mean_rest: with a mean of 10000 times the
// deviation one float would lose four digits of the result.
struct BatchNorm3dSaved {
    float *mean, *mean_rest, *inverse_deviation;
};

// Scratch memory: partial sums of blocks of rows, then coefficients. A partial sum costs what four rows do; at least 32 share one where
// there are many.
constexpr int64_t batch_norm3d_most_partials = 2048;
inline int64_t batch_norm3d_partials(const BatchNorm3dSizes& s) {
    const int64_t blocks = s.rows / 32 + 16;
    return blocks < batch_norm3d_most_partials ? blocks : batch_norm3d_most_partials;
}
// Bytes of 16-byte aligned scratch memory that each of the launchers below wants.
inline size_t batch_norm3d_scratch(const BatchNorm3dSizes& s) {
    return static_cast<size_t>(s.channels) * (static_cast<size_t>(batch_norm3d_partials(s)) * 2 * sizeof(double) + 5 * sizeof(float));
}
// Rows of C floats each: y = (x - center) slope + offset, dx = slope dy + linear (x - center) + constant, dy being 0 where y is not
// positive and a ReLU follows.
struct BatchNorm3dTable {
    enum Row { center, slope, offset, linear, constant };
};
// Where in scratch memory that table lies: the first three rows after forward, all after finish_backward.
inline float* batch_norm3d_coefficients(const BatchNorm3dSizes& s, void* scratch) {
    return reinterpret_cast<float*>(static_cast<double*>(scratch) + batch_norm3d_partials(s) * 2 * s.channels);
}

struct BatchNorm3dForwardArguments {
    BatchNorm3dSizes sizes;
    bool training, relu;
    double eps, momentum;
    const float *x, *scale, *shift;
    float *running_mean, *running_variance;  // updated in training, read otherwise
    float* y;                                // nullptr: statistics, running values and coefficients only
    BatchNorm3dSaved saved;                  // written
    void* scratch;
};
// y = (x - mean) / sqrt(variance + eps) scale + shift, then max(y, 0) with `relu` (NaN stays).
template <class Target>
void batch_norm3d_forward(Stream stream, const BatchNorm3dForwardArguments& a);

struct BatchNorm3dBackwardArguments {
    BatchNorm3dSizes sizes;
    bool training, relu;
    const float *x, *dy, *scale, *shift;
    BatchNorm3dSaved saved;
    float* dx;  // may be dy
    float *dscale, *dshift;
    void* scratch;
};
template <class Target>
void batch_norm3d_backward(Stream stream, const BatchNorm3dBackwardArguments& a);

// Its parts, for kernels that fuse the sums and what uses them with their neighbours: first the table's first three rows, then, when
// `partials` pairs of sums per channel, of dy and of dy (x - center), lie at the front of the scratch memory as doubles [partial][2][C],
// dscale, dshift and the other two rows.
template <class Target>
void batch_norm3d_begin_backward(Stream stream, const BatchNorm3dBackwardArguments& a);
template <class Target>
void batch_norm3d_finish_backward(Stream stream, const BatchNorm3dBackwardArguments& a, int64_t partials);

}  // namespace cmtl::kernels
