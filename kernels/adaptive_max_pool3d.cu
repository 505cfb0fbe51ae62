#include "kernels/adaptive_max_pool3d.hpp"

#include "kernels/adaptive_max_pool3d.cuh"

namespace cmtl::kernels {

namespace {

adaptive::Geometry geometry_of(const AdaptiveMaxPool3dSizes& s) {
    adaptive::Geometry g{};
    g.n = s.n;
    g.channels = static_cast<int>(s.channels);
    for (int axis = 0; axis < 3; ++axis) {
        g.in[axis] = static_cast<int>(s.in[axis]);
        g.out[axis] = static_cast<int>(s.out[axis]);
    }
    return g;
}

}  // namespace

template <>
void adaptive_max_pool3d_forward<Target>(Stream stream, const AdaptiveMaxPool3dSizes& s, const float* x, float* y,
                                         int32_t* winner) {
    const int64_t count = s.n * s.out.product() * s.channels;
    if (count == 0) return;
    launch({"adaptive_max_pool3d_forward", blocks_for(count, 256), 256, 0, stream}, adaptive_max_pool3d_forward_kernel,
           geometry_of(s), count, x, y, winner);
}

template <>
void adaptive_max_pool3d_backward<Target>(Stream stream, const AdaptiveMaxPool3dSizes& s, const float* dy,
                                          const int32_t* winner, float* dx) {
    const int64_t count = s.n * s.in.product() * s.channels;
    if (count == 0) return;
    launch({"adaptive_max_pool3d_backward", blocks_for(count, 256), 256, 0, stream},
           adaptive_max_pool3d_backward_kernel, geometry_of(s), count, dy, winner, dx);
}

}  // namespace cmtl::kernels
