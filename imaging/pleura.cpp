#include "imaging/pleura.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "base/parallel.hpp"
#include "imaging/components.hpp"
#include "imaging/morphology.hpp"
#include "imaging/polar_field.hpp"
#include "imaging/shore.hpp"

namespace cmtl {

namespace {

constexpr float bone_hu = 150, never_lung_hu = 200;
constexpr double behind_ribs_mm = 10;  // the pleura at most, before its own depth is known
constexpr double gap_mm = 4;           // deeper than the pleura around: something lies between
constexpr double widest_bay_mm = 60;   // along the wall, between healthy places of one slice
constexpr double narrowest_bay_mm = 8;
constexpr double thinnest_mm = 7, thickest_mm = 45;  // mean depth of what is filled; the heart is thicker
constexpr double blind_mm = 20;                      // filled at most where an angle meets no aerated lung
constexpr double smallest_cm2 = 1;
constexpr double healthy_share = 0.6;  // of a bay's border
constexpr double smallest_ml = 0.5;
constexpr double sick_share = 0.12;  // of the lung on a bay's shore
constexpr double steepest = 1;       // mm of radius per mm of height; the lung's dome has no rib beside it

// Angle and radius of every voxel of a slice around the middle of the lungs.
struct Polar {
    std::vector<uint16_t> angle;
    std::vector<float> radius;

    Polar(const Geometry& g, const Box& lungs) {
        const double x0 = 0.5 * static_cast<double>(lungs.low[0] + lungs.high[0]),
                     y0 = 0.5 * static_cast<double>(lungs.low[1] + lungs.high[1]);
        for (int64_t j = 0; j < g.size[1]; ++j)
            for (int64_t i = 0; i < g.size[0]; ++i) {
                const double x = (static_cast<double>(i) - x0) * g.spacing[0],
                             y = (static_cast<double>(j) - y0) * g.spacing[1];
                const double turn = std::atan2(y, x) / (2 * std::numbers::pi) + 1;
                angle.push_back(
                    static_cast<uint16_t>(static_cast<int64_t>(turn * PolarField::angles) % PolarField::angles));
                radius.push_back(static_cast<float>(std::hypot(x, y)));
            }
    }
};

// What a ray from the middle meets, in mm; 0 where it meets nothing.
struct Rays {
    std::array<PolarField, 2> outer, inner;  // the last and first voxel of the right and of the left lung
    PolarField rib;                          // the first bone behind both

    explicit Rays(const PolarField& none) : outer{none, none}, inner{none, none}, rib(none) {}
    float farthest(size_t n) const { return std::max(outer[0].values[n], outer[1].values[n]); }
};

Rays cast(const Volume& hu, const Mask& lungs, const Polar& polar) {
    const int64_t nx = hu.nx(), ny = hu.ny(), plane = nx * ny;
    Rays rays(PolarField(hu.nz(), hu.geometry.spacing[2]));
    parallel_ranges(hu.nz(), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            const uint8_t* in = lungs.voxels.data() + k * plane;
            const float* v = hu.voxels.data() + k * plane;
            for (int64_t n = 0; n < plane; ++n) {
                if (!in[n]) continue;
                const auto at = static_cast<size_t>(n);
                float &far = rays.outer[in[n] - 1u].at(k, polar.angle[at]),
                      &near = rays.inner[in[n] - 1u].at(k, polar.angle[at]);
                const float r = std::max(polar.radius[at], 1e-3f);
                far = std::max(far, r);
                near = near > 0 ? std::min(near, r) : r;
            }
            // One bright voxel is noise; the mean of nine is bone.
            for (int64_t j = 1; j + 1 < ny; ++j)
                for (int64_t i = 1; i + 1 < nx; ++i) {
                    const int64_t n = j * nx + i;
                    if (v[n] < bone_hu) continue;
                    const auto at = static_cast<size_t>(n);
                    const int64_t a = polar.angle[at];
                    const float far = std::max(rays.outer[0].at(k, a), rays.outer[1].at(k, a));
                    float& rib = rays.rib.at(k, a);
                    if (far == 0 || polar.radius[at] <= far || (rib > 0 && polar.radius[at] >= rib)) continue;
                    float sum = 0;
                    for (int64_t q = -1; q <= 1; ++q)
                        for (int64_t p = -1; p <= 1; ++p) sum += v[n + q * nx + p];
                    if (sum > 9 * 0.85f * bone_hu) rib = polar.radius[at];
                }
        }
    });
    return rays;
}

