// Pairs, runs and zones of the CPU against plain loops (tests/reference), on the ROIs that the kernels are tested on
// too, with one thread and with several: slabs meet at every place.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "kernels/roi_case.hpp"
#include "radiomics/glcm.hpp"
#include "radiomics/glrlm.hpp"
#include "radiomics/glszm.hpp"
#include "radiomics/radiomics_case.hpp"
#include "reference/glcm.hpp"
#include "reference/glrlm.hpp"
#include "reference/glszm.hpp"

namespace cmtl {
namespace {

using kernels::RoiCase;
using test::Threads;

std::vector<RoiCase> cases() {
    auto all = kernels::roi_cases();
    std::erase_if(
        all, [](const RoiCase& c) { return std::count(c.levels.begin(), c.levels.end(), 0) == std::ssize(c.levels); });
    // Runs longer than a code of eight bits tells, and levels that leave it hardly any.
    all.push_back(kernels::roi_case("a long row", {2, 3, 700}, 2,
                                    [](int64_t z, int64_t, int64_t x, int64_t) { return z && x % 300 == 7 ? 2 : 1; }));
    all.push_back(kernels::roi_case("240 levels", {9, 10, 31}, 240, [](auto, auto, auto, int64_t r) {
        return static_cast<int>(r % 3 ? 240 : r % 240 + 1);
    }));
    all.push_back(kernels::roi_case("250 levels", {9, 10, 31}, 250, [](auto, auto, auto, int64_t r) {
        return static_cast<int>(r % 3 ? 250 : r % 250 + 1);
    }));
    return all;
}

// A case as the CPU's functions take it.
template <class Level>
struct OnCpu {
    explicit OnCpu(const RoiCase& c)
        : roi(find_roi({c.sizes[2], c.sizes[1], c.sizes[0]},
                       [&](int64_t j, int64_t k, uint8_t* row) {
                           for (int64_t i = 0; i < c.sizes[2]; ++i)
                               row[i] = reference::level_at(c.sizes, c.levels, k, j, i) != 0;
                       })),
          volume(roi, 2) {
        levels.voxels.assign(static_cast<size_t>(c.highest), 0);
        levels.highest = c.highest;
        reference::each_voxel(c.sizes, c.levels, [&](int64_t z, int64_t y, int64_t x, int level) {
            *volume.at(x - roi.low[0], y - roi.low[1], z - roi.low[2]) = static_cast<Level>(level);
            ++levels.voxels[static_cast<size_t>(level) - 1];
        });
    }
    Roi roi;
    LevelVolume<Level> volume;
    LevelCounts levels;
};

reference::Offset zyx(const Index3& o) { return {o[2], o[1], o[0]}; }

template <class Level>
void compare(const RoiCase& c) {
    const OnCpu<Level> on(c);
    for (const int threads : {1, 2, 7}) {
        SCOPED_TRACE(c.name + ", " + std::to_string(threads) + " threads");
        const Threads scope(threads);
        const auto same_pairs = [&](const std::vector<uint32_t>& counts, const Index3& offset) {
            const auto expected = reference::glcm(c.sizes, c.levels, c.highest, zyx(offset));
            EXPECT_TRUE(std::equal(counts.begin(), counts.end(), expected.begin(), expected.end()))
                << fmt::format("offset {}", fmt::join(offset, " "));
        };
        const auto offsets = glcm_offsets({1}, on.roi.size);
        count_neighbours(on.roi, on.volume, c.highest, offsets, [&](const NeighbourCounts& counts) {
            const Index3& offset = offsets[counts.direction];
            same_pairs(counts.pairs, offset);
            std::vector<SizeCount> expected;
            if (reference::line_of_two(c.sizes, c.levels, zyx(offset))) {
                const auto runs = reference::glrlm(c.sizes, c.levels, c.highest, zyx(offset));
                const auto longest = static_cast<int64_t>(runs.size()) / c.highest;
                for (size_t i = 0; i < runs.size(); ++i)
                    if (runs[i]) {
                        const auto at = static_cast<int64_t>(i);
                        expected.push_back({static_cast<int>(at / longest) + 1, at % longest + 1, runs[i]});
                    }
            }
            const bool counts_at_all = has_line_of_two(on.roi, offset);
            EXPECT_EQ(counts_at_all ? glrlm_runs(on.levels, counts) : std::vector<SizeCount>(), expected)
                << fmt::format("offset {}", fmt::join(offset, " "));
        });
        if (c.highest <= 300) {
            const auto both = glcm_offsets({1, 2}, on.roi.size);
            glcm_counts(on.roi, on.volume, c.highest, both,
                        [&](size_t d, const std::vector<uint32_t>& counts) { same_pairs(counts, both[d]); });
        }
        std::vector<SizeCount> zones;
        for (const auto& [level, size] : reference::glszm(c.sizes, c.levels)) {
            if (!zones.empty() && zones.back().level == level && zones.back().size == size)
                ++zones.back().count;
            else
                zones.push_back({level, size, 1});
        }
        EXPECT_EQ(glszm_zones(on.roi, on.volume, c.highest), zones);
    }
}

class Matrices : public testing::TestWithParam<RoiCase> {};

TEST_P(Matrices, AreTheDefinitions) {
    if (GetParam().highest <= 255) compare<uint8_t>(GetParam());
    compare<uint16_t>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Rois, Matrices, testing::ValuesIn(cases()), [](const auto& info) {
    std::string name;
    for (const char c : info.param.name)
        if (std::isalnum(static_cast<unsigned char>(c))) name += c;
    return name;
});

// A direction is left out where the box is too short for it; the pair's offset is then not in the list at all.
TEST(Offsets, AreThirteenAndFewerInThinBoxes) {
    EXPECT_EQ(glcm_offsets({1}, {5, 5, 5}).size(), 13u);
    EXPECT_EQ(glcm_offsets({1}, {5, 5, 1}).size(), 4u);
    EXPECT_EQ(glcm_offsets({1}, {5, 1, 1}).size(), 1u);
    EXPECT_EQ(glcm_offsets({1, 2}, {5, 5, 5}).size(), 62u);
    EXPECT_EQ(glcm_offsets({2, 1, 2}, {5, 5, 5}).size(), 62u);
}

}  // namespace
}  // namespace cmtl
