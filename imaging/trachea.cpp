#include "imaging/trachea.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "imaging/components.hpp"

namespace cmtl {

namespace {

constexpr double smallest_mm2 = 50, largest_mm2 = 900;  // lumen of the trachea, from children's to widened ones
constexpr double shortest_mm = 30;                      // less far is something else
constexpr double off_midline_mm = 45;
constexpr double bronchi_mm = 45;  // followed below the carina
constexpr float thresholds[] = {-420, -600, -700, -800, -850, -900};

struct Region {
    std::vector<int64_t> voxels;  // offsets within a slice
    int parts = 0;
    double mean = 0;
};

// Follows one candidate; keeps buffers between slices.
class Tracker {
  public:
    Tracker(const Volume& hu, const Mask& air) : hu_(hu), air_(air), seen_(static_cast<size_t>(hu.nx() * hu.ny()), 0) {}

    // The regions of air below `threshold` in slice k that overlap `above`; nothing where they exceed `limit` voxels.
    Region overlap(int64_t k, const std::vector<int64_t>& above, float threshold, int64_t limit) {
        const int64_t nx = hu_.nx(), plane = nx * hu_.ny();
        const float* hu = hu_.voxels.data() + k * plane;
        const uint8_t* air = air_.voxels.data() + k * plane;
        Region region;
        ++stamp_;
        double sum = 0;
        const auto take = [&](int64_t at) {
            if (seen_[static_cast<size_t>(at)] == stamp_ || !air[at] || !(hu[at] < threshold)) return;
            seen_[static_cast<size_t>(at)] = stamp_;
            region.voxels.push_back(at);
            sum += hu[at];
        };
        size_t next = 0;
        for (int64_t seed : above) {
            const size_t before = region.voxels.size();
            take(seed);
            region.parts += region.voxels.size() > before;
            while (next < region.voxels.size()) {
                if (static_cast<int64_t>(region.voxels.size()) > limit) return {};
                const int64_t at = region.voxels[next++], i = at % nx;
                if (i > 0) take(at - 1);
                if (i + 1 < nx) take(at + 1);
                if (at >= nx) take(at - nx);
                if (at + nx < plane) take(at + nx);
            }
        }
        region.mean = region.voxels.empty() ? 0 : sum / static_cast<double>(region.voxels.size());
        return region;
    }