// The inner side of the rib cage as one smooth surface, also between the ribs.
PolarField rib_cage(const Rays& rays) {
    PolarField rib = rays.rib, seen = rib.like();
    for (size_t n = 0; n < rib.values.size(); ++n) seen.values[n] = rib.values[n] > 0;
    PolarField cage = smooth(rib, seen, 10);
    // Rays between two ribs run on to the shoulder blade; calcium and contrast lie before the ribs.
    for (int pass = 0; pass < 4; ++pass) {
        for (size_t n = 0; n < rib.values.size(); ++n)
            if (rib.values[n] > 0)
                seen.values[n] = rib.values[n] < cage.values[n] + 4 && rib.values[n] > cage.values[n] - 8;
        cage = smooth(rib, seen, 8);
    }
    // No bone is seen where cartilage carries the ribs' front ends: there the lung itself says where the wall is.
    constexpr float enough = 0.1f;
    PolarField mass = seen;
    blur(mass, 12);
    std::vector<float> depths;
    for (size_t n = 0; n < rib.values.size(); ++n)
        if (seen.values[n] > 0) depths.push_back(cage.values[n] - rays.farthest(n));
    float depth = 3;
    if (!depths.empty()) {
        std::nth_element(depths.begin(), depths.begin() + std::ssize(depths) / 2, depths.end());
        depth = depths[depths.size() / 2];
    }
    for (size_t n = 0; n < rib.values.size(); ++n) {
        if (seen.values[n] > 0 || rays.farthest(n) == 0 || mass.values[n] >= enough) continue;
        rib.values[n] = rays.farthest(n) + depth;
        seen.values[n] = 0.5f * (1 - mass.values[n] / enough);
    }
    return smooth(rib, seen, 8);
}

// One lung's costal pleura: its radius everywhere, and where aerated lung reaches it.
struct Pleura {
    PolarField radius, healthy;
};

Pleura find_pleura(const Rays& rays, const PolarField& cage, size_t side) {
    PolarField depth = cage.like(), healthy = cage.like();
    const PolarField &mine = rays.outer[side], &other = rays.outer[1 - side];
    const auto carries = [&](size_t n) { return mine.values[n] > 0 && other.values[n] <= mine.values[n]; };
    for (size_t n = 0; n < depth.values.size(); ++n) {
        if (!carries(n)) continue;
        depth.values[n] = cage.values[n] - mine.values[n];
        healthy.values[n] = depth.values[n] > -5 && depth.values[n] < behind_ribs_mm;
    }
    PolarField usual = smooth(depth, healthy, 20);
    for (int pass = 0; pass < 3; ++pass) {
        for (size_t n = 0; n < depth.values.size(); ++n)
            healthy.values[n] = carries(n) && std::abs(depth.values[n] - usual.values[n]) < gap_mm;
        usual = smooth(depth, healthy, 20);
    }
    for (size_t n = 0; n < usual.values.size(); ++n) usual.values[n] = cage.values[n] - usual.values[n];
    return {std::move(usual), std::move(healthy)};
}

