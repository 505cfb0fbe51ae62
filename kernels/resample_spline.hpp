#pragma once
// Launcher of cubic B-spline resampling along one axis, as imaging/resample.hpp defines it. Pointers are device memory.
//
// A line is continued by 12 copies of its ends, turned into coefficients by the two recursions of Unser et al. 1993 in
// double, and each output is the sum of four of them, rounded to float. No product is fused with a sum: the bits are
// those of the plain loops (tests/reference/resample_spline.hpp), on every device.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

constexpr int spline_pad = 12;

// Output o of a line is the sum of weight[n] * coefficient[first + n]; `first` counts from the first copy in front.
// It ascends from output to output, from 11 at least to the input's length + 10 at most.
struct SplineTap {
    int64_t first;
    double weight[4];
};

// A box (outer, in, inner) in C order whose middle axis is resampled to (outer, out, inner). inner is 1 for rows.
struct SplineLines {
    int64_t outer, in, out, inner;
};

// Bytes of 8-byte aligned scratch memory.
template <class Target>
size_t resample_spline_scratch(const SplineLines& lines);

// y must not overlap x.
template <class Target>
void resample_spline(Stream stream, const SplineLines& lines, const SplineTap* taps, const float* x, float* y,
                     void* scratch);

}  // namespace cmtl::kernels