  private:
    const Volume& hu_;
    const Mask& air_;
    std::vector<int32_t> seen_;
    int32_t stamp_ = 0;
};

struct Track {
    std::vector<Region> slices;  // from `top` downwards
    int64_t top = 0, carina = -1;
    double lumen_mm2 = 0;
};

Track follow(Tracker& tracker, const Geometry& g, int64_t top, std::vector<int64_t> seed) {
    const double pixel = g.spacing[0] * g.spacing[1];
    Track track;
    track.top = top;
    std::vector<double> areas;
    double below_carina = 0;
    for (int64_t k = top; k >= 0; --k) {
        // The lumen widens towards the carina, but not to that of a lung.
        double median = static_cast<double>(seed.size()) * pixel;
        if (!areas.empty()) {
            std::vector<double> sorted = areas;
            std::nth_element(sorted.begin(), sorted.begin() + std::ssize(sorted) / 2, sorted.end());
            median = sorted[sorted.size() / 2];
        }
        track.lumen_mm2 = median;
        const auto limit = static_cast<int64_t>((2.2 * median + 100) / pixel);
        Region region;
        for (float threshold : thresholds) {
            region = tracker.overlap(k, track.slices.empty() ? seed : track.slices.back().voxels, threshold, limit);
            if (!region.voxels.empty()) break;
        }
        if (static_cast<double>(region.voxels.size()) * pixel < 15) break;
        if (region.parts >= 2 && track.carina < 0 && static_cast<double>(top - k) * g.spacing[2] > shortest_mm)
            track.carina = k;
        if (track.carina >= 0 && (below_carina += g.spacing[2]) > bronchi_mm) break;
        if (areas.size() * g.spacing[2] < 60) areas.push_back(static_cast<double>(region.voxels.size()) * pixel);
        track.slices.push_back(std::move(region));
    }
    return track;
}

}  // namespace

Trachea find_trachea(const Volume& hu, const Mask& air, const Box& lungs) {
    const Geometry& g = hu.geometry;
    const double pixel = g.spacing[0] * g.spacing[1];
    Trachea result;
    result.lumen = Mask(g);
    if (lungs.empty()) return result;
    const double middle = 0.5 * static_cast<double>(lungs.low[0] + lungs.high[0]);
    // Candidates: round dark regions near the midline, in slices 5 mm apart from the top of the image to the middle of
    // the lungs.
    const int64_t bottom = (lungs.low[2] + lungs.high[2]) / 2,
                  step = std::max<int64_t>(1, std::llround(5 / g.spacing[2]));
    Tracker tracker(hu, air);
    Track best;
    for (int64_t k = g.size[2] - 1; k > bottom; k -= step) {
        Mask slice;
        slice.geometry = g;
        slice.geometry.size[2] = 1;
        const auto first = air.voxels.begin() + k * g.size[0] * g.size[1];
        slice.voxels.assign(first, first + g.size[0] * g.size[1]);
        const Components parts(slice, {});
        std::vector<std::vector<int64_t>> members(parts.list().size());
        std::vector<char> fits(parts.list().size());
        for (size_t n = 0; n < parts.list().size(); ++n) {
            const Component& c = parts.list()[n];
            const double area = static_cast<double>(c.voxels) * pixel;
            const double width = static_cast<double>(c.high[0] - c.low[0] + 1) * g.spacing[0],
                         depth = static_cast<double>(c.high[1] - c.low[1] + 1) * g.spacing[1];
            fits[n] = area >= smallest_mm2 && area <= largest_mm2 &&
                      std::max(width, depth) <= 2.5 * std::min(width, depth) && area >= 0.45 * width * depth &&
                      std::abs(c.centre[0] - middle) * g.spacing[0] <= off_midline_mm;
        }
        parts.visit_slice(0, [&](int32_t component, int64_t at, int64_t count) {
            if (fits[static_cast<size_t>(component)])
                for (int64_t n = 0; n < count; ++n) members[static_cast<size_t>(component)].push_back(at + n);
        });
        for (std::vector<int64_t>& seed : members) {
            if (seed.empty()) continue;
            double mean = 0;
            for (int64_t at : seed) mean += hu.voxels[static_cast<size_t>(k * g.size[0] * g.size[1] + at)];
            if (mean / static_cast<double>(seed.size()) > -800) continue;
            Track track = follow(tracker, g, k, seed);
            if (track.slices.size() > best.slices.size()) best = std::move(track);
        }
        if (static_cast<double>(best.slices.size()) * g.spacing[2] >= shortest_mm) break;
    }
    if (static_cast<double>(best.slices.size()) * g.spacing[2] < shortest_mm) return result;
    // Upwards from where it was found, too: the first candidate may lie below the top.
    int64_t voxels = 0;
    const auto mark = [&](int64_t k, const Region& region) {
        for (int64_t at : region.voxels) result.lumen.voxels[static_cast<size_t>(k * g.size[0] * g.size[1] + at)] = 1;
        voxels += std::ssize(region.voxels);
    };
    for (size_t n = 0; n < best.slices.size(); ++n) mark(best.top - static_cast<int64_t>(n), best.slices[n]);
    Region above = best.slices.front();
    const auto limit = static_cast<int64_t>((2.2 * best.lumen_mm2 + 100) / pixel);
    for (int64_t k = best.top + 1; k < g.size[2] && !above.voxels.empty(); ++k) {
        above = tracker.overlap(k, above.voxels, thresholds[0], limit);
        mark(k, above);
    }
    result.ml = static_cast<double>(voxels) * pixel * g.spacing[2] / 1000;
    result.carina = best.carina >= 0 ? best.carina : best.top - std::ssize(best.slices) + 1;
    return result;
}

}  // namespace cmtl
