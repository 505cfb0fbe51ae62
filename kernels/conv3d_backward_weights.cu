#include "kernels/conv3d_backward_weights.cuh"

#include "kernels/conv3d.hpp"
#include "kernels/conv3d_backward_weights_bf16.cuh"

namespace cmtl::kernels {

template <>
void conv3d_backward_weights<Target>(Stream stream, const Conv3dSizes& s, const float* x, const float* dy,
                                     float* dweight, float* dbias, void* workspace) {
    const Conv3dWeightsPlan plan = plan_backward_weights(s);
    const auto partials = static_cast<float*>(workspace);
    const bool split = plan.splits > 1;
    const int64_t partial = split ? s.weights() + s.out : 0;
    float* const bias_result = dbias == nullptr ? nullptr : split ? partials + s.weights() : dbias;
    const dim3 grid(static_cast<unsigned>(plan.row_tiles * plan.column_tiles), static_cast<unsigned>(plan.splits));
    const auto run = [&](auto kernel) {
        launch({s.bf16 ? "conv3d_backward_weights_bf16" : "conv3d_backward_weights", grid, 256, 0, stream}, kernel,
               forward_gather(s), plan.share, plan.column_tiles, x, dy, split ? partials : dweight, bias_result,
               partial);
    };
    if (s.bf16) {
        if (plan.tile_columns == 128)
            run(conv3d_backward_weights_bf16_kernel<64, 128, true>);
        else if (plan.tile_columns == 64)
            run(conv3d_backward_weights_bf16_kernel<32, 64, true>);
        else if (weights_in_vectors(s))
            run(conv3d_backward_weights_bf16_kernel<64, 32, true>);
        else
            run(conv3d_backward_weights_bf16_kernel<64, 32, false>);
    } else {
        if (plan.tile_rows == 128)
            run(conv3d_backward_weights_kernel<128, 128, 4, 4>);
        else if (plan.tile_columns == 128)
            run(conv3d_backward_weights_kernel<64, 128, 4, 4>);
        else if (plan.tile_columns == 64)
            run(conv3d_backward_weights_kernel<32, 64, 4, 4>);
        else if (weights_in_vectors(s))
            run(conv3d_backward_weights_kernel<64, 32, 4, 4>);
        else if (s.out % 4 == 0)
            run(conv3d_backward_weights_kernel<64, 32, 4, 1>);
        else
            run(conv3d_backward_weights_kernel<64, 32, 1, 1>);
    }
    if (split)
        launch({"conv3d_add_splits", blocks_for(partial, 32, 1u << 30), dim3(32, 8), 0, stream},
               conv3d_add_splits_kernel, plan.splits, partial, s.weights(), partials, dweight, dbias);
}

}  // namespace cmtl::kernels
