#include "imaging/lungs.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "imaging/bowel_gas.hpp"
#include "imaging/components.hpp"
#include "imaging/cropped_view.hpp"
#include "imaging/dense_bays.hpp"
#include "imaging/dense_edges.hpp"
#include "imaging/geometry.hpp"
#include "imaging/lung_measures.hpp"
#include "imaging/lung_sides.hpp"
#include "imaging/morphology.hpp"
#include "imaging/pleura.hpp"
#include "imaging/slice_snakes.hpp"
#include "imaging/trachea.hpp"

namespace cmtl {

namespace {

// What a structure of air is told by. Gas in the bowel is -1000 HU throughout; lung is not, even with emphysema.
constexpr double gas_median_hu = -940, gas_low_hu = -950, gas_low_share = 0.2;
constexpr double surely_lung_litres = 2;  // no gas in the bowel is that large
constexpr double small_piece_ml = 60;     // below, partial volume hides the median of gas
constexpr double smallest_piece_ml = 10;
constexpr double piece_share = 0.05;  // of the largest structure; less is no lung by itself, only a piece of one
constexpr double beside_share = 0.3;  // of the lungs' largest cross-section; a slice with less lies at their ends
constexpr double severe_ml = 100;         // of consolidation; less does not fill a lung's end
constexpr double dome_mm2 = 500;      // on which an enclosed structure stands: the diaphragm's dome, not a vessel

// Air that does not reach the sides of its slice, or does so as lung.
Mask inner_air(const Volume& hu, double below, const ImagingOperations& run) {
    Mask air;
    air.geometry = hu.geometry;
    air.voxels.resize(hu.voxels.size());
    const float limit = static_cast<float>(below);
    parallel_ranges(
        std::ssize(hu.voxels),
        [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; ++n)
                air.voxels[static_cast<size_t>(n)] = hu.voxels[static_cast<size_t>(n)] < limit;
        },
        1 << 16);
    const Components parts = run.components(air, {Connectivity::faces, true, false});
    std::vector<uint8_t> keep;
    for (const Component& c : parts.list()) keep.push_back(c.touches_sides ? 0 : 1);
    parts.paint(air, keep);
    keep_cropped_lung(hu, below, air);
    return air;
}

struct Tally {
    std::array<int64_t, 300> histogram{};  // 5 HU each from -1100 on
    void add(float hu) { ++histogram[static_cast<size_t>(std::clamp((hu + 1100) / 5, 0.0f, 299.0f))]; }
    double median(int64_t voxels) const {
        int64_t sum = 0;
        for (size_t b = 0; b < histogram.size(); ++b)
            if (2 * (sum += histogram[b]) >= voxels) return -1100 + 5 * (static_cast<double>(b) + 0.5);
        return 400;
    }
    double share_below(double hu, int64_t voxels) const {
        int64_t sum = 0;
        for (size_t b = 0; - 1100 + 5 * static_cast<double>(b + 1) <= hu; ++b) sum += histogram[b];
        return static_cast<double>(sum) / static_cast<double>(voxels);
    }
};

// Which components of air are lung; value 1 in the result.
std::vector<uint8_t> choose_lungs(const Volume& hu, const Components& parts) {
    const double ml = hu.geometry.voxel_ml();
    const auto& list = parts.list();
    std::vector<int32_t> slot(list.size(), -1);
    std::vector<Tally> tallies;
    for (size_t n = 0; n < list.size(); ++n)
        if (static_cast<double>(list[n].voxels) * ml >= smallest_piece_ml)
            slot[n] = static_cast<int32_t>(tallies.size()), tallies.emplace_back();
    for (int64_t k = 0; k < hu.nz(); ++k)
        parts.visit_slice(k, [&](int32_t component, int64_t at, int64_t count) {
            const int32_t s = slot[static_cast<size_t>(component)];
            if (s < 0) return;
            for (int64_t n = 0; n < count; ++n)
                tallies[static_cast<size_t>(s)].add(hu.voxels[static_cast<size_t>(at + n)]);
        });
    std::vector<uint8_t> chosen(list.size(), 0);
    int64_t main = -1;
    for (size_t n = 0; n < list.size(); ++n) {
        if (slot[n] < 0) continue;
        const Tally& tally = tallies[static_cast<size_t>(slot[n])];
        const int64_t voxels = list[n].voxels;
        const double volume = static_cast<double>(voxels) * ml;
        const bool gas = volume < 1000 * surely_lung_litres &&
                         (tally.median(voxels) < gas_median_hu ||
                          (volume < small_piece_ml && tally.share_below(gas_low_hu, voxels) > gas_low_share));
        chosen[n] = !gas;
        if (!gas && (main < 0 || voxels > list[static_cast<size_t>(main)].voxels)) main = static_cast<int64_t>(n);
    }
    if (main < 0) return chosen;
    // The rest of the lungs lies beside the largest part, a mere piece of them where they are wide: gas in the bowel
    // lies beside their thin lower ends.
    const Component& m = list[static_cast<size_t>(main)];
    std::vector<int64_t> area(static_cast<size_t>(hu.nz()), 0);
    for (int64_t k = m.low[2]; k <= m.high[2]; ++k)
        parts.visit_slice(k, [&](int32_t component, int64_t, int64_t count) {
            if (component == main) area[static_cast<size_t>(k)] += count;
        });
    const double widest = static_cast<double>(*std::max_element(area.begin(), area.end()));
    for (size_t n = 0; n < list.size(); ++n) {
        if (!chosen[n] || static_cast<int64_t>(n) == main) continue;
        const Component& c = list[n];
        const auto within = [&](size_t a) {
            return c.centre[a] >= static_cast<double>(m.low[a]) && c.centre[a] <= static_cast<double>(m.high[a]);
        };
        chosen[n] = within(2);
        if (static_cast<double>(c.voxels) < piece_share * static_cast<double>(m.voxels))
            chosen[n] = within(0) && within(1) && within(2) &&
                        static_cast<double>(area[static_cast<size_t>(c.centre[2])]) >= beside_share * widest;
    }
    return chosen;
}

// What was filled in slice by slice flickers at the hilum: a voxel outside of the air stays where most of its
// neighbours within 3 mm above and below are set.
void steady(Mask& filled, const Mask& air) {
    const int64_t plane = filled.nx() * filled.ny(), reach = std::llround(3 / filled.geometry.spacing[2]);
    if (reach < 1) return;
    const Mask before = filled;
    parallel_ranges(filled.nz(), [&](int64_t begin, int64_t end) {
        std::vector<uint8_t> votes(static_cast<size_t>(plane));
        for (int64_t k = begin; k < end; ++k) {
            std::fill(votes.begin(), votes.end(), uint8_t{0});
            const int64_t first = std::max<int64_t>(0, k - reach), last = std::min(filled.nz() - 1, k + reach);
            for (int64_t q = first; q <= last; ++q)
                for (int64_t n = 0; n < plane; ++n)
                    votes[static_cast<size_t>(n)] += before.voxels[static_cast<size_t>(q * plane + n)];
            const int64_t half = (last - first + 1) / 2;
            for (int64_t n = 0; n < plane; ++n)
                filled.voxels[static_cast<size_t>(k * plane + n)] =
                    votes[static_cast<size_t>(n)] > half || air.voxels[static_cast<size_t>(k * plane + n)];
        }
    });
}

struct Lung {
    Mask mask;     // the part of the grid around it
    Index3 shift;  // index of its first voxel in the whole
};

// One lung with what it encloses: vessels, small consolidations, the notches at the hilum.
Lung filled(const Mask& labels, uint8_t side, double radius, const ImagingOperations& run) {
    const Mask all = labelled(labels, side);
    const Box box = bounding_box(all);
    if (box.empty()) return {Mask(labels.geometry), {0, 0, 0}};
    const Index3 margin{1, 1, 0};  // a disk's closing stays within the bounding box
    const Mask air = crop(all, box, margin);
    Mask one = air;
    one = run.close(one, radius, Element::disk);
    Mask whole = one;
    run.fill_holes(whole, Element::disk);
    // A slice through the top of the diaphragm's dome shows it as a hole, too; but that stands on the liver or the
    // stomach.
    Mask holes = whole;
    for (size_t n = 0; n < holes.voxels.size(); ++n) holes.voxels[n] = whole.voxels[n] && !one.voxels[n];
    const Components parts = run.components(holes, {Connectivity::faces, true, false});
    const Geometry& g = one.geometry;
    const int64_t plane = g.size[0] * g.size[1];
    std::vector<int64_t> stands(parts.list().size(), 0);
    std::vector<uint8_t> fill(parts.list().size(), 1);
    const double pixel = g.spacing[0] * g.spacing[1];
    Mask upon = whole;  // 0 where a hole above stands on something: outside of the lung, and where its dome is
    for (int64_t k = 1; k < g.size[2]; ++k) {
        parts.visit_slice(k, [&](int32_t component, int64_t at, int64_t count) {
            for (int64_t n = at - plane; n < at - plane + count; ++n)
                stands[static_cast<size_t>(component)] += upon.voxels[static_cast<size_t>(n)] == 0;
        });
        parts.visit_slice(k, [&](int32_t component, int64_t at, int64_t count) {
            const auto c = static_cast<size_t>(component);
            const double on = static_cast<double>(stands[c]);
            if (2 * on < static_cast<double>(parts.list()[c].voxels) || on * pixel < dome_mm2) return;
            fill[c] = 0;
            std::fill_n(upon.voxels.begin() + at, count, uint8_t{0});
        });
    }
    parts.paint(one, fill);
    steady(one, air);
    return {std::move(one), {box.low[0] - margin[0], box.low[1] - margin[1], box.low[2] - margin[2]}};
}

// The lungs whose aerated parts are `parts` (1 right, 2 left), each with what it encloses.
Mask fill_both(const Mask& parts, double radius, const Trachea& trachea, const Mask& airway,
               const ImagingOperations& run) {
    Mask mask(parts.geometry);
    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) {
        const Lung lung = filled(parts, side, radius, run);
        const Mask& one = lung.mask;
        for (int64_t k = 0; k < one.nz(); ++k)
            for (int64_t j = 0; j < one.ny(); ++j)
                for (int64_t i = 0; i < one.nx(); ++i) {
                    if (!one.at(i, j, k)) continue;
                    const auto n =
                        static_cast<size_t>(parts.offset(i + lung.shift[0], j + lung.shift[1], k + lung.shift[2]));
                    if (parts.voxels[n] == side || (parts.voxels[n] == 0 && mask.voxels[n] == 0)) mask.voxels[n] = side;
                }
    }
    // The closing must not take the trachea back in; below the carina the bronchi soon run inside of the lungs.
    if (trachea.ml > 0)
        for (int64_t n = trachea.carina * mask.nx() * mask.ny(); n < std::ssize(airway.voxels); ++n)
            if (airway.voxels[static_cast<size_t>(n)] && !parts.voxels[static_cast<size_t>(n)])
                mask.voxels[static_cast<size_t>(n)] = 0;
    return mask;
}

