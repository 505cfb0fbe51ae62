#pragma once
// Morphology on packed bits, 32 voxels a word. Dilation is the union, over the rows that the element reaches, of a row
// spread by its chord; a spread by h is log2(h) shifts. Erosion is the complement of its complement's dilation.
//
// Bytes per voxel: 1 read to pack, 1 written to unpack; 1 / 8 read and 1 / 8 written in between by each dilation, and
// 3 / 8 for each row of the element from the caches. Some 40 operations a word and row of the element.
#include "kernels/morphology_packed.hpp"
#include "kernels/primitives/warp.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace morphologies {

constexpr int threads = 256;

// The union of x << 0 to x << h (or >>), h from 0 to 31.
template <bool up>
__device__ __forceinline__ uint64_t smeared(uint64_t x, int h) {
    for (int have = 0; have < h;) {
        const int step = have + 1 < h - have ? have + 1 : h - have;
        x |= up ? x << step : x >> step;
        have += step;
    }
    return x;
}

// Word w of a row spread by h to one side: to higher bits (up) or lower ones.
template <bool up>
__device__ __forceinline__ uint32_t spread_side(const uint32_t* row, int64_t w, int64_t words, int h) {
    uint32_t out = 0, near = row[w];
    for (int64_t at = up ? w - 1 : w + 1;; up ? --at : ++at, h -= 32) {
        const bool inside = up ? at >= 0 : at < words;
        const uint32_t far = inside ? row[at] : 0u;
        const int steps = h < 31 ? h : 31;
        out |= up ? static_cast<uint32_t>(smeared<up>(uint64_t{near} << 32 | far, steps) >> 32)
                  : static_cast<uint32_t>(smeared<up>(uint64_t{far} << 32 | near, steps));
        if (h < 32 || !inside) return out;
        near = far;
    }
}

}  // namespace morphologies

// A warp makes a word: bits of the voxels whose being set is `set`; margins hold none.
__global__ void __launch_bounds__(morphologies::threads)
    pack_mask_kernel(PackedMask p, MaskGrid g, bool set, const uint8_t* __restrict__ mask,
                     uint32_t* __restrict__ packed) {
    const int lane = lane_rank();
    const int64_t words = p.count(), stride = item_stride() / warp_size;
    for (int64_t n = first_item() / warp_size; n < words; n += stride) {
        const int64_t row = n / p.words, z = row / p.ny;
        const int64_t i = (n - row * p.words) * 32 + lane - p.margin_x, j = row - z * p.ny - p.margin_y,
                      k = z - p.margin_z;
        const bool inside = i >= 0 && i < g.nx && j >= 0 && j < g.ny && k >= 0 && k < g.nz;
        const unsigned bits = __ballot_sync(whole_warp, inside && (mask[(k * g.ny + j) * g.nx + i] != 0) == set);
        if (lane == 0) packed[n] = bits;
    }
}

__global__ void __launch_bounds__(morphologies::threads)
    spread_mask_kernel(PackedMask p, ElementOnDevice e, bool invert, const uint32_t* __restrict__ from,
                       uint32_t* __restrict__ to) {
    const int64_t count = p.count();
    for (int64_t n = first_item(); n < count; n += item_stride()) {
        const int64_t row = n / p.words, w = n - row * p.words, k = row / p.ny, j = row - k * p.ny;
        uint32_t out = 0;
        for (int dz = -e.reach_z; dz <= e.reach_z; ++dz) {
            if (k + dz < 0 || k + dz >= p.nz) continue;
            for (int dy = -e.reach_y; dy <= e.reach_y; ++dy) {
                const int chord = e.chord[(dz < 0 ? -dz : dz) * (e.reach_y + 1) + (dy < 0 ? -dy : dy)];
                if (j + dy < 0 || j + dy >= p.ny || chord < 0) continue;
                const uint32_t* const there = from + (row + dz * p.ny + dy) * p.words;
                out |= morphologies::spread_side<true>(there, w, p.words, chord) |
                       morphologies::spread_side<false>(there, w, p.words, chord);
            }
        }
        const int64_t left = p.nx - w * 32;
        to[n] = (invert ? ~out : out) & (left < 32 ? (1u << left) - 1u : ~0u);
    }
}

__global__ void __launch_bounds__(morphologies::threads)
    unpack_mask_kernel(PackedMask p, MaskGrid g, const uint32_t* __restrict__ packed, uint8_t* __restrict__ out) {
    const int64_t count = g.nx * g.ny * g.nz;
    for (int64_t v = first_item(); v < count; v += item_stride()) {
        const int64_t row = v / g.nx, i = v - row * g.nx + p.margin_x, k = row / g.ny;
        const int64_t there = (k + p.margin_z) * p.ny + row - k * g.ny + p.margin_y;
        out[v] = static_cast<uint8_t>(packed[there * p.words + i / 32] >> i % 32 & 1u);
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
