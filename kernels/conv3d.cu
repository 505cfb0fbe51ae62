#include "kernels/conv3d.hpp"

#include "kernels/conv3d.cuh"

namespace cmtl::kernels {

namespace {

void run_gather(const char* name, Stream stream, const Conv3dGather& g, const float* x, const float* weight, const float* bias, float* y) {
    if (g.rows == 0 || g.outputs == 0) return;
    int columns = gather_columns(g);
    const bool vectors = g.channels % 4 == 0;
    if (!vectors && columns > 64) columns = 64;
    const int64_t blocks = (int64_t{1} * g.rows + gather_rows - 1) / gather_rows * ((g.outputs + columns - 1) / columns);
    const auto run = [&](auto kernel) {
        launch({name, static_cast<unsigned>(blocks), static_cast<unsigned>(2 * columns), 0, stream}, kernel, g, x, weight, bias, y);
    };
    if (vectors) {
        if (columns == 128) run(conv3d_gather_kernel<128, 4>);
        else if (columns == 64) run(conv3d_gather_kernel<64, 4>);
        else run(conv3d_gather_kernel<32, 4>);
    } else {
        if (columns == 64) run(conv3d_gather_kernel<64, 1>);
        else run(conv3d_gather_kernel<32, 1>);
    }
}

}  // namespace

template <>
void conv3d_forward<Target>(Stream stream, const Conv3dSizes& s, const float* x, const float* weight, const float* bias, float* y, void*) {
    run_gather("conv3d_forward", stream, forward_gather(s), x, weight, bias, y);
}

template <>
void conv3d_backward_data<Target>(Stream stream, const Conv3dSizes& s, const float* dy, const float* weight, float* dx, void* workspace) {
    if (s.n == 0) return;
    const auto transposed = static_cast<float*>(workspace);
    launch({"conv3d_transpose_weights",
            dim3(static_cast<unsigned>((s.in + 31) / 32), static_cast<unsigned>((s.out + 31) / 32), static_cast<unsigned>(s.taps())),
            dim3(32, 8), 0, stream},
           conv3d_transpose_weights_kernel, s.in, s.out, s.taps(), weight, transposed);
    for (int rz = 0; rz < s.stride; ++rz)
        for (int ry = 0; ry < s.stride; ++ry)
            for (int rx = 0; rx < s.stride; ++rx)
                run_gather("conv3d_backward_data", stream, backward_gather(s, {rz, ry, rx}), dy, transposed, nullptr, dx);
}

}  // namespace cmtl::kernels
