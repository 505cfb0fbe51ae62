#pragma once
// A block's stretch of a list: many items for each block, so that what blocks count in shared memory costs little to
// add up.
#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

struct Stretches {
    int64_t count, per_block;

    // `least` items for each block at least, and at most 65535 blocks (a grid's y).
    Stretches(int64_t items, int64_t least) : count(items), per_block(least) {
        if (count / per_block >= 65535) per_block = count / 65535 + 1;
    }
    unsigned blocks() const { return static_cast<unsigned>((count + per_block - 1) / per_block); }

    __device__ __forceinline__ int64_t begin(unsigned block) const { return block * per_block; }
    __device__ __forceinline__ int64_t end(unsigned block) const {
        const int64_t last = (block + 1) * per_block;
        return last < count ? last : count;
    }
};

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
