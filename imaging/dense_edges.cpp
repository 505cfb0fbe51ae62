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
constexpr double block_mm = 2;
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

// The mean density around each place, of voxels that no edge blurs: sums over windows, on blocks of about 2 mm.
class DensityAround {
  public:
    // `lungs` lies in `hu` at `shift`.
    DensityAround(const Volume& hu, const Mask& lungs, const Index3& shift) {
        const Mask core = erode(lungs, inside_mm, Element::ball);
        const Index3& size = lungs.geometry.size;
        for (size_t a = 0; a < 3; ++a) {
            step_[a] = std::max<int64_t>(1, std::llround(block_mm / lungs.geometry.spacing[a]));
            blocks_[a] = (size[a] + step_[a] - 1) / step_[a];
        }
        sum_.assign(static_cast<size_t>(blocks_[0] * blocks_[1] * blocks_[2]), 0);
        count_ = sum_;
        parallel_ranges(blocks_[2], [&](int64_t begin, int64_t end) {
            for (int64_t k = begin * step_[2]; k < std::min(size[2], end * step_[2]); ++k)
                for (int64_t j = 0; j < size[1]; ++j)
                    for (int64_t i = 0; i < size[0]; ++i)
                        if (core.at(i, j, k)) {
                            // Whole numbers: the sums are exact in any order.
                            sum_[block(i, j, k)] += std::round(hu.at(i + shift[0], j + shift[1], k + shift[2]));
                            ++count_[block(i, j, k)];
                        }
        });
        for (size_t a = 0; a < 3; ++a) {
            const double mm = lungs.geometry.spacing[a] * static_cast<double>(step_[a]);
            const int64_t half = std::max<int64_t>(1, std::llround(window_mm / mm));
            window_sums(sum_, blocks_, a, half);
            window_sums(count_, blocks_, a, half);
        }
    }
    // Where the lung's edge lies, if the lung beside is dense; else a value below any.
    float edge(int64_t i, int64_t j, int64_t k) const {
        const size_t b = block(i, j, k);
        if (count_[b] < fewest || sum_[b] < dense_hu * count_[b]) return -INFINITY;
        return 0.5f * (sum_[b] / count_[b] + tissue_hu);
    }

  private:
    size_t block(int64_t i, int64_t j, int64_t k) const {
        return static_cast<size_t>((k / step_[2] * blocks_[1] + j / step_[1]) * blocks_[0] + i / step_[0]);
    }

    Index3 step_{}, blocks_{};
    std::vector<float> sum_, count_;
};

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
    const DensityAround density(hu, here, shift);
    Index3 first{}, last{};  // of those that lie in the volume and have neighbours
    for (size_t a = 0; a < 3; ++a) {
        first[a] = std::max<int64_t>(1, -shift[a]);
        last[a] = std::min(size[a] - 2, g.size[a] - 1 - shift[a]);
    }
    int64_t added = 0;
    const int rounds = std::max(1, static_cast<int>(widest_mm / std::max(g.spacing[0], g.spacing[1])));
    using Voxel = std::pair<size_t, uint8_t>;
    std::vector<std::vector<Voxel>> next(static_cast<size_t>(size[2]));  // by slice
    for (int round = 0; round < rounds; ++round) {
        parallel_ranges(size[2], [&](int64_t begin, int64_t end) {
            for (int64_t k = std::max(begin, first[2]); k < std::min(end, last[2] + 1); ++k)
                for (int64_t j = first[1]; j <= last[1]; ++j)
                    for (int64_t i = first[0]; i <= last[0]; ++i) {
                        const auto n = static_cast<size_t>(here.offset(i, j, k));
                        if (here.voxels[n]) continue;
                        uint8_t side = 0;
                        for (const auto step : {int64_t{1}, size[0], size[0] * size[1]})
                            side = std::max({side, here.voxels[n + static_cast<size_t>(step)],
                                             here.voxels[n - static_cast<size_t>(step)]});
                        if (side && hu.at(i + shift[0], j + shift[1], k + shift[2]) < density.edge(i, j, k))
                            next[static_cast<size_t>(k)].emplace_back(n, side);
                    }
        });
        for (auto& slice : next) {
            for (const auto& [n, side] : slice) here.voxels[n] = side;
            added += std::ssize(slice);
            slice.clear();
        }
    }
    paste(lungs, here, shift);
    return static_cast<double>(added) * g.voxel_ml();
}

}  // namespace cmtl
