#include "kernels/glcm.hpp"

#include "kernels/glcm.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace cooccurrence {

template <class Level>
void count(Stream stream, const RoiLevels<Level>& roi, int directions, const VoxelOffset* offsets,
           size_t shared_per_block, uint32_t* counts) {
    const int64_t bins = glcm_bins(roi.highest);
    clear(stream, directions * bins, counts);
    if (!directions || !roi.count) return;
    // So many voxels that a block's result costs at most a quarter of an atomic each.
    const bool shared = BlockHistogram<1>::bytes(static_cast<int>(bins)) <= shared_per_block && roi.count >= bins;
    const Stretches stretches(roi.count, shared && 4 * bins > 16384 ? 4 * bins : 16384);
    const dim3 grid(static_cast<unsigned>(directions), stretches.blocks());
    const auto run = [&](auto copies) {
        const size_t bytes = BlockHistogram<copies()>::bytes(static_cast<int>(bins));
        launch({"glcm", grid, dim3(bytes > 48 * 1024 ? 1024 : 512), bytes, stream}, glcm_shared_kernel<Level, copies()>,
               roi, offsets, stretches, static_cast<int>(bins), counts);
    };
    if (!shared)
        launch({"glcm_global", grid, dim3(256), 0, stream}, glcm_global_kernel<Level>, roi, offsets, stretches,
               static_cast<int>(bins), counts);
    else
        with_histogram_copies(bins, run);
}

}  // namespace cooccurrence
}  // namespace CMTL_TARGET

template <>
void glcm<Target, uint8_t>(Stream stream, const RoiLevels<uint8_t>& roi, int directions, const VoxelOffset* offsets,
                           size_t shared_per_block, uint32_t* counts) {
    cooccurrence::count(stream, roi, directions, offsets, shared_per_block, counts);
}
template <>
void glcm<Target, uint16_t>(Stream stream, const RoiLevels<uint16_t>& roi, int directions, const VoxelOffset* offsets,
                            size_t shared_per_block, uint32_t* counts) {
    cooccurrence::count(stream, roi, directions, offsets, shared_per_block, counts);
}

}  // namespace cmtl::kernels
