#pragma once
// Shift3D: every channel of a shifted sample is rolled along an axis of its own.
//
// plan    one thread a channel of a sample; 8 bytes written each. Integers and one comparison of exactly rounded numbers: the
//         same plan on every device.
// gather  reads 4 and writes 4 bytes an element. In N, D, H, W, C the channels of one voxel come from as many voxels, so of a
//         32-byte sector that is fetched for a lane only the 4 bytes of that channel are used by this request: between L2 and
//         the multiprocessors reads of a moving sample cost up to eight times the minimum (29 sectors a request were counted
//         where 4 would do), and no order of the lanes changes that. What the order decides is where the other seven channels
//         of the sector are when their turn comes. Walking all channels at once, a shift along D returns to a sector after up
//         to 2 * max_shift planes of the whole activation (160 MB at 100x125x125x64): gone from any L2. Here the blocks of one
//         sample walk it once per group of 16 channels, 64 bytes of each voxel: the same 2 * max_shift planes are then 40 MB
//         at most and 13 MB on average, which stays in the L2 of a data-centre GPU, so device memory sees each sector about
//         once. Lanes are neighbours in the channel: a warp's store fills whole sectors (2 voxels x 64 bytes), and channels
//         that are shifted along W find their row in L1. Two passes through a copy with separate planes per channel would use
//         every sector, but move twice the bytes in device memory.
//         A sample that does not move, three of four in training, is copied front to back with 16-byte loads and stores at
//         the minimum of bytes.
#include "kernels/dialect.hpp"
#include "kernels/primitives/philox.cuh"
#include "kernels/shift3d.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int shift3d_threads = 256;
constexpr int shift3d_rows = 8;     // rows (n, d, h) of a block
constexpr int shift3d_group = 16;   // channels of a block, at most

struct ShiftAmounts {
    uint32_t choices[3];  // floor(max_shift * size) + 1 along D, H, W
};

__global__ void shift3d_plan_kernel(int n, int channels, DrawKey key, double p, bool whole_batch, ShiftAmounts amounts, int2* plan) {
    const draws::Key generator = generator_key(key);
    const double probability = key.state ? key.state->shift_probability : p;
    const int64_t count = static_cast<int64_t>(n) * channels;
    for (int64_t i = first_item(); i < count; i += item_stride()) {
        const int64_t sample = i / channels;
        int2 entry = make_int2(0, 0);
        // (0, 1] against p: p = 1 always shifts; p = 0 never, whatever the rounding of the smallest word.
        const uint32_t decision = draws::philox(generator, static_cast<uint64_t>(whole_batch ? 0 : sample)).x;
        if (probability > 0 && static_cast<double>(draws::uniform_float(decision)) <= probability) {
            const draws::Words words = draws::philox(generator, (uint64_t{1} << 32) + static_cast<uint64_t>(i));
            const uint32_t axis = draws::uniform_below(words.x, 3);
            const uint32_t choices = axis == 0 ? amounts.choices[0] : axis == 1 ? amounts.choices[1] : amounts.choices[2];
            const int amount = static_cast<int>(draws::uniform_below(words.y, choices));
            entry = make_int2(static_cast<int>(axis), words.z >> 31 ? -amount : amount);
        }
        plan[i] = entry;
    }
}

struct ShiftGather {
    int d, h, w, channels;
    int group;              // channels of a block: a power of two up to shift3d_group
    int groups;             // blocks' groups that cover the channels
    int row_blocks;         // blocks that cover the d * h rows of a sample
    bool inverse, filled;
    float fill;
};

// The elements [begin, end) as they are; by fours, both ends are rounded down, so that neighbouring ranges stay neighbours.
__device__ __forceinline__ void copy_range(const float* x, float* y, int64_t begin, int64_t end, bool by_four) {
    if (by_four) {
        const float4* from = reinterpret_cast<const float4*>(x);
        float4* to = reinterpret_cast<float4*>(y);
        for (int64_t i = begin / 4 + threadIdx.x; i < end / 4; i += blockDim.x) to[i] = from[i];
    } else {
        for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) y[i] = x[i];
    }
}

__device__ __forceinline__ int wrapped(int i, int size) {
    i %= size;
    return i < 0 ? i + size : i;
}

// Blocks in the order n, group of channels, rows.
__global__ void __launch_bounds__(shift3d_threads)
    shift3d_gather_kernel(ShiftGather g, const float* __restrict__ x, const int2* __restrict__ plan, float* __restrict__ y) {
    const unsigned blocks_of_sample = static_cast<unsigned>(g.groups) * static_cast<unsigned>(g.row_blocks);
    const unsigned sample = blockIdx.x / blocks_of_sample, part = blockIdx.x % blocks_of_sample;
    const int64_t row_size = static_cast<int64_t>(g.w) * g.channels, size = row_size * g.d * g.h;
    x += sample * size;
    y += sample * size;
    plan += static_cast<int64_t>(sample) * g.channels;

    int moves = 0;
    for (int c = static_cast<int>(threadIdx.x); c < g.channels; c += shift3d_threads) moves |= plan[c].y;
    if (!__syncthreads_or(moves)) {
        // Shares in the order of memory.
        const bool by_four = size % 4 == 0 && (reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y)) % 16 == 0;
        const int64_t share = (size + blocks_of_sample - 1) / blocks_of_sample, begin = part * share;
        copy_range(x, y, begin, begin + share < size ? begin + share : size, by_four);
        return;
    }

    const int lane = static_cast<int>(threadIdx.x) % g.group, channel = static_cast<int>(part) / g.row_blocks * g.group + lane;
    if (channel >= g.channels) return;
    const int first_row = static_cast<int>(part) % g.row_blocks * shift3d_rows, rows = g.d * g.h;
    const int2 entry = plan[channel];
    const int shift = g.inverse ? -entry.y : entry.y;
    const int first_w = static_cast<int>(threadIdx.x) / g.group, step_w = shift3d_threads / g.group;
    const int along_w = entry.x < 0 || entry.x > 1 ? shift : 0;
    // The same for every row: where voxel w's source is, w - along_w, wrapped in [0, w).
    const int turned_w = g.filled ? along_w : wrapped(along_w, g.w);

    for (int row = first_row; row < first_row + shift3d_rows && row < rows; ++row) {
        int d = row / g.h, h = row % g.h;
        if (entry.x == 0) d -= shift;
        if (entry.x == 1) h -= shift;
        bool outside = false;
        if (g.filled) {
            outside = d < 0 || d >= g.d || h < 0 || h >= g.h;
        } else {
            d = wrapped(d, g.d);
            h = wrapped(h, g.h);
        }
        float* const to = y + row * row_size + channel;
        const float* const from = outside ? x : x + (static_cast<int64_t>(d) * g.h + h) * row_size + channel;
#pragma unroll 4
        for (int w = first_w; w < g.w; w += step_w) {
            int source = w - turned_w;
            float value = g.fill;
            if (g.filled) {
                if (!outside && source >= 0 && source < g.w) value = from[source * g.channels];
            } else {
                if (source < 0) source += g.w;
                value = from[source * g.channels];
            }
            to[w * g.channels] = value;
        }
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
