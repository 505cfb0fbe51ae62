#pragma once
// Launchers that turn a list of values into grey levels. Pointers are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"
#include "kernels/value_blocks.hpp"

namespace cmtl::kernels {

struct ValueRange {
    double least, greatest;  // of the finite values; +infinity and -infinity where there are none
    int64_t not_finite;      // NaN and infinities
};

// Bytes of 8-byte aligned scratch memory.
inline size_t value_range_scratch(int64_t count) {
    return static_cast<size_t>(value_blocks(count).blocks) * sizeof(ValueRange);
}

template <class Target>
void value_range(Stream stream, int64_t count, const double* values, ValueRange* range, void* scratch);

// Edge i is low + i * step, both rounded, as numpy's arange makes them; a value's level is the number of edges that are
// not above it, but at least 1 and at most `most`. step is above 0.
struct LevelEdges {
    double low, step;
    int most;  // 1 to 8191
};

// volume[offsets[m]] = level of values[m]. `counts`: most + 1 numbers of voxels per level, to which is added; or
// nullptr. Level: uint8_t where `most` is below 256, or uint16_t. Offsets differ; `count` is below 2^31.
template <class Target, class Level>
void discretise(Stream stream, int64_t count, const double* values, const int32_t* offsets, const LevelEdges& edges,
                Level* volume, unsigned* counts);

}  // namespace cmtl::kernels
