#include "kernels/glrlm.hpp"

#include "kernels/glrlm.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace run_lengths {

template <class Level>
void count(Stream stream, const RoiLevels<Level>& roi, int directions, const VoxelOffset* offsets, uint32_t* runs,
           uint32_t* lines) {
    clear(stream, directions * roi.highest * roi.box.longest(), runs);
    clear(stream, directions, lines);
    if (!directions || !roi.count) return;
    const Stretches stretches(roi.count, 16384);
    const dim3 grid(static_cast<unsigned>(directions), stretches.blocks()), block(256);
    int64_t lengths = roi.box.longest() < 8 ? roi.box.longest() : 8;
    if (lengths * roi.highest > 12288) lengths = 12288 / roi.highest;  // 48 KiB
    with_histogram_copies(lengths * roi.highest, [&](auto copies) {
        launch({"glrlm", grid, block, BlockHistogram<copies()>::bytes(static_cast<int>(lengths * roi.highest)), stream},
               glrlm_kernel<Level, copies()>, roi, offsets, stretches, static_cast<int>(lengths), runs, lines);
    });
    launch({"glrlm_lines", grid, block, 0, stream}, glrlm_lines_kernel<Level>, roi, offsets, stretches, lines);
}

}  // namespace run_lengths
}  // namespace CMTL_TARGET

template <>
void glrlm<Target, uint8_t>(Stream stream, const RoiLevels<uint8_t>& roi, int directions, const VoxelOffset* offsets,
                            uint32_t* runs, uint32_t* lines) {
    run_lengths::count(stream, roi, directions, offsets, runs, lines);
}
template <>
void glrlm<Target, uint16_t>(Stream stream, const RoiLevels<uint16_t>& roi, int directions, const VoxelOffset* offsets,
                             uint32_t* runs, uint32_t* lines) {
    run_lengths::count(stream, roi, directions, offsets, runs, lines);
}

}  // namespace cmtl::kernels
