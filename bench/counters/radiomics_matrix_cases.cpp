// The kernels of texture matrices on a small ROI that looks like a lung: an ellipsoid of slow waves with noise, so that
// most runs are short and some zones large. m: its voxels; levels are of one byte.
#include <algorithm>
#include <cmath>
#include <random>

#include "base/error.hpp"
#include "bench/counters/cases.hpp"
#include "kernels/glcm.hpp"
#include "kernels/glcm_reduce.hpp"
#include "kernels/glrlm.hpp"
#include "kernels/glszm.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;

struct Roi {
    LevelBox box;
    std::vector<uint8_t> levels;
    std::vector<int32_t> voxels;
};

Roi lung(int64_t nz, int64_t ny, int64_t nx, int highest) {
    Roi roi{{nz, ny, nx, 1}, {}, {}};
    roi.levels.resize(static_cast<size_t>(roi.box.elements()));
    std::minstd_rand random(20201209);
    const auto from_middle = [](int64_t i, int64_t n) {
        return (2.0 * static_cast<double>(i) + 1) / static_cast<double>(n) - 1;
    };
    for (int64_t z = 0; z < nz; ++z)
        for (int64_t y = 0; y < ny; ++y)
            for (int64_t x = 0; x < nx; ++x) {
                const double a = from_middle(z, nz), b = from_middle(y, ny), c = from_middle(x, nx);
                // The sum of two is nearer to the middle than one.
                const double noise = static_cast<double>(random() % 100 + random() % 100) / 100 - 1;
                if (a * a + b * b + c * c > 1) continue;
                const double wave = std::sin(5 * a + 3 * b) * std::cos(4 * c),
                             level = highest * (0.5 + 0.4 * wave) + 2.5 * noise;
                const int64_t at = roi.box.at(z, y, x);
                roi.levels[static_cast<size_t>(at)] =
                    static_cast<uint8_t>(std::min<double>(highest, std::max(1.0, std::floor(level))));
                roi.voxels.push_back(static_cast<int32_t>(at));
            }
    return roi;
}

std::vector<VoxelOffset> directions() {
    std::vector<VoxelOffset> all{{0, 0, 1}};
    for (int x = -1; x <= 1; ++x) all.push_back({0, 1, x});
    for (int y = -1; y <= 1; ++y)
        for (int x = -1; x <= 1; ++x) all.push_back({1, y, x});
    return all;
}

}  // namespace

std::vector<CounterCase> radiomics_matrix_cases() {
    static constexpr int highest = 60;
    const Roi roi = lung(40, 48, 56, highest);
    const auto m = static_cast<int64_t>(roi.voxels.size());
    const int64_t bins = glcm_bins(highest), longest = roi.box.longest();
    const std::string size = fmt::format("{} voxels, {} levels, 13 directions", m, highest);
    const auto on_device = [roi](CounterDevice& d) {
        return RoiLevels<uint8_t>{roi.box, highest, static_cast<uint8_t*>(d.put(roi.levels)),
                                  static_cast<int64_t>(roi.voxels.size()), static_cast<int32_t*>(d.put(roi.voxels))};
    };
    const auto offsets = [](CounterDevice& d) { return static_cast<VoxelOffset*>(d.put(directions())); };
    // Reasons.
    const std::string bytes = "a warp's 32 levels are 32 bytes at any address, so two sectors";
    const std::string bins_meet = bytes + "; lanes whose counts share a bank wait for each other";
    const std::string trees = bytes + "; on the way to a root, parents lie anywhere";
    return {
        {"co-occurrence",
         size,
         {{"glcm", "(4 + 1) m", 5 * m, 30, bins_meet, 0.65, m, 0.4}},
         [=](CounterDevice& d) -> Launches {
             return [s = d.stream(), r = on_device(d), o = offsets(d), c = d.array<uint32_t>(13 * bins)] {
                 glcm<Simt>(s, r, 13, o, 227 * 1024, c);
             };
         }},
        {"co-occurrence in global memory",
         size,
         {{"glcm_global", "(4 + 1) m", 5 * m, 33.5, bytes, 0.05, m, 13}},
         [=](CounterDevice& d) -> Launches {
             return [s = d.stream(), r = on_device(d), o = offsets(d), c = d.array<uint32_t>(13 * bins)] {
                 glcm<Simt>(s, r, 13, o, 0, c);
             };
         }},
        {"sums of GLCMs",
         fmt::format("{} levels, 13 directions", highest),
         {{"glcm_integers", "4 D bins", 4 * 13 * bins, 1.4, "rows of a triangle begin at any address"},
          {"glcm_entropies", "4 D bins + 40 D levels", 4 * 13 * bins + 40 * 13 * highest, 4.4}},
         [=](CounterDevice& d) -> Launches {
             auto* const c = d.array<uint32_t>(13 * bins);
             glcm<Simt>(d.stream(), on_device(d), 13, offsets(d), 227 * 1024, c);
             return [s = d.stream(), c, n = d.array<uint64_t>(13 * GlcmIntegers{highest}.count()),
                     v = d.array<GlcmDoubles>(13),
                     scratch = d.array<std::byte>(static_cast<int64_t>(glcm_reduce_scratch(highest, 13)))] {
                 glcm_reduce<Simt>(s, highest, 13, c, n, v, scratch);
             };
         }},
        {"run lengths",
         size,
         {{"glrlm", "(4 + 1) m", 5 * m, 38, bins_meet, 0.6, m, 0.2}},
         [=](CounterDevice& d) -> Launches {
             return [s = d.stream(), r = on_device(d), o = offsets(d), c = d.array<uint32_t>(13 * highest * longest),
                     l = d.array<uint32_t>(13)] { glrlm<Simt>(s, r, 13, o, c, l); };
         }},
        {"zones",
         fmt::format("{} voxels, {} levels", m, highest),
         {{"glszm_start", "(4 + 1 + 4) m", 9 * m, 1.65, bytes},
          {"glszm_join", "(4 + 1 + 4) m", 9 * m, 13, trees, 0.05, m, 0.9},
          {"glszm_count", "(4 + 4) m", 8 * m, 4.5, trees + "; lanes whose counts share a bank wait for each other",
           0.55, m, 0.4},
          {"glszm_list", "(4 + 4) m", 8 * m, 1.5,
           "the ROI's rows begin at any address, its list at every fourth; few lanes hold a root, and those that share "
           "a bank "
           "wait for each other",
           0.2, m, 0.06}},
         [=](CounterDevice& d) -> Launches {
             return [s = d.stream(), r = on_device(d), p = d.array<int32_t>(roi.box.elements()),
                     z = GlszmResult{d.array<uint32_t>(highest * glszm_small_size),
                                     d.array<ZoneRecord>(glszm_most_records(m)), d.array<uint32_t>(1)}] {
                 glszm<Simt>(s, r, p, z);
             };
         }},
    };
}

}  // namespace cmtl::kernels
