#include "kernels/glcm_reduce.hpp"

#include "kernels/glcm_reduce.cuh"

namespace cmtl::kernels {

template <>
void glcm_reduce<Target>(Stream stream, int64_t levels, int directions, const uint32_t* counts, uint64_t* integers,
                         GlcmDoubles* doubles, void* scratch) {
    const GlcmIntegers at{levels};
    clear(stream, directions * at.count(), integers);
    if (!directions || !levels) return;
    auto* const partial = static_cast<glcm_sums::Doubles*>(scratch);
    const dim3 grid(static_cast<unsigned>((levels + glcm_sums::warps - 1) / glcm_sums::warps),
                    static_cast<unsigned>(directions)),
        block(glcm_sums::threads);
    launch({"glcm_integers", grid, block, 0, stream}, glcm_integers_kernel, at, counts, integers);
    launch({"glcm_entropies", grid, block, 0, stream}, glcm_entropies_kernel, at, counts, integers, partial);
    launch({"glcm_finish", dim3(static_cast<unsigned>(directions)), block, 0, stream}, glcm_finish_kernel, at, integers,
           partial, doubles);
}

}  // namespace cmtl::kernels
