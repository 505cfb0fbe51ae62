// The augmentation's kernels against its definition: crop, noise on lung voxels, limits, standardisation, turns, flip.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "kernels/augmentation.hpp"
#include "kernels/kernel_test.hpp"
#include "reference/random.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class AugmentationKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(AugmentationKernels, Targets);

std::vector<uint16_t> volume_of(const AugmentedCrop& c) {
    std::vector<uint16_t> volume(static_cast<size_t>(c.size[0]) * static_cast<size_t>(c.size[1]) * static_cast<size_t>(c.size[2]));
    for (size_t i = 0; i < volume.size(); ++i) {
        const reference::Words w = reference::draw(5, 11, 0, i);
        volume[i] = static_cast<uint16_t>(w[0] % 3 == 0 ? 0 : w[0] % 7 == 0 ? 4095 : w[1] % 4096);
    }
    return volume;
}

double uniform(uint32_t low, uint32_t high) { return (std::floor(std::ldexp(high, 20)) + (low >> 12) + 0.5) * 0x1p-52; }

// The crop, standardised; then quarter turns (y, x) -> (x, -y) one by one, then the flip.
std::vector<double> expected(const AugmentedCrop& c, const std::vector<uint16_t>& volume, uint64_t seed, uint64_t epoch) {
    const int64_t depth = c.crop[0], height = c.crop[1], width = c.crop[2];
    const auto at = [&](int64_t z, int64_t y, int64_t x) { return static_cast<size_t>((z * height + y) * width + x); };
    std::vector<double> out(static_cast<size_t>(depth * height * width));
    for (int64_t z = 0; z < depth; ++z)
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x) {
                const double voxel =
                    volume[static_cast<size_t>(((z + c.offset[0]) * c.size[1] + y + c.offset[1]) * c.size[2] + x + c.offset[2])];
                double value = std::min(voxel, c.clip);
                if (c.noise_sd > 0 && voxel > 0) {
                    const reference::Words w = reference::draw(seed, 7, epoch, (c.case_number << 36) + at(z, y, x) / 2);
                    const double radius = std::sqrt(-2 * std::log(uniform(w[0], w[1]))), angle = 2 * std::numbers::pi * uniform(w[2], w[3]);
                    value = std::clamp(voxel + c.noise_sd * radius * (at(z, y, x) % 2 ? std::sin(angle) : std::cos(angle)), 0.0, c.clip);
                }
                out[at(z, y, x)] = (value - c.mean) / (c.deviation > 0 ? c.deviation : 1);
            }
    for (int turn = 0; turn < c.quarter_turns; ++turn) {
        // Two turns of a plane that is not square take it through one of the other shape.
        std::vector<double> turned(out.size());
        const int64_t rows = turn % 2 ? width : height, columns = turn % 2 ? height : width;  // before this turn
        for (int64_t z = 0; z < depth; ++z)
            for (int64_t y = 0; y < rows; ++y)
                for (int64_t x = 0; x < columns; ++x)
                    turned[static_cast<size_t>((z * columns + columns - 1 - x) * rows + y)] = out[static_cast<size_t>((z * rows + y) * columns + x)];
        out = turned;
    }
    if (c.flip)
        for (int64_t row = 0; row < depth * height; ++row) std::reverse(out.begin() + row * width, out.begin() + (row + 1) * width);
    return out;
}

TYPED_TEST(AugmentationKernels, AreTheDefinitionForEveryTurnFlipAndNoise) {
    this->on_devices([](TestDevice& device) {
        const std::array<std::array<int, 3>, 6> crops{{{1, 1, 1}, {2, 5, 5}, {3, 33, 33}, {1, 64, 64}, {2, 7, 12}, {3, 4, 41}}};
        for (const auto& crop : crops)
            for (int turns = 0; turns < 4; ++turns)
                for (bool flip : {false, true})
                    for (double noise : {0.0, 12.5}) {
                        if (turns % 2 && crop[1] != crop[2]) continue;
                        AugmentedCrop c{{crop[0] + 3, crop[1] + 2, crop[2] + 5}, {2, 1, 3}, {crop[0], crop[1], crop[2]}, noise, 77, 2000, 321.5, 432.25, turns, flip};
                        const std::vector<uint16_t> host = volume_of(c);
                        const auto volume = device.array(host);
                        const auto input = device.array<float>(static_cast<size_t>(crop[0] * crop[1] * crop[2]), -77);
                        augmented_crop<TypeParam>(device.stream, c, {42, 7, 6, nullptr}, volume.data(), input.data());
                        const std::vector<float> got = input.host();
                        const std::vector<double> want = expected(c, host, 42, 6);
                        for (size_t i = 0; i < got.size(); ++i)
                            ASSERT_NEAR(static_cast<double>(got[i]), want[i], 1e-6) << crop[0] << "x" << crop[1] << "x" << crop[2] << ", " << turns
                                                                                    << " turns, flip " << flip << ", noise " << noise << ", voxel " << i;
                    }
    });
}

TYPED_TEST(AugmentationKernels, LimitsHoldAndAFlatCohortIsNotDividedByZero) {
    this->on_devices([](TestDevice& device) {
        const AugmentedCrop c{{4, 6, 6}, {0, 0, 0}, {4, 6, 6}, 3000, 1, 2000, 100, 0, 0, false};
        const std::vector<uint16_t> host = volume_of(c);
        const auto volume = device.array(host);
        const auto input = device.array<float>(host.size(), -77);
        augmented_crop<TypeParam>(device.stream, c, {42, 7, 6, nullptr}, volume.data(), input.data());
        const std::vector<float> got = input.host();
        EXPECT_EQ(*std::min_element(got.begin(), got.end()), -100);
        EXPECT_EQ(*std::max_element(got.begin(), got.end()), 1900);
        for (size_t i = 0; i < host.size(); ++i) ASSERT_TRUE(host[i] != 0 || got[i] == -100) << i;
    });
}

}  // namespace
}  // namespace cmtl::kernels