Lungs segment_canonical(const Volume& hu, const LungOptions& options) {
    const Geometry& g = hu.geometry;
    const ImagingOperations on_cpu;
    const ImagingOperations& run = options.operations ? *options.operations : on_cpu;
    Mask air = inner_air(hu, options.air_below, run);
    Mask candidates(g);
    const auto paint_lungs = [&](const Mask& from) {
        const Components parts = run.components(from, {});
        const std::vector<uint8_t> chosen = choose_lungs(hu, parts);
        int64_t voxels = 0;
        for (size_t n = 0; n < chosen.size(); ++n) voxels += chosen[n] ? parts.list()[n].voxels : 0;
        std::fill(candidates.voxels.begin(), candidates.voxels.end(), uint8_t{0});
        parts.paint(candidates, chosen);
        return static_cast<double>(voxels) * g.voxel_ml() / 1000;
    };
    const auto check = [&](double litres) {
        if (litres < options.smallest_litres)
            fail(ErrorKind::input, "lungs",
                 "no lungs in the image: only {:.2f} litres look like lung tissue (at least {:.2f} are needed); is it "
                 "a chest CT in Hounsfield units?",
                 litres, options.smallest_litres);
    };
    check(paint_lungs(air));
    const Mask gas = find_bowel_gas(hu, air, bounding_box(candidates));
    for (size_t n = 0; n < air.voxels.size(); ++n) air.voxels[n] = air.voxels[n] && !gas.voxels[n];

    Lungs lungs;
    const Trachea trachea = find_trachea(hu, air, bounding_box(candidates));
    lungs.trachea_ml = trachea.ml;
    Mask airway;
    if (trachea.ml > 0) {
        // Its wall is blurred: a rim of partial volume belongs to it.
        airway = run.dilate(trachea.lumen, std::max(2.5, 1.01 * std::max({g.spacing[0], g.spacing[1], g.spacing[2]})),
                            Element::ball);
        for (size_t n = 0; n < air.voxels.size(); ++n) air.voxels[n] = air.voxels[n] && !airway.voxels[n];
    } else {
        lungs.flags.push_back("no_trachea");
    }
    check(paint_lungs(air));
    if (!part_lungs(hu, candidates)) lungs.flags.push_back("one_lung");

    const auto finished = [&](const Mask& parts) {
        return fill_both(parts, options.closing_radius, trachea, airway, run);
    };
    const bool keep = options.keep_classical && options.refine != Refinement::none;
    if (keep) lungs.classical = finished(candidates);
    auto since = std::chrono::steady_clock::now();
    const auto lap = [&] {
        const auto now = std::chrono::steady_clock::now();
        return std::chrono::duration<double>(now - std::exchange(since, now)).count();
    };
    if (options.refine == Refinement::surfaces) {
        lungs.regained_ml = fill_to_pleura(hu, candidates) + fill_dense_bays(hu, candidates);
        if (lungs.regained_ml > severe_ml) lungs.regained_ml += fill_mirrored_lung(hu, candidates);
        lungs.regained_ml += grow_dense_edges(hu, candidates);
        lungs.refine_seconds = lap();
    }
    lungs.mask = finished(candidates);
    if (options.refine == Refinement::published) {
        lap();
        lungs.mask = refine_by_snakes(hu, lungs.mask);
        lungs.refine_seconds = lap();
    }
    if (lungs.classical.voxels == lungs.mask.voxels) lungs.classical = {};
    measure_lungs(hu, lungs);
    return lungs;
}

}  // namespace

Refinement refinement_named(std::string_view name) {
    if (name == "none") return Refinement::none;
    if (name == "surfaces") return Refinement::surfaces;
    if (name == "published") return Refinement::published;
    fail(ErrorKind::usage, "lungs", "'{}' is not a refinement: choose none, surfaces or published", name);
}

Lungs segment_lungs(const Volume& hu, const LungOptions& options) {
    require(std::ssize(hu.voxels) == hu.geometry.count() && hu.geometry.count() > 0, "lungs",
            "{} voxels on a grid of {}", hu.voxels.size(), hu.geometry.count());
    if (orientation_of(hu.geometry).identity()) return segment_canonical(hu, options);
    const Oriented<float> canonical = to_lps(hu);
    Lungs lungs = segment_canonical(canonical.image, options);
    lungs.mask = restore(std::move(lungs.mask), canonical.orientation);
    if (!lungs.classical.voxels.empty()) lungs.classical = restore(std::move(lungs.classical), canonical.orientation);
    return lungs;
}

}  // namespace cmtl
