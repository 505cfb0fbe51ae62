#pragma once
// How a list of values is cut for kernels that sum, compare or count it: enough blocks to fill any GPU, each with so
// many values that its partial result does not count. By the number of values alone, so that sums come out the same on
// every device.
#include <cstdint>

namespace cmtl::kernels {

struct ValueBlocks {
    int64_t per_block;
    int blocks;  // 1 to 1024; all but the last are full
};
inline ValueBlocks value_blocks(int64_t count) {
    constexpr int64_t least = 4096, most_blocks = 1024;
    if (count == 0) return {least, 1};
    const int64_t pieces = (count + least - 1) / least, per_block = (pieces + most_blocks - 1) / most_blocks * least;
    return {per_block, static_cast<int>((count + per_block - 1) / per_block)};
}

}  // namespace cmtl::kernels
