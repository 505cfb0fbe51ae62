#include "imaging/dense_edges.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/parallel.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr double inside_mm = 3, window_mm = 6, widest_mm = 2;
constexpr float dense_hu = -650, tissue_hu = 40;
constexpr float fewest = 20;  // voxels in the window that say how dense a place is

// Sums over windows of 2 half + 1 along one axis, in place.
void window_sums(std::vector<float>& v, const Index3& size, size_t axis, int64_t half) {
    const int64_t stride = axis == 0 ? 1 : axis == 1 ? size[0] : size[0] * size[1];
    const int64_t length = size[axis], lines = size[0] * size[1] * size[2] / length;
    parallel_ranges(lines, [&](int64_t begin, int64_t end) {
        std::vector<float> line(static_cast<size_t>(length));
        for (int64_t n = begin; n < end; ++n) {
            float* at = v.data() + n / stride * stride * length + n % stride;
            for (int64_t i = 0; i < length; ++i) line[static_cast<size_t>(i)] = at[i * stride];
            float sum = std::accumulate(line.begin(), line.begin() + std::min(half, length), 0.0f);
            for (int64_t i = 0; i < length; ++i) {
                if (i + half < length) sum += line[static_cast<size_t>(i + half)];
                if (i - half > 0) sum -= line[static_cast<size_t>(i - half - 1)];
                at[i * stride] = sum;
            }
        }
    });
}

}  // namespace

double grow_dense_edges(const Volume& hu, Mask& lungs) {
    const Box box = bounding_box(lungs);
    if (box.empty()) return 0;
    const Geometry& g = hu.geometry;
    Index3 margin{}, shift{};
    for (size_t a = 0; a < 3; ++a) {
        margin[a] = static_cast<int64_t>(widest_mm / g.spacing[a]) + 1;
        shift[a] = box.low[a] - margin[a];
    }
    Mask here = crop(lungs, box, margin);
    const Index3 size = here.geometry.size;
    const auto whole = [&](int64_t i, int64_t j, int64_t k) {
        return lungs.offset(i + shift[0], j + shift[1], k + shift[2]);
    };
    const auto inside = [&](int64_t i, int64_t j, int64_t k) {
        return i + shift[0] >= 0 && i + shift[0] < g.size[0] && j + shift[1] >= 0 && j + shift[1] < g.size[1] &&
               k + shift[2] >= 0 && k + shift[2] < g.size[2];
    };
    // Mean density around, of voxels that no edge blurs. Whole numbers: the sums are exact in any order.
    std::vector<float> sum(here.voxels.size(), 0), count = sum;
    const Mask core = erode(here, inside_mm, Element::ball);
    for (int64_t k = 0; k < size[2]; ++k)
        for (int64_t j = 0; j < size[1]; ++j)
            for (int64_t i = 0; i < size[0]; ++i)
                if (core.at(i, j, k)) {
                    const auto n = static_cast<size_t>(here.offset(i, j, k));
                    sum[n] = std::round(hu.voxels[static_cast<size_t>(whole(i, j, k))]);
                    count[n] = 1;
                }
    for (size_t a = 0; a < 3; ++a) {
        const int64_t half = std::max<int64_t>(1, std::llround(window_mm / g.spacing[a]));
        window_sums(sum, size, a, half);
        window_sums(count, size, a, half);
    }
    int64_t added = 0;
    const int rounds = std::max(1, static_cast<int>(widest_mm / std::max(g.spacing[0], g.spacing[1])));
    std::vector<std::pair<size_t, uint8_t>> next;
    for (int round = 0; round < rounds; ++round) {
        next.clear();
        for (int64_t k = 1; k + 1 < size[2]; ++k)
            for (int64_t j = 1; j + 1 < size[1]; ++j)
                for (int64_t i = 1; i + 1 < size[0]; ++i) {
                    const auto n = static_cast<size_t>(here.offset(i, j, k));
                    if (here.voxels[n] || count[n] < fewest || sum[n] < dense_hu * count[n] || !inside(i, j, k))
                        continue;
                    uint8_t side = 0;
                    for (const auto step : {int64_t{1}, size[0], size[0] * size[1]})
                        side = std::max({side, here.voxels[n + static_cast<size_t>(step)],
                                         here.voxels[n - static_cast<size_t>(step)]});
                    const float edge = 0.5f * (sum[n] / count[n] + tissue_hu);
                    if (side && hu.voxels[static_cast<size_t>(whole(i, j, k))] < edge) next.emplace_back(n, side);
                }
        for (const auto& [n, side] : next) here.voxels[n] = side;
        added += std::ssize(next);
    }
    paste(lungs, here, shift);
    return static_cast<double>(added) * g.voxel_ml();
}

}  // namespace cmtl
