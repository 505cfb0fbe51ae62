#include "imaging/cropped_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/parallel.hpp"
#include "imaging/components.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr float padding_hu = -1020, air_hu = -960, tissue_hu = -300;
constexpr float above_air_hu = 25;   // lung with emphysema is hardly more; the mean of air is steady within a scan
constexpr double window_mm = 3;      // on either side: noise of air does not look like lung in the mean
constexpr double narrowest_mm = 10;  // a blurred skin line is thinner
constexpr double smallest_mm2 = 500;
constexpr double body_share = 0.1;    // of the rim: else the slice shows air around the patient
constexpr double tissue_share = 0.6;  // of what bounds a region: a blanket lies in air
constexpr double bound_mm = 4;
constexpr double same_share = 0.7;  // of a region that is lung in the slice beside: it is lung, too
constexpr double block_mm = 4;
constexpr float steady_hu = 15, unsteady_hu = 20;  // a table and its mattress are the same in all slices, lung is not
constexpr float thickest_hu = -500;                // mean of a region

// The pixels that the scanner reconstructed: all, or those of the round field of view if its outside is padding.
std::vector<uint8_t> view_of(const Volume& hu) {
    const int64_t nx = hu.nx(), ny = hu.ny();
    std::vector<uint8_t> circle;
    const double x0 = 0.5 * static_cast<double>(nx - 1), y0 = 0.5 * static_cast<double>(ny - 1);
    const double radius = std::min(x0 * hu.geometry.spacing[0], y0 * hu.geometry.spacing[1]);
    int64_t outside = 0, padding = 0;
    for (int64_t j = 0; j < ny; ++j)
        for (int64_t i = 0; i < nx; ++i) {
            const double r = std::hypot((static_cast<double>(i) - x0) * hu.geometry.spacing[0],
                                        (static_cast<double>(j) - y0) * hu.geometry.spacing[1]);
            // Resampling blurs the rim.
            circle.push_back(r < radius - 2);
            if (r < radius + 2) continue;
            ++outside;
            padding += hu.at(i, j, hu.nz() / 2) < padding_hu;
        }
    if (outside == 0 || static_cast<double>(padding) < 0.99 * static_cast<double>(outside))
        std::fill(circle.begin(), circle.end(), uint8_t{1});
    return circle;
}

// Means over square windows of one slice, cut off at its edges.
std::vector<float> window_means(const float* slice, int64_t nx, int64_t ny, int64_t half) {
    std::vector<float> rows(static_cast<size_t>(nx * ny)), means(rows.size());
    for (int64_t j = 0; j < ny; ++j) {
        const float* from = slice + j * nx;
        float* to = rows.data() + j * nx;
        double sum = 0;
        for (int64_t i = 0; i < std::min(half, nx); ++i) sum += double{from[i]};
        for (int64_t i = 0; i < nx; ++i) {
            if (i + half < nx) sum += double{from[i + half]};
            if (i > half) sum -= double{from[i - half - 1]};
            to[i] = static_cast<float>(
                sum / static_cast<double>(std::min(nx, i + half + 1) - std::max<int64_t>(0, i - half)));
        }
    }
    std::vector<float> sums(static_cast<size_t>(nx), 0);
    const auto add = [&](int64_t j, float sign) {
        const float* from = rows.data() + j * nx;
        for (int64_t i = 0; i < nx; ++i) sums[static_cast<size_t>(i)] += sign * from[i];
    };
    for (int64_t j = 0; j < std::min(half, ny); ++j) add(j, 1);
    for (int64_t j = 0; j < ny; ++j) {
        if (j + half < ny) add(j + half, 1);
        if (j > half) add(j - half - 1, -1);
        const float share = 1 / static_cast<float>(std::min(ny, j + half + 1) - std::max<int64_t>(0, j - half));
        for (int64_t i = 0; i < nx; ++i) means[static_cast<size_t>(j * nx + i)] = share * sums[static_cast<size_t>(i)];
    }
    return means;
}

// The pixels at the rim of the view.
std::vector<int64_t> rim_of(const std::vector<uint8_t>& view, int64_t nx, int64_t ny) {
    std::vector<int64_t> rim;
    for (int64_t j = 0; j < ny; ++j)
        for (int64_t i = 0; i < nx; ++i) {
            const int64_t n = j * nx + i;
            if (!view[static_cast<size_t>(n)]) continue;
            if (i == 0 || i == nx - 1 || j == 0 || j == ny - 1 || !view[static_cast<size_t>(n - 1)] ||
                !view[static_cast<size_t>(n + 1)] || !view[static_cast<size_t>(n - nx)] ||
                !view[static_cast<size_t>(n + nx)])
                rim.push_back(n);
        }
    return rim;
}

