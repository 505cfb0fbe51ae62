#pragma once
// What a convolution's kernels are told: sizes, tiles and shares, computed on the host from the problem alone.
#include <cstdint>
#include <initializer_list>

#include "kernels/conv3d.hpp"

namespace cmtl::kernels {

// Division of numbers below 2^31 by one that is known before the kernel starts: a multiplication and a shift. With 2^l
// the least power of two not below d, floor(i / d) = floor(i * ceil(2^(31 + l) / d) / 2^(31 + l)) (Granlund and
// Montgomery 1994).
struct Divisor {
    uint32_t divisor = 1, multiplier = 0;
    int shift = 0;

    Divisor() = default;
    explicit Divisor(int64_t d) : divisor(static_cast<uint32_t>(d)) {
        int l = 0;
        while ((int64_t{1} << l) < d) ++l;
        multiplier = l == 0 ? 0 : static_cast<uint32_t>(((uint64_t{1} << (31 + l)) + divisor - 1) / divisor);
        shift = l - 1;
    }
};

// A convolution as one gathers it: row m of the result is a position (n, z, y, x) of a grid, and the product of its
// weights with the source at (position * multiply + offset + tap), summed over taps and channels. Forward it is the
// definition. For the gradient of x the source is dy, and inputs whose coordinates have the same remainders modulo the
// stride see the same taps of the kernel, every stride-th: each such class is one gather without holes, the kernel
// mirrored. Weights are read as rows of `depth()` numbers, one row an output: forward they lie in memory so, for the
// gradient they are arranged first.
struct Conv3dGather {
    int rows;                 // positions of the grid, all samples
    int grid[3];              // d, h, w
    Divisor by[3];            // their numbers
    int source[3], channels;  // summed over
    int target[3], outputs;   // where rows go: position * spread + start
    int multiply[3], offset[3];
    int taps[3];
    int weight_first[3], weight_step[3];  // tap t is tap first + t * step of the kernel
    int kernel[3];
    int spread[3], start[3];
    bool dense;  // rows go where they are: spread 1, start 0
    bool tap_fastest = false;  // the order of the depth: see order_for_tensor_cores

