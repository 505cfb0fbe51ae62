// The kernels of lung segmentation on a small chest: two ellipsoids with a few vessels. V: its voxels.
#include <cmath>
#include <random>

#include "base/error.hpp"
#include "bench/counters/cases.hpp"
#include "kernels/active_contour.hpp"
#include "kernels/connected_components.hpp"
#include "kernels/morphology.hpp"
#include "kernels/resample_spline.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;
constexpr int64_t nx = 96, ny = 80, nz = 24, voxels = nx * ny * nz;

std::vector<uint8_t> lungs() {
    std::vector<uint8_t> mask;
    std::minstd_rand random(20201209);
    for (int64_t z = 0; z < nz; ++z)
        for (int64_t y = 0; y < ny; ++y)
            for (int64_t x = 0; x < nx; ++x) {
                const double a = (static_cast<double>(z) - 11.5) / 12, b = (static_cast<double>(y) - 39.5) / 32,
                             c = (std::abs(static_cast<double>(x) - 47.5) - 24) / 20;
                mask.push_back(a * a + b * b + c * c < 1 && random() % 100 > 3);
            }
    return mask;
}

std::vector<SplineTap> taps(int64_t in, int64_t out) {
    std::vector<SplineTap> all;
    for (int64_t o = 0; o < out; ++o)
        all.push_back({o * (in - 1) / (out - 1) - 1 + spline_pad, {1.0 / 6, 4.0 / 6, 1.0 / 6, 0}});
    return all;
}

CounterCase spline_case(const std::string& axis, const SplineLines& l, double most_moved) {
    const int64_t lines = l.outer * l.inner, scratch = static_cast<int64_t>(resample_spline_scratch<Simt>(l));
    return {"spline along " + axis,
            fmt::format("{} lines, {} to {} voxels", lines, l.in, l.out),
            {{"resample_spline_" + axis, "L (4 in + 4 out + 16 (in + 13))",
              lines * (4 * l.in + 4 * l.out + 16 * (l.in + 13)), most_moved}},
            [=](CounterDevice& d) -> Launches {
                return [=, s = d.stream(), t = static_cast<SplineTap*>(d.put(taps(l.in, l.out))),
                        x = d.floats(lines * l.in), y = d.array<float>(lines * l.out),
                        places = d.array<std::byte>(scratch)] { resample_spline<Simt>(s, l, t, x, y, places); };
            }};
}

CounterCase closing_case(bool ball, double most_moved) {
    const double spacing[3] = {1, 1, 1.5};
    const ElementChords e = element_chords(spacing, ball ? 4 : 10, ball);
    const MaskGrid grid{nx, ny, nz};
    const auto with_margin = [&](int64_t n, int reach) { return n + 2 * (reach + 1); };
    const int64_t words =
        (with_margin(nx, e.reach_x) + 31) / 32 * with_margin(ny, e.reach_y) * (ball ? with_margin(nz, e.reach_z) : nz);
    const std::string bytes = "a warp's 32 voxels are 32 bytes at any address";
    std::vector<KernelMinimum> minimums{{"spread_mask", "2 (V / 8 + V / 8), with margins", 2 * 8 * words, most_moved,
                                         "the words to either side of a warp's are in the sectors beside its own"}};
    if (!ball) {
        minimums.push_back({"pack_mask", "V + V / 8, with margins", voxels + 4 * words, 3.2, bytes});
        minimums.push_back({"unpack_mask", "V + V / 8", voxels + 4 * words, 1.7});
    }
    return {ball ? "closing with a ball" : "closing with disks", fmt::format("{} voxels, {} mm", voxels, ball ? 4 : 10),
            minimums, [=](CounterDevice& d) -> Launches {
                const ElementOnDevice on{e.reach_x, e.reach_y, e.reach_z, static_cast<int32_t*>(d.put(e.chord))};
                return [=, s = d.stream(), in = static_cast<uint8_t*>(d.put(lungs())), out = d.array<uint8_t>(voxels),
                        scratch = d.array<std::byte>(
                            static_cast<int64_t>(morphology_scratch(grid, on, MorphologyStep::close)))] {
                    morphology<Simt>(s, grid, on, MorphologyStep::close, in, out, scratch);
                };
            }};
}

