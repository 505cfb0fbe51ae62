#pragma once
// Launchers of Shift3D. Pointers are device memory; activations are f32 N, D, H, W, C.
#include <cstdint>

#include "kernels/step_state.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct Shift3dSizes {
    int64_t n, d, h, w, channels;
};

// What a plan is drawn with. `p` holds where the key names no step state; else the state's shift_probability does.
struct Shift3dDraw {
    double p, max_shift;
    bool whole_batch;
};

// plan: i32 (N, C, 2), the axis (0..2 = D, H, W) and the signed shift of every channel of every sample: bit for bit what
// shift3d_plan of engine/operators/shift3d.hpp draws.
template <class Target>
void shift3d_plan(Stream stream, const Shift3dSizes& sizes, const DrawKey& key, const Shift3dDraw& draw, int32_t* plan);

// y[.., (i + shift) mod size, ..] = x[.., i, ..], or `fill` moves in where it is not nullptr (a host pointer, read at once).
// `inverse` negates the shifts. y must not be x. A plan's axis outside 0..2 counts as 2.
template <class Target>
void shift3d_gather(Stream stream, const Shift3dSizes& sizes, const float* fill, bool inverse, const float* x, const int32_t* plan,
                    float* y);

}  // namespace cmtl::kernels