    int tap_count() const { return taps[0] * taps[1] * taps[2]; }
    int depth() const { return tap_count() * channels; }
};

inline Conv3dGather forward_gather(const Conv3dSizes& s) {
    Conv3dGather g{};
    g.rows = static_cast<int>(s.positions());
    for (int axis = 0; axis < 3; ++axis) {
        g.source[axis] = static_cast<int>(s.size(axis));
        g.grid[axis] = g.target[axis] = static_cast<int>(s.out_size(axis));
        g.multiply[axis] = static_cast<int>(s.stride[axis]);
        g.offset[axis] = -static_cast<int>(s.padding[axis]);
        g.taps[axis] = g.kernel[axis] = static_cast<int>(s.kernel[axis]);
        g.weight_step[axis] = g.spread[axis] = 1;
        g.by[axis] = Divisor(g.grid[axis]);
    }
    g.channels = static_cast<int>(s.in);
    g.outputs = static_cast<int>(s.out);
    g.dense = true;
    return g;
}

// Inputs at z = stride * m + remainder. Output o sees input z through tap a = z + padding - stride * o, so the taps of
// this class are a0, a0 + stride, ... with a0 = (remainder + padding) % stride, and o falls by one from each to the
// next.
inline Conv3dGather backward_gather(const Conv3dSizes& s, const int (&remainder)[3]) {
    Conv3dGather g{};
    g.rows = static_cast<int>(s.n);
    for (int axis = 0; axis < 3; ++axis) {
        const int kernel = static_cast<int>(s.kernel[axis]), stride = static_cast<int>(s.stride[axis]),
                  padding = static_cast<int>(s.padding[axis]), size = static_cast<int>(s.size(axis));
        const int r = remainder[axis], first = (r + padding) % stride;
        const int taps = first < kernel ? (kernel - first + stride - 1) / stride : 0;
        g.target[axis] = size;
        g.source[axis] = static_cast<int>(s.out_size(axis));
        g.grid[axis] = size > r ? (size - r + stride - 1) / stride : 0;
        g.taps[axis] = taps;
        g.multiply[axis] = 1;
        g.offset[axis] = (r + padding - first) / stride - (taps - 1);
        g.weight_first[axis] = first + stride * (taps - 1);
        g.weight_step[axis] = -stride;
        g.kernel[axis] = kernel;
        g.spread[axis] = stride;
        g.start[axis] = r;
        g.rows *= g.grid[axis];
        g.by[axis] = Divisor(g.grid[axis]);
    }
    g.channels = static_cast<int>(s.out);
    g.outputs = static_cast<int>(s.in);
    g.dense = s.stride == 1;
    return g;
}

// The depth of a sum is walked tap by tap, a tap's channels together. Where channels come in whole steps of 32, the
// tensor cores' kernels take all taps of 32 channels, then those of the next: two neighbouring taps want nearly the
// same inputs, and 128 positions of 32 channels are 16 KiB, which L1 still holds when the next tap comes.
inline Conv3dGather order_for_tensor_cores(Conv3dGather g) {
    g.tap_fastest = g.channels % 32 == 0;
    return g;
}

// bf16 weights have rows of whole steps.
inline int bf16_length(const Conv3dGather& g) { return (g.depth() + 31) / 32 * 32; }

// Calls function(gather, offset) for each class of inputs that there are; `offset` is where its weights begin in the
// workspace. Returns the bytes of all.
template <class Function>
int64_t for_each_backward_gather(const Conv3dSizes& s, const Function& function) {
    int64_t offset = 0;
    for (int z = 0; z < s.stride.d && z < s.d; ++z)
        for (int y = 0; y < s.stride.h && y < s.h; ++y)
            for (int x = 0; x < s.stride.w && x < s.w; ++x) {
                const Conv3dGather g = backward_gather(s, {z, y, x});
                function(g, offset);
                const int64_t bytes =
                    s.bf16 ? int64_t{2} * g.outputs * bf16_length(g) : int64_t{4} * g.outputs * g.depth();
                offset += (bytes + 15) / 16 * 16;
            }
    return offset;
}

constexpr int gather_rows = 128;  // of a block's tile

// Columns of a block's tile: as few idle ones as possible, then as wide as possible, as long as there are two blocks
// for each multiprocessor of a large GPU. (The choice does not change a bit of the result: every element is one sum in
// one order.)
inline int gather_columns(const Conv3dGather& g) {
    int best = 128;
    const auto padded = [&](int columns) { return (g.outputs + columns - 1) / columns * columns; };
    for (int columns : {64, 32})
        if (padded(columns) < padded(best)) best = columns;
    const int64_t row_tiles = (int64_t{1} * g.rows + gather_rows - 1) / gather_rows;
    while (best > 32 && row_tiles * (padded(best) / best) < 256) best /= 2;
    return best;
}

// Forward convolutions of one channel have a kernel of their own (conv3d_single_channel.cuh): tiles of 32 x 8
// positions, 64 outputs.
constexpr int single_outputs = 64, single_weights = 68, single_width = 32, single_height = 8;

struct SingleChannelTiles {
    int rows, columns;  // tiles along h and w
    int box_h, box_w;   // of x, under a tile: (tile - 1) * stride + kernel
    int box;            // floats of it, kernel planes, rounded up to whole vectors
    Divisor by_rows, by_columns, by_box_h, by_box_w;
    int64_t shared_bytes;
};

inline SingleChannelTiles single_channel_tiles(const Conv3dGather& g) {
    SingleChannelTiles t{};
    t.rows = (g.grid[1] + single_height - 1) / single_height;
    t.columns = (g.grid[2] + single_width - 1) / single_width;
    t.box_h = (single_height - 1) * g.multiply[1] + g.kernel[1];
    t.box_w = (single_width - 1) * g.multiply[2] + g.kernel[2];
    t.box = (g.kernel[0] * t.box_h * t.box_w + 3) / 4 * 4;
    t.by_rows = Divisor(t.rows);
    t.by_columns = Divisor(t.columns);
    t.by_box_h = Divisor(t.box_h);
    t.by_box_w = Divisor(t.box_w);
    t.shared_bytes = int64_t{4} * (t.box + g.tap_count() * single_weights);
    return t;
}

// Where its outputs are mostly used and a block fits into the shared memory of every GPU.
inline bool single_channel_suits(const Conv3dGather& g) {
    return g.channels == 1 && g.outputs > 16 && single_channel_tiles(g).shared_bytes <= 64 * 1024;
}

// Whether copies of the weight gradient may be vectors of four floats: of x and of dy, and of the result.
inline bool weights_in_vectors(const Conv3dSizes& s) { return s.in % 4 == 0 && s.out % 4 == 0; }

// The gradient of the weights is a product too: (out x positions) times (positions x taps * in). Positions are cut into
// `splits` shares, whose sums a second kernel adds.
struct Conv3dWeightsPlan {
    int tile_rows, tile_columns;  // of out, of taps * in
    int row_tiles, column_tiles;
    int splits;
    int share;  // positions of a split, a multiple of 64
};

inline Conv3dWeightsPlan plan_backward_weights(const Conv3dSizes& s) {
    const bool vectors = weights_in_vectors(s);
    const int64_t columns = s.taps() * s.in;
    struct Tile {
        int rows, columns;
        double cost;  // of one multiplication, by what the tile's loads add
    };
    constexpr Tile tiles[] = {{128, 128, 1.0}, {64, 128, 1.1}, {32, 64, 1.25}, {64, 32, 1.25}};
    Conv3dWeightsPlan best{};
    double best_cost = 0;
    for (const Tile& t : tiles) {
        if ((!vectors && t.columns != 32) || (s.bf16 && t.rows == 128)) continue;
        const int64_t row_tiles = (s.out + t.rows - 1) / t.rows, column_tiles = (columns + t.columns - 1) / t.columns;
        const double cost = t.cost * double(row_tiles * t.rows) * double(column_tiles * t.columns);
        if (best_cost != 0 && cost >= best_cost) continue;
        best_cost = cost;
        best.tile_rows = t.rows;
        best.tile_columns = t.columns;
        best.row_tiles = static_cast<int>(row_tiles);
        best.column_tiles = static_cast<int>(column_tiles);
    }
    // About a thousand blocks fill any GPU several times; a share is not worth its partial sums below 512 positions.
    const int64_t tiles_in_all = int64_t{1} * best.row_tiles * best.column_tiles, positions = s.positions();
    int64_t splits = (1024 + tiles_in_all - 1) / tiles_in_all;
    if (splits > positions / 512) splits = positions / 512;
    if (splits < 1) splits = 1;
    int64_t share = ((positions + splits - 1) / splits + 63) / 64 * 64;
    if (share == 0) share = 64;
    splits = (positions + share - 1) / share;
    best.splits = static_cast<int>(splits < 1 ? 1 : splits);
    best.share = static_cast<int>(share);
    return best;
}

}  // namespace cmtl::kernels