// Whether some of the rim is body.
bool is_cropped(const Volume& hu, const std::vector<int64_t>& rim, int64_t k, float air) {
    const float* slice = hu.voxels.data() + k * hu.nx() * hu.ny();
    const auto body = std::count_if(rim.begin(), rim.end(), [&](int64_t n) { return slice[n] > air; });
    return static_cast<double>(body) > body_share * static_cast<double>(rim.size());
}

// What is brighter is no air around the patient: scanners differ in what they call air.
float brightest_air(const Volume& hu, const std::vector<int64_t>& rim) {
    std::array<int64_t, 12> histogram{};  // 5 HU each from padding_hu on
    for (int64_t k = 0; k < hu.nz(); ++k)
        for (int64_t n : rim) {
            const float v = hu.voxels[static_cast<size_t>(k * hu.nx() * hu.ny() + n)];
            if (v >= padding_hu && v < air_hu) ++histogram[static_cast<size_t>((v - padding_hu) / 5)];
        }
    const auto most = std::max_element(histogram.begin(), histogram.end());
    if (*most == 0) return air_hu;
    const float level = padding_hu + 5 * (static_cast<float>(most - histogram.begin()) + 0.5f);
    return std::min(air_hu, level + above_air_hu);
}

// How much the means over blocks of a slice change along the body, in HU.
class Variation {
  public:
    explicit Variation(const Volume& hu) : spacing_(hu.geometry.spacing[2]) {
        const Geometry& g = hu.geometry;
        for (size_t a : {size_t{0}, size_t{1}}) {
            step_[a] = std::max<int64_t>(1, std::llround(block_mm / g.spacing[a]));
            size_[a] = (g.size[a] + step_[a] - 1) / step_[a];
        }
        const int64_t nz = g.size[2], blocks = size_[0] * size_[1];
        mean_.resize(static_cast<size_t>(nz * blocks));
        parallel_ranges(nz, [&](int64_t begin, int64_t end) {
            for (int64_t k = begin; k < end; ++k)
                for (int64_t b = 0; b < blocks; ++b) {
                    const int64_t i0 = b % size_[0] * step_[0], j0 = b / size_[0] * step_[1];
                    double sum = 0, count = 0;
                    for (int64_t j = j0; j < std::min(j0 + step_[1], g.size[1]); ++j)
                        for (int64_t i = i0; i < std::min(i0 + step_[0], g.size[0]); ++i)
                            sum += hu.at(i, j, k), ++count;
                    mean_[static_cast<size_t>(k * blocks + b)] = static_cast<float>(sum / count);
                }
        });
    }
    // The median over the set pixels of slice k of the change over a centimetre: the least of four centimetres around,
    // since a table's bars begin and end somewhere.
    float median(const Mask& region, int64_t k) const {
        const int64_t blocks = size_[0] * size_[1], nz = std::ssize(mean_) / blocks;
        std::vector<uint8_t> weight(static_cast<size_t>(blocks), 0);
        for (int64_t j = 0; j < region.ny(); ++j)
            for (int64_t i = 0; i < region.nx(); ++i)
                if (region.at(i, j, 0)) weight[static_cast<size_t>(j / step_[1] * size_[0] + i / step_[0])] = 1;
        float least = INFINITY;
        for (double from : {-35.0, -20.0, 10.0, 25.0}) {
            const int64_t a = k + std::llround(from / spacing_), b = k + std::llround((from + 10) / spacing_);
            if (a < 0 || b >= nz || a == b) continue;
            std::vector<float> changes;
            for (int64_t n = 0; n < blocks; ++n)
                if (weight[static_cast<size_t>(n)])
                    changes.push_back(std::abs(mean_[static_cast<size_t>(b * blocks + n)] -
                                               mean_[static_cast<size_t>(a * blocks + n)]));
            std::nth_element(changes.begin(), changes.begin() + std::ssize(changes) / 2, changes.end());
            least = std::min(least, changes[changes.size() / 2]);
        }
        return least;
    }

  private:
    std::array<int64_t, 2> step_{}, size_{};
    double spacing_;
    std::vector<float> mean_;
};

