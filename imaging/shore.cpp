#include "imaging/shore.hpp"

#include <algorithm>

#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr double shore_from_mm = 3.5, shore_to_mm = 8;  // of the bay; nearer, every lung is blurred with it
constexpr float dense_hu = -700;

// Index on the fine grid of a voxel of the coarse one: samples are enough to judge a shore by.
int64_t fine_index(int64_t n, int64_t coarse, int64_t fine) { return coarse > 1 ? n * (fine - 1) / (coarse - 1) : 0; }

}  // namespace

double dense_shore(const Volume& hu, const Mask& lung, const Components& bays, int32_t which) {
    const Component& bay = bays.list()[static_cast<size_t>(which)];
    const Geometry& c = lung.geometry;
    Index3 margin{};
    Mask here;
    here.geometry = c;
    for (size_t a = 0; a < 3; ++a) {
        margin[a] = static_cast<int64_t>(shore_to_mm / c.spacing[a]) + 1;
        here.geometry.size[a] = bay.high[a] - bay.low[a] + 1 + 2 * margin[a];
    }
    here.voxels.assign(static_cast<size_t>(here.geometry.count()), 0);
    for (int64_t k = bay.low[2]; k <= bay.high[2]; ++k)
        for (int64_t j = bay.low[1]; j <= bay.high[1]; ++j)
            for (const Components::Run& run : bays.row(j, k))
                if (run.component == which)
                    std::fill_n(&here.at(run.begin - bay.low[0] + margin[0], j - bay.low[1] + margin[1],
                                         k - bay.low[2] + margin[2]),
                                run.end - run.begin, uint8_t{1});
    const Mask blurred = dilate(here, shore_from_mm, Element::ball), shore = dilate(here, shore_to_mm, Element::ball);
    int64_t dense = 0, all = 0;
    for (int64_t k = 0; k < here.nz(); ++k)
        for (int64_t j = 0; j < here.ny(); ++j)
            for (int64_t i = 0; i < here.nx(); ++i) {
                if (!shore.at(i, j, k) || blurred.at(i, j, k)) continue;
                const Index3 at{i + bay.low[0] - margin[0], j + bay.low[1] - margin[1], k + bay.low[2] - margin[2]};
                bool inside = true;
                Index3 fine{};
                for (size_t a = 0; a < 3; ++a) {
                    inside = inside && at[a] >= 0 && at[a] < c.size[a];
                    fine[a] = fine_index(at[a], c.size[a], hu.geometry.size[a]);
                }
                if (!inside || !lung.at(at[0], at[1], at[2])) continue;
                ++all, dense += hu.at(fine[0], fine[1], fine[2]) > dense_hu;
            }
    return all > 0 ? static_cast<double>(dense) / static_cast<double>(all) : 0;
}

}  // namespace cmtl
