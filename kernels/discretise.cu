#include "kernels/discretise.hpp"

#include "kernels/discretise.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace levels {

template <class Level, int copies>
void launch_discretise(Stream stream, int64_t count, const double* values, const int32_t* offsets,
                       const LevelEdges& edges, Level* volume, unsigned* counts) {
    const ValueBlocks cut = value_blocks(count);
    const size_t shared = counts ? BlockHistogram<copies>::bytes(edges.most + 1) : 0;
    launch({"discretise", dim3(static_cast<unsigned>(cut.blocks)), dim3(threads), shared, stream},
           discretise_kernel<Level, copies>, count, cut.per_block, values, offsets, edges, volume, counts);
}

template <class Level>
void any_discretise(Stream stream, int64_t count, const double* values, const int32_t* offsets, const LevelEdges& edges,
                    Level* volume, unsigned* counts) {
    if (!count) return;
    (edges.most <= most_with_copies
         ? launch_discretise<Level, copies>
         : launch_discretise<Level, 1>)(stream, count, values, offsets, edges, volume, counts);
}

}  // namespace levels
}  // namespace CMTL_TARGET

template <>
void value_range<Target>(Stream stream, int64_t count, const double* values, ValueRange* range, void* scratch) {
    const ValueBlocks cut = value_blocks(count);
    auto* const partial = static_cast<ValueRange*>(scratch);
    launch({"value_range", dim3(static_cast<unsigned>(cut.blocks)), dim3(levels::threads), 0, stream},
           value_range_kernel, count, cut.per_block, values, partial);
    launch({"value_range_finish", dim3(1), dim3(levels::threads), 0, stream}, value_range_finish_kernel, cut.blocks,
           partial, range);
}

template <>
void discretise<Target, uint8_t>(Stream stream, int64_t count, const double* values, const int32_t* offsets,
                                 const LevelEdges& edges, uint8_t* volume, unsigned* counts) {
    levels::any_discretise(stream, count, values, offsets, edges, volume, counts);
}
template <>
void discretise<Target, uint16_t>(Stream stream, int64_t count, const double* values, const int32_t* offsets,
                                  const LevelEdges& edges, uint16_t* volume, unsigned* counts) {
    levels::any_discretise(stream, count, values, offsets, edges, volume, counts);
}

}  // namespace cmtl::kernels
