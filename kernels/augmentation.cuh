#pragma once
// From the cached volume (16-bit) to the network's input: crop, noise, limits, standardisation, quarter turns and flip in one pass.
// 2 bytes read and 4 written a voxel; the volume crosses the bus as 16-bit integers and nothing else does.
//
// Without a quarter turn rows stay rows: a thread takes output voxels in the order of memory, and a flip only turns the order of
// the lanes within their sectors. With one, rows become columns: tiles of 32 x 32 voxels go through shared memory, so that both
// the reads and the writes run along rows; its rows are one word longer than a tile, which keeps columns out of one bank.
// Rows start anywhere (390 voxels of 2 bytes), so a warp's 64-byte read touches three sectors as a rule; the next warp finds the
// shared one in L1.
//
// Noise is drawn per voxel of the crop before it turns, and only in the lungs (value above 0): two neighbours share a draw of
// Box and Muller, and each computes it anew rather than meet the other across the ends of rows and tiles.
#include "kernels/augmentation.hpp"
#include "kernels/dialect.hpp"
#include "kernels/primitives/philox.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int augmentation_tile = 32, augmentation_rows = 8;  // a tile, and the rows of threads that walk it

// The value at z, y, x of the crop that is not turned yet.
__device__ inline float augmented_voxel(const AugmentedCrop& c, const draws::Key& noise, const uint16_t* volume, int z, int y, int x) {
    const double voxel = volume[((z + c.offset[0]) * c.size[1] + y + c.offset[1]) * c.size[2] + x + c.offset[2]];
    double value = voxel < c.clip ? voxel : c.clip;
    if (c.noise_sd > 0 && voxel > 0) {
        const auto at = static_cast<uint32_t>((z * c.crop[1] + y) * c.crop[2] + x);
        const draws::Words words = draws::philox(noise, (c.case_number << 36) | (at / 2));
        const draws::NormalPair pair = draws::normal_pair(draws::uniform_double(words.x, words.y), draws::uniform_double(words.z, words.w));
        value = voxel + draws::product(c.noise_sd, at % 2 ? pair.second : pair.first);
        value = value < 0 ? 0 : value > c.clip ? c.clip : value;
    }
    return static_cast<float>((value - c.mean) / (c.deviation > 0 ? c.deviation : 1));
}

// No turn, or a half turn.
__global__ void augmented_rows_kernel(AugmentedCrop c, DrawKey noise, const uint16_t* volume, float* input) {
    const draws::Key key = generator_key(noise);
    const int count = c.crop[0] * c.crop[1] * c.crop[2];
    const bool half_turn = c.quarter_turns == 2;
    for (int64_t i = first_item(); i < count; i += item_stride()) {
        const int at = static_cast<int>(i), row = at / c.crop[2];
        int x = at - row * c.crop[2], y = row % c.crop[1];
        const int z = row / c.crop[1];
        if (c.flip != half_turn) x = c.crop[2] - 1 - x;
        if (half_turn) y = c.crop[1] - 1 - y;
        input[i] = augmented_voxel(c, key, volume, z, y, x);
    }
}

// One or three quarter turns of a square plane of `side` voxels. Block: a tile of the plane before it turns.
__global__ void __launch_bounds__(augmentation_tile * augmentation_rows)
    augmented_turn_kernel(AugmentedCrop c, DrawKey noise, const uint16_t* volume, float* input) {
    __shared__ float tile[augmentation_tile][augmentation_tile + 1];
    const draws::Key key = generator_key(noise);
    const int side = c.crop[1], tiles = (side + augmentation_tile - 1) / augmentation_tile;
    const int z = static_cast<int>(blockIdx.x) / (tiles * tiles), part = static_cast<int>(blockIdx.x) % (tiles * tiles);
    const int first_y = part / tiles * augmentation_tile, first_x = part % tiles * augmentation_tile;
    const int lane = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);

    for (int j = line; j < augmentation_tile; j += augmentation_rows)
        if (first_y + j < side && first_x + lane < side)
            tile[j][lane] = augmented_voxel(c, key, volume, z, first_y + j, first_x + lane);
    __syncthreads();
    // Voxel (y, x) goes to (side - 1 - x, y) after one turn, to (x, side - 1 - y) after three: lanes run along y now.
    for (int j = line; j < augmentation_tile; j += augmentation_rows) {
        const int y = first_y + lane, x = first_x + j;
        if (y >= side || x >= side) continue;
        const int to_y = c.quarter_turns == 1 ? side - 1 - x : x;
        int to_x = c.quarter_turns == 1 ? y : side - 1 - y;
        if (c.flip) to_x = side - 1 - to_x;
        input[(static_cast<int64_t>(z) * side + to_y) * side + to_x] = tile[lane][j];
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
