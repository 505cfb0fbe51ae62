#pragma once
// ROIs that tests of the texture kernels share, and how they get onto a device.
#include <random>
#include <string>
#include <vector>

#include "kernels/kernel_case.hpp"
#include "kernels/roi_levels.hpp"
#include "reference/level_volume.hpp"

namespace cmtl::kernels {

struct RoiCase {
    std::string name;
    Sizes sizes;
    std::vector<int> levels;
    int highest;
};

// level(z, y, x, random number) of each voxel.
template <class Level>
RoiCase roi_case(std::string name, const Sizes& sizes, int highest, Level level) {
    RoiCase c{std::move(name), sizes, {}, highest};
    std::mt19937_64 random(20201209);
    for (int64_t z = 0; z < sizes[0]; ++z)
        for (int64_t y = 0; y < sizes[1]; ++y)
            for (int64_t x = 0; x < sizes[2]; ++x)
                c.levels.push_back(level(z, y, x, static_cast<int64_t>(random() >> 1)));
    return c;
}

inline std::vector<RoiCase> roi_cases() {
    const auto random_mask = [](int highest, int64_t percent) {
        return [=](int64_t, int64_t, int64_t, int64_t r) {
            return r % 100 < percent ? static_cast<int>(r / 100 % highest) + 1 : 0;
        };
    };
    // Neighbours alike, as in a lung: slow waves and a little noise; a ball as mask.
    const auto waves = [](int highest, int64_t half) {
        return [=](int64_t z, int64_t y, int64_t x, int64_t r) {
            const int64_t from_middle = (z - half) * (z - half) + (y - half) * (y - half) + (x - half) * (x - half);
            return from_middle > half * half ? 0 : static_cast<int>((z * y / 7 + x * 2 + r % 3) % highest) + 1;
        };
    };
    return {
        roi_case("one voxel", {1, 1, 1}, 1, [](auto...) { return 1; }),
        roi_case("one voxel of a box", {3, 4, 5}, 7,
                 [](int64_t z, int64_t y, int64_t x, int64_t) { return z == 1 && y == 3 && x == 0 ? 7 : 0; }),
        roi_case("no voxel", {3, 4, 5}, 3, [](auto...) { return 0; }),
        roi_case("one level, the whole box", {9, 11, 40}, 1, [](auto...) { return 1; }),
        roi_case("two levels, both percolate", {12, 17, 35}, 2, random_mask(2, 100)),
        roi_case("two levels in a mask with holes", {12, 17, 35}, 2, random_mask(2, 20)),
        roi_case("12 levels", {8, 9, 70}, 12, random_mask(12, 80)),
        roi_case("30 levels", {8, 9, 70}, 30, random_mask(30, 80)),
        roi_case("105 levels, several stretches", {24, 30, 40}, 105, random_mask(105, 90)),
        roi_case("a ball of 90 levels", {41, 41, 41}, 90, waves(90, 20)),
        roi_case("300 levels", {10, 20, 30}, 300, random_mask(300, 90)),
        roi_case("2000 levels, a few of them", {5, 9, 21}, 2000,
                 [](auto, auto, auto, int64_t r) { return r % 3 ? static_cast<int>(r % 7) * 300 + 1 : 0; }),
        roi_case("one slice", {1, 31, 37}, 5, random_mask(5, 70)),
        roi_case("one row of each slice", {29, 1, 33}, 5, random_mask(5, 70)),
        roi_case("one column", {1, 70, 1}, 3, random_mask(3, 90)),
        roi_case("one row", {1, 1, 200}, 2, random_mask(2, 90)),
        roi_case("every other voxel", {6, 7, 8}, 4,
                 [](int64_t z, int64_t y, int64_t x, int64_t r) {
                     return z % 2 || y % 2 || x % 2 ? 0 : static_cast<int>(r % 4) + 1;
                 }),
        roi_case(
            "two voxels far apart on a diagonal", {9, 9, 9}, 2,
            [](int64_t z, int64_t y, int64_t x, int64_t) { return z == y && y == x && (z == 1 || z == 8) ? 2 : 0; }),
        // One zone that goes up and down: every other slab is joined to the next at alternating ends.
        roi_case("a winding zone", {7, 31, 31}, 2,
                 [](int64_t z, int64_t y, int64_t x, int64_t) {
                     if (z % 2) return y == (z % 4 == 1 ? 0 : 30) && x == 15 ? 1 : 2;
                     return y % 2 == 0 || x == (y % 4 == 1 ? 0 : 30) ? 1 : 2;
                 }),
        // Rows that join only at their very ends: long trees.
        roi_case("a comb", {3, 40, 66}, 3,
                 [](int64_t z, int64_t y, int64_t x, int64_t) {
                     return x == 65 ? 1 : y % 2 ? 3 : z % 2 ? 2 : 1;
                 }),
    };
}

// A case on a device, with a border.
template <class Level>
struct RoiOnDevice {
    RoiOnDevice(TestDevice& device, const RoiCase& c, int64_t border)
        : levels(device.array(padded(c, border))),
          voxels(device.array(offsets(c, border))),
          roi{box(c, border), c.highest, levels.data(), static_cast<int64_t>(offsets(c, border).size()),
              voxels.data()} {}

    static LevelBox box(const RoiCase& c, int64_t border) { return {c.sizes[0], c.sizes[1], c.sizes[2], border}; }
    static std::vector<Level> padded(const RoiCase& c, int64_t border) {
        std::vector<Level> all(static_cast<size_t>(box(c, border).elements()));
        reference::each_voxel(c.sizes, c.levels, [&](int64_t z, int64_t y, int64_t x, int level) {
            all[static_cast<size_t>(box(c, border).at(z, y, x))] = static_cast<Level>(level);
        });
        return all;
    }
    static std::vector<int32_t> offsets(const RoiCase& c, int64_t border) {
        std::vector<int32_t> all;
        reference::each_voxel(c.sizes, c.levels, [&](int64_t z, int64_t y, int64_t x, int) {
            all.push_back(static_cast<int32_t>(box(c, border).at(z, y, x)));
        });
        return all;
    }

    DeviceArray<Level> levels;
    DeviceArray<int32_t> voxels;
    RoiLevels<Level> roi;
};

inline std::vector<VoxelOffset> voxel_offsets(const std::vector<reference::Offset>& all) {
    std::vector<VoxelOffset> result;
    for (const auto& o : all)
        result.push_back({static_cast<int32_t>(o[0]), static_cast<int32_t>(o[1]), static_cast<int32_t>(o[2])});
    return result;
}

// use(Level{}) with each type that holds the levels.
template <class Use>
void each_level_type(const RoiCase& c, Use use) {
    if (c.highest < 256) use(uint8_t{});
    use(uint16_t{});
}

}  // namespace cmtl::kernels