// Whether soft tissue is what lies around the region of one slice, and the region is as dark as lung.
bool is_bounded_by_tissue(const float* slice, const std::vector<uint8_t>& view, const Mask& region, const Mask& near,
                          const Mask& bright) {
    int64_t bound = 0, tissue = 0;
    double sum = 0, count = 0;
    for (int64_t n = 0; n < std::ssize(region.voxels); ++n) {
        const auto at = static_cast<size_t>(n);
        if (region.voxels[at]) sum += double{slice[n]}, ++count;
        if (!near.voxels[at] || bright.voxels[at] || !view[at]) continue;
        ++bound, tissue += slice[n] > tissue_hu;
    }
    return sum<thickest_hu * count&& static_cast<double>(tissue)> tissue_share * static_cast<double>(bound);
}

}  // namespace

void keep_cropped_lung(const Volume& hu, double below, Mask& air) {
    const int64_t nx = hu.nx(), ny = hu.ny(), plane = nx * ny;
    const std::vector<uint8_t> view = view_of(hu);
    const std::vector<int64_t> rim = rim_of(view, nx, ny);
    const float least = brightest_air(hu, rim);
    const Geometry& g = hu.geometry;
    const int64_t half = std::max<int64_t>(1, std::llround(window_mm / g.spacing[0]));
    const double pixel = g.spacing[0] * g.spacing[1];
    std::vector<uint8_t> cropped(static_cast<size_t>(hu.nz()), 0);
    parallel_ranges(hu.nz(), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) cropped[static_cast<size_t>(k)] = is_cropped(hu, rim, k, least);
    });
    if (std::find(cropped.begin(), cropped.end(), 1) == cropped.end()) return;
    const Variation variation(hu);
    std::vector<std::vector<std::vector<int64_t>>> unsure(static_cast<size_t>(hu.nz()));  // regions, by slice
    parallel_ranges(hu.nz(), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            if (!cropped[static_cast<size_t>(k)]) continue;
            const float* slice = hu.voxels.data() + k * plane;
            const std::vector<float> means = window_means(slice, nx, ny, half);
            Geometry grid = g;
            grid.size[2] = 1;
            Mask bright(grid);
            for (int64_t n = 0; n < plane; ++n) {
                const auto at = static_cast<size_t>(n);
                bright.voxels[at] = view[at] && means[at] > least && slice[n] < static_cast<float>(below);
            }
            const Mask wide = open(bright, narrowest_mm / 2, Element::disk);
            const Components regions(wide, {Connectivity::faces, true, false});
            for (size_t r = 0; r < regions.list().size(); ++r) {
                if (static_cast<double>(regions.list()[r].voxels) * pixel < smallest_mm2) continue;
                Mask region(grid);
                std::vector<uint8_t> only(regions.list().size(), 0);
                only[r] = 1;
                regions.paint(region, only);
                const float change = variation.median(region, k);
                if (change < steady_hu) continue;
                const Mask near = dilate(region, bound_mm, Element::disk);
                std::vector<int64_t> voxels;
                for (int64_t n = 0; n < plane; ++n) {
                    const auto at = static_cast<size_t>(n);
                    if (near.voxels[at] && view[at] && slice[n] < static_cast<float>(below))
                        voxels.push_back(k * plane + n);
                }
                if (is_bounded_by_tissue(slice, view, region, near, bright))
                    for (int64_t n : voxels) air.voxels[static_cast<size_t>(n)] = 1;
                else if (change > unsteady_hu)
                    unsure[static_cast<size_t>(k)].push_back(std::move(voxels));
            }
        }
    });
    // Such a slice beside others of the lung would cut it in two.
    const auto follow = [&](int64_t k, int64_t from) {
        for (const auto& voxels : unsure[static_cast<size_t>(k)]) {
            const auto shared = std::count_if(voxels.begin(), voxels.end(), [&](int64_t n) {
                return air.voxels[static_cast<size_t>(n + (from - k) * plane)] != 0;
            });
            if (static_cast<double>(shared) > same_share * static_cast<double>(voxels.size()))
                for (int64_t n : voxels) air.voxels[static_cast<size_t>(n)] = 1;
        }
    };
    for (int64_t k = 1; k < hu.nz(); ++k) follow(k, k - 1);
    for (int64_t k = hu.nz() - 2; k >= 0; --k) follow(k, k + 1);
}

}  // namespace cmtl
