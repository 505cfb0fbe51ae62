#include "kernels/shift3d.hpp"

#include <cmath>

#include "kernels/shift3d.cuh"

namespace cmtl::kernels {

template <>
void shift3d_plan<Target>(Stream stream, const Shift3dSizes& sizes, const DrawKey& key, const Shift3dDraw& draw, int32_t* plan) {
    const int64_t count = sizes.n * sizes.channels;
    if (count == 0) return;
    const int64_t axes[3] = {sizes.d, sizes.h, sizes.w};
    ShiftAmounts amounts{};
    for (int a = 0; a < 3; ++a)
        amounts.choices[a] = static_cast<uint32_t>(std::floor(draw.max_shift * static_cast<double>(axes[a]))) + 1;
    launch({"shift3d_plan", blocks_for(count, 256), 256, 0, stream}, shift3d_plan_kernel, static_cast<int>(sizes.n),
           static_cast<int>(sizes.channels), key, draw.p, draw.whole_batch, amounts, reinterpret_cast<int2*>(plan));
}

template <>
void shift3d_gather<Target>(Stream stream, const Shift3dSizes& sizes, const float* fill, bool inverse, const float* x,
                            const int32_t* plan, float* y) {
    if (sizes.n * sizes.d * sizes.h * sizes.w * sizes.channels == 0) return;
    ShiftGather g{};
    g.d = static_cast<int>(sizes.d), g.h = static_cast<int>(sizes.h), g.w = static_cast<int>(sizes.w);
    g.channels = static_cast<int>(sizes.channels);
    g.group = 1;
    while (g.group < shift3d_group && g.group < g.channels) g.group *= 2;
    g.groups = (g.channels + g.group - 1) / g.group;
    g.row_blocks = (g.d * g.h + shift3d_rows - 1) / shift3d_rows;
    g.inverse = inverse;
    g.filled = fill != nullptr;
    g.fill = fill ? *fill : 0;
    launch({"shift3d_gather", static_cast<unsigned>(sizes.n * g.groups * g.row_blocks), shift3d_threads, 0, stream}, shift3d_gather_kernel,
           g, x, reinterpret_cast<const int2*>(plan), y);
}

}  // namespace cmtl::kernels
