#include "kernels/conv3d.hpp"

#include "kernels/conv3d.cuh"
#include "kernels/conv3d_arrange.cuh"
#include "kernels/conv3d_bf16.cuh"
#include "kernels/conv3d_single_channel.cuh"

namespace cmtl::kernels {

namespace {

unsigned gather_blocks(const Conv3dGather& g, int columns) {
    return static_cast<unsigned>((int64_t{1} * g.rows + gather_rows - 1) / gather_rows *
                                 ((g.outputs + columns - 1) / columns));
}

void run_gather(const char* name, Stream stream, const Conv3dGather& g, const float* x, const float* weight,
                const float* bias, float* y) {
    int columns = gather_columns(g);
    const bool vectors = g.channels % 4 == 0;
    if (!vectors && columns > 64) columns = 64;
    const auto run = [&](auto kernel) {
        launch({name, gather_blocks(g, columns), static_cast<unsigned>(2 * columns), 0, stream}, kernel, g, x, weight,
               bias, y);
    };
    if (vectors && columns == 128)
        run(conv3d_gather_kernel<128, 4>);
    else if (vectors && columns == 64)
        run(conv3d_gather_kernel<64, 4>);
    else if (vectors)
        run(conv3d_gather_kernel<32, 4>);
    else if (columns == 64)
        run(conv3d_gather_kernel<64, 1>);
    else
        run(conv3d_gather_kernel<32, 1>);
}

void run_single_channel(Stream stream, const Conv3dGather& g, const float* x, const float* weight, const float* bias,
                        float* y) {
    const SingleChannelTiles t = single_channel_tiles(g);
    const int64_t slabs = g.rows / (int64_t{1} * g.grid[1] * g.grid[2]);  // n * d
    const dim3 grid(static_cast<unsigned>(slabs * t.rows * t.columns),
                    static_cast<unsigned>((g.outputs + single_outputs - 1) / single_outputs));
    launch({"conv3d_forward_single_channel", grid, 256, static_cast<size_t>(t.shared_bytes), stream},
           conv3d_single_channel_kernel, g, t, x, weight, bias, y);
}

void run_gather_bf16(const char* name, Stream stream, const Conv3dGather& g, const float* x, const Bf16* weight,
                     const float* bias, float* y) {
    int columns = gather_columns(g);
    const bool vectors = g.channels % 4 == 0;
    if (!vectors && columns > 64) columns = 64;
    const auto run = [&](auto kernel) {
        launch({name, gather_blocks(g, columns), static_cast<unsigned>(4 * columns), 0, stream}, kernel, g,
               bf16_length(g), x, weight, bias, y);
    };
    if (vectors && columns == 128)
        run(conv3d_gather_bf16_kernel<128, true>);
    else if (vectors && columns == 64)
        run(conv3d_gather_bf16_kernel<64, true>);
    else if (vectors)
        run(conv3d_gather_bf16_kernel<32, true>);
    else if (columns == 64)
        run(conv3d_gather_bf16_kernel<64, false>);
    else
        run(conv3d_gather_bf16_kernel<32, false>);
}

// Rows of `length` numbers at `arranged`.
template <class Stored, bool Mirrored>
void arrange(Stream stream, const Conv3dGather& g, int length, const float* weight, Stored* arranged) {
    if (g.depth() == 0) return;
    launch({"conv3d_arrange",
            dim3(static_cast<unsigned>((g.outputs + 31) / 32), static_cast<unsigned>((g.channels + 31) / 32),
                 static_cast<unsigned>(g.tap_count())),
            dim3(32, 8), 0, stream},
           conv3d_arrange_kernel<Stored, Mirrored>, g, length, weight, arranged);
}

}  // namespace

template <>
void conv3d_forward<Target>(Stream stream, const Conv3dSizes& s, const float* x, const float* weight, const float* bias,
                            float* y, void* workspace) {
    if (s.n == 0) return;
    const Conv3dGather g = forward_gather(s);
    if (!s.bf16 && single_channel_suits(g)) return run_single_channel(stream, g, x, weight, bias, y);
    if (!s.bf16) return run_gather("conv3d_forward", stream, g, x, weight, bias, y);
    const auto arranged = static_cast<Bf16*>(workspace);
    const Conv3dGather ordered = order_for_tensor_cores(g);
    arrange<Bf16, false>(stream, ordered, bf16_length(g), weight, arranged);
    run_gather_bf16("conv3d_forward_bf16", stream, ordered, x, arranged, bias, y);
}

template <>
void conv3d_backward_data<Target>(Stream stream, const Conv3dSizes& s, const float* dy, const float* weight, float* dx,
                                  void* workspace) {
    if (s.n == 0) return;
    for_each_backward_gather(s, [&](const Conv3dGather& g, int64_t workspace_offset) {
        std::byte* const space = static_cast<std::byte*>(workspace) + workspace_offset;
        if (s.bf16) {
            const auto arranged = reinterpret_cast<Bf16*>(space);
            const Conv3dGather ordered = order_for_tensor_cores(g);
            arrange<Bf16, true>(stream, ordered, bf16_length(g), weight, arranged);
            run_gather_bf16("conv3d_backward_data_bf16", stream, ordered, dy, arranged, nullptr, dx);
        } else {
            const auto arranged = reinterpret_cast<float*>(space);
            arrange<float, true>(stream, g, g.depth(), weight, arranged);
            run_gather("conv3d_backward_data", stream, g, dy, arranged, nullptr, dx);
        }
    });
}

}  // namespace cmtl::kernels
