#include "kernels/morphology.hpp"

#include "kernels/morphology.cuh"

namespace cmtl::kernels {

template <>
void morphology<Target>(Stream stream, const MaskGrid& grid, const ElementOnDevice& element, MorphologyStep step,
                        const uint8_t* mask, uint8_t* out, void* scratch) {
    using namespace morphologies;
    const int64_t voxels = grid.nx * grid.ny * grid.nz;
    if (!voxels) return;
    const PackedMask packed(grid, element, step);
    const int64_t words = packed.count();
    auto* a = static_cast<uint32_t*>(scratch);
    auto* b = a + words;
    const dim3 block(threads);
    const bool erodes = step == MorphologyStep::erode, closes = step == MorphologyStep::close;
    launch({"pack_mask", dim3(blocks_for(words * warp_size, threads)), block, 0, stream}, pack_mask_kernel, packed,
           grid, !erodes, mask, a);
    const auto spread = [&](bool invert, const uint32_t* from, uint32_t* to) {
        launch({"spread_mask", dim3(blocks_for(words, threads)), block, 0, stream}, spread_mask_kernel, packed, element,
               invert, from, to);
    };
    spread(erodes || closes, a, b);
    if (closes) spread(true, b, a);
    launch({"unpack_mask", dim3(blocks_for(voxels, threads)), block, 0, stream}, unpack_mask_kernel, packed, grid,
           closes ? a : b, out);
}

}  // namespace cmtl::kernels