// From which radius on a lung is filled up to its pleura, by angle and height; 0 where it is not.
PolarField bays(const Rays& rays, const Pleura& pleura, size_t side) {
    const PolarField& outer = rays.outer[side];
    const int64_t rows = outer.rows, columns = PolarField::angles;
    // The map of the wall, cut open on the other side of the body.
    const int64_t seam = side == 0 ? 0 : columns / 2;
    const auto column = [&](int64_t a) { return (a + seam) % columns; };
    Geometry flat;
    flat.size = {columns, rows, 1};
    flat.spacing = {PolarField::column_mm, outer.row_mm, 1};
    Mask healthy(flat);
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t a = 0; a < columns; ++a) healthy.at(a, k, 0) = pleura.healthy.at(k, column(a)) > 0;
    Mask whole = healthy;
    const auto widest = static_cast<int64_t>(widest_bay_mm / PolarField::column_mm);
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t a = 0, last = -1; a < columns; ++a) {
            if (!healthy.at(a, k, 0)) continue;
            if (last >= 0 && a - last <= widest)
                for (int64_t q = last + 1; q < a; ++q) whole.at(q, k, 0) = 1;
            last = a;
        }
    fill_holes(whole, Element::disk);

    PolarField met = outer.like();
    for (size_t n = 0; n < met.values.size(); ++n) met.values[n] = outer.values[n] > 0;
    const PolarField inside = smooth(rays.inner[side], met, 10), outline = smooth(outer, met, 10);
    const auto start = [&](int64_t k, int64_t c) {
        return outer.at(k, c) > 0 ? outer.at(k, c)
                                  : std::max(inside.at(k, c), pleura.radius.at(k, c) - static_cast<float>(blind_mm));
    };
    const int64_t step = std::max<int64_t>(1, std::llround(5 / outer.row_mm));
    Mask bay(flat);
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t a = 0; a < columns; ++a) {
            if (!whole.at(a, k, 0) || healthy.at(a, k, 0)) continue;
            const int64_t up = std::min(rows - 1, k + step), down = std::max<int64_t>(0, k - step);
            const double rise = std::abs(outline.at(up, column(a)) - outline.at(down, column(a)));
            bay.at(a, k, 0) = rise <= steepest * static_cast<double>(up - down) * outer.row_mm;
        }
    bay = open(bay, narrowest_bay_mm / 2, Element::disk);

    const Components parts(bay, {});
    std::vector<uint8_t> fill;
    std::vector<double> depth(parts.list().size(), 0), edge = depth, firm = depth;
    parts.visit_slice(0, [&](int32_t part, int64_t at, int64_t count) {
        const auto p = static_cast<size_t>(part);
        for (int64_t n = at; n < at + count; ++n) {
            const int64_t k = n / columns, a = n % columns;
            depth[p] += pleura.radius.at(k, column(a)) - start(k, column(a));
            for (const auto& [i, j] : {std::pair{a - 1, k}, {a + 1, k}, {a, k - 1}, {a, k + 1}}) {
                const bool beyond = i < 0 || i >= columns || j < 0 || j >= rows;
                if (!beyond && bay.at(i, j, 0)) continue;
                ++edge[p], firm[p] += !beyond && healthy.at(i, j, 0);
            }
        }
    });
    for (size_t p = 0; p < parts.list().size(); ++p) {
        const auto cells = static_cast<double>(parts.list()[p].voxels);
        fill.push_back(depth[p] > thinnest_mm * cells && depth[p] < thickest_mm * cells &&
                       firm[p] > healthy_share * edge[p] &&
                       cells * PolarField::column_mm * outer.row_mm > 100 * smallest_cm2);
    }
    parts.paint(bay, fill);
    PolarField from = outer.like();
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t a = 0; a < columns; ++a)
            if (bay.at(a, k, 0)) from.at(k, column(a)) = start(k, column(a));
    return from;
}

// Adds the bays whose shore is sick; returns their millilitres. The wall's own shape makes bays, too, as behind the
// ribs' cartilage: lung is dark up to those.
double add_sick(const Volume& hu, const Mask& bays, Mask& lungs) {
    const Components parts(bays, {});
    std::vector<uint8_t> sick(parts.list().size(), 0);
    int64_t added = 0;
    for (size_t n = 0; n < sick.size(); ++n) {
        const Component& c = parts.list()[n];
        if (static_cast<double>(c.voxels) * bays.geometry.voxel_ml() < smallest_ml) continue;
        sick[n] = dense_shore(hu, lungs, parts, static_cast<int32_t>(n)) > sick_share;
        if (sick[n]) added += c.voxels;
    }
    Mask kept(bays.geometry);
    parts.paint(kept, sick);
    for (size_t n = 0; n < kept.voxels.size(); ++n)
        if (kept.voxels[n]) lungs.voxels[n] = bays.voxels[n];
    return static_cast<double>(added) * bays.geometry.voxel_ml();
}

}  // namespace

double fill_to_pleura(const Volume& hu, Mask& lungs) {
    const Geometry& g = hu.geometry;
    const Box box = bounding_box(lungs);
    if (box.empty()) return 0;
    const Polar polar(g, box);
    const Rays rays = cast(hu, lungs, polar);
    const PolarField cage = rib_cage(rays);
    const int64_t plane = g.size[0] * g.size[1];
    Mask bays_of_both(g);
    for (size_t side : {size_t{0}, size_t{1}}) {
        const Pleura pleura = find_pleura(rays, cage, side);
        const PolarField from = bays(rays, pleura, side);
        parallel_ranges(g.size[2], [&](int64_t begin, int64_t end) {
            for (int64_t k = begin; k < end; ++k) {
                const float* first = &from.values[static_cast<size_t>(k * PolarField::angles)];
                if (std::all_of(first, first + PolarField::angles, [](float r) { return r == 0; })) continue;
                for (int64_t n = 0; n < plane; ++n) {
                    const auto at = static_cast<size_t>(n), voxel = static_cast<size_t>(k * plane + n);
                    const int64_t a = polar.angle[at];
                    const float r = polar.radius[at];
                    if (first[a] == 0 || r < first[a] || r > pleura.radius.at(k, a) || lungs.voxels[voxel] ||
                        bays_of_both.voxels[voxel] || hu.voxels[voxel] > never_lung_hu)
                        continue;
                    bays_of_both.voxels[voxel] = static_cast<uint8_t>(side + 1);
                }
            }
        });
    }
    return add_sick(hu, bays_of_both, lungs);
}

}  // namespace cmtl
