#pragma once
// Launchers of the undecimated coif1 wavelet, level 1, one axis at a time. Pointers are device memory.
//
// y[i] = sum_k f[k] x[i + 3 - k] with k from 0 to 5, so output i takes x[i - 2] to x[i + 3]: what PyWavelets' swt
// computes, to the bit, where T is the type of its input. No product is fused with a sum, and k ascends; in the last
// output of a whole axis, whose first three terms have wrapped around, PyWavelets adds these in the order k = 2, 1, 0.
// In float its filter is not the rounded one of double: the tap 0.85257202 is one unit in the last place smaller there.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// What an axis lacks at its ends lies in the input: two positions before the first output and three behind the last.
constexpr int wavelet_before = 2, wavelet_after = 3, wavelet_taps = 6;

// A box of outputs, (outer, length, inner) in C order, filtered along the axis in the middle; its input is dense, too,
// (outer, length + 5, inner).
struct WaveletLines {
    int64_t outer, length, inner;  // the length below 2^30
    int64_t first;                 // position of the first output in the whole axis
    int64_t period;                // length of the whole axis, made even by one wrapped voxel
};

// low and high of the same size; one of them may be nullptr.
template <class Target, class T>
void wavelet_pass(Stream stream, const WaveletLines& lines, const T* x, T* low, T* high);

// The last pass, along the slowest axis: lines.outer is 1. Output m is that at offsets[m] of the box of outputs, as
// double; offsets ascend. low, high: `count` values each; one of them may be nullptr. The box is below 2^31 voxels.
template <class Target, class T>
void wavelet_gather(Stream stream, const WaveletLines& lines, int64_t count, const int32_t* offsets, const T* x,
                    double* low, double* high);

}  // namespace cmtl::kernels
