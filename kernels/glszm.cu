#include "kernels/glszm.hpp"

#include "kernels/glszm.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace zones {

template <class Level>
void count(Stream stream, const RoiLevels<Level>& roi, int32_t* parents, const GlszmResult& result) {
    clear(stream, roi.highest * glszm_small_size, result.small);
    clear(stream, 1, result.count);
    if (!roi.count) return;
    const dim3 block(threads), grid(blocks_for(roi.count, threads));
    const Stretches stretches(roi.count, 8192);
    launch({"glszm_start", grid, block, 0, stream}, glszm_start_kernel<Level>, roi, parents);
    launch({"glszm_join", grid, block, 0, stream}, glszm_join_kernel<Level>, roi, parents);
    launch({"glszm_count", dim3(stretches.blocks()), block, 0, stream}, glszm_count_kernel<Level>, roi, stretches,
           parents);
    int64_t sizes = glszm_small_size;
    if (sizes * roi.highest > 12288) sizes = 12288 / roi.highest;  // 48 KiB
    with_histogram_copies(sizes * roi.highest, [&](auto copies) {
        launch({"glszm_list", dim3(stretches.blocks()), block,
                BlockHistogram<copies()>::bytes(static_cast<int>(sizes * roi.highest)), stream},
               glszm_list_kernel<Level, copies()>, roi, stretches, parents, static_cast<int>(sizes), result);
    });
}

}  // namespace zones
}  // namespace CMTL_TARGET

template <>
void glszm<Target, uint8_t>(Stream stream, const RoiLevels<uint8_t>& roi, int32_t* parents, const GlszmResult& result) {
    zones::count(stream, roi, parents, result);
}
template <>
void glszm<Target, uint16_t>(Stream stream, const RoiLevels<uint16_t>& roi, int32_t* parents,
                             const GlszmResult& result) {
    zones::count(stream, roi, parents, result);
}

}  // namespace cmtl::kernels