// Eight rings of 512 points in as many slices, eleven steps: as many as are remembered, and one that is judged.
CounterCase snake_case() {
    static constexpr int64_t slices = 8, side = 96, n = slices * side * side, each = 512, points = slices * each;
    return {"snakes",
            fmt::format("{} of {} points, {} x {} pixels", slices, each, side, side),
            {{"snake_edges", "12 n", 12 * n, 5.3,
              "the pixels to either side of a warp's are in the sectors beside its own"},
             {"snake_rows", "16 n, twice", 16 * n, 2.25},
             {"snake_columns", "16 n, twice", 16 * n, 2.25},
             {"evolve_snakes", "(32 + 320) P", 352 * points, 4.9,
              "points take nine coefficients each from anywhere; x and y of a point lie together"}},
            [](CounterDevice& d) -> Launches {
                std::vector<double> lower(side, 0.17), pivot(side, 0.72), upper(side, 0.125);
                const SnakeElimination e{static_cast<double*>(d.put(lower)), static_cast<double*>(d.put(pivot)),
                                         static_cast<double*>(d.put(upper))};
                std::vector<Snake> snakes;
                std::vector<SnakePoint> all;
                for (int32_t s = 0; s < slices; ++s) {
                    snakes.push_back({s * each, each, s, {1.5, -0.6, 50, {1, 0, 0, 1}}});
                    for (int p = 0; p < each; ++p)
                        all.push_back({47.5 + 20 * std::cos(p * 6.28 / each), 47.5 + 20 * std::sin(p * 6.28 / each)});
                }
                return [=, s = d.stream(), x = d.floats(n), c = d.array<double>(n),
                        list = static_cast<Snake*>(d.put(snakes)), at = static_cast<SnakePoint*>(d.put(all)),
                        past = d.array<SnakePoint>(points * snake_remembered)] {
                    snake_fields<Simt>(s, slices, side, side, x, e, e, c);
                    evolve_snakes<Simt>(s, side, side, c, slices, list, each, {0.01, 1, 0, 11}, at, past);
                };
            }};
}

}  // namespace

std::vector<CounterCase> imaging_cases() {
    static constexpr ComponentGrid grid{nx, ny, nz};
    const std::string size = fmt::format("{} voxels", voxels);
    const std::string trees = "on the way to a root, parents lie anywhere";
    const std::string neighbours = "a warp's neighbours are 32 bytes at any address; " + trees;
    return {
        spline_case("rows", {512, 96, 120, 1}, 1.1),
        spline_case("columns", {4, 96, 120, 128}, 1.1),
        closing_case(false, 35),
        closing_case(true, 60),
        {"components",
         size,
         {{"components_start", "(1 + 4) V", 5 * voxels, 1.2},
          {"components_join_faces", "V + 4 V / 30, parents of runs that meet", voxels * 34 / 30, 12, neighbours, 0.05,
           voxels, 0.2},
          {"components_roots", "(4 + 1) V", 5 * voxels, 1.01},
          {"components_label", "(4 + 4) V", 8 * voxels, 1.55, trees, 0.05, voxels, 0.5},
          {"component_sizes", "4 V", 4 * voxels, 1.01, "lanes whose counts share a bank wait for each other", 0.6,
           voxels, 0.1}},
         [=](CounterDevice& d) -> Launches {
             return [=, s = d.stream(), in = static_cast<uint8_t*>(d.put(lungs())), labels = d.array<int32_t>(voxels),
                     count = d.array<int32_t>(1), sizes = d.array<int32_t>(voxels),
                     scratch = d.array<std::byte>(static_cast<int64_t>(connected_components_scratch<Simt>(grid)))] {
                 connected_components<Simt>(s, grid, in, labels, count, scratch);
                 component_sizes<Simt>(s, voxels, labels, voxels, sizes);
             };
         }},
        snake_case(),
        {"holes",
         size,
         {{"holes_fill", "4 V", 4 * voxels, 2.25, trees, 0.05, voxels, 0.5}},
         [=](CounterDevice& d) -> Launches {
             return [=, s = d.stream(), in = static_cast<uint8_t*>(d.put(lungs())), p = d.array<int32_t>(voxels)] {
                 fill_holes<Simt>(s, grid, in, p);
             };
         }},
    };
}

}  // namespace cmtl::kernels
