#include "imaging/pleura.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "imaging/chest_wall.hpp"
#include "imaging/components.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr double widest_bay_mm = 60;  // along the wall, between healthy places of one slice
constexpr double narrowest_bay_mm = 8;
constexpr double thinnest_mm = 7, thickest_mm = 45;  // depth of what is filled; the heart is thicker
constexpr double blind_mm = 20;                      // filled at most where an angle meets no aerated lung
constexpr double smallest_cm2 = 1;
constexpr double healthy_share = 0.6;  // of a bay's border
constexpr double sick_share = 0.12;    // of the lung on a bay's shore
constexpr double steepest = 1;         // mm of radius per mm of height; the lung's dome has no rib beside it
// Where only the other lung says that there should be lung, almost all of the shore has to be sick.
constexpr double mirrored_sick_share = 0.85, mirrored_thinnest_mm = 3;

// From which radius on a lung is filled up to its pleura, by angle and height; 0 where it is not.
PolarField bays(const ChestRays& rays, const Pleura& pleura, size_t side) {
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
        const float wall = pleura.radius.at(k, c), met = outer.at(k, c);
        // A ray that last met lung far inside has passed an organ since, the liver's dome for one.
        if (met > wall - static_cast<float>(thickest_mm)) return met;
        return std::max(met > 0 ? met : inside.at(k, c), wall - static_cast<float>(blind_mm));
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

// The column on the other side of the body.
int64_t mirrored(int64_t a) { return (PolarField::angles / 2 - 1 - a + PolarField::angles) % PolarField::angles; }

// As bays(), for places that this lung does not reach and the other one does on its own side. They are as deep as the
// other lung is there.
PolarField mirrored_bays(const ChestWall& wall, size_t side) {
    const Pleura &mine = wall.pleura[side], &theirs = wall.pleura[1 - side];
    const PolarField &outer = wall.rays.outer[side], &their_inner = wall.rays.inner[1 - side];
    const int64_t rows = outer.rows, columns = PolarField::angles;
    Geometry flat;
    flat.size = {columns, rows, 1};
    flat.spacing = {PolarField::column_mm, outer.row_mm, 1};
    Mask bay(flat);
    PolarField from = outer.like();
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t a = 0; a < columns / 2; ++a) {  // the back: the heart and the liver make the front unequal
            const int64_t m = mirrored(a);
            if (mine.healthy.at(k, a) > 0 || theirs.healthy.at(k, m) == 0) continue;
            const float radius = mine.radius.at(k, a), deepest = radius - static_cast<float>(thickest_mm);
            const float start = outer.at(k, a) > deepest
                                    ? outer.at(k, a)
                                    : std::max(deepest, radius - theirs.radius.at(k, m) + their_inner.at(k, m));
            if (radius - start < mirrored_thinnest_mm) continue;
            from.at(k, a) = start;
            bay.at(a, k, 0) = 1;
        }
    bay = open(bay, narrowest_bay_mm / 2, Element::disk);
    for (size_t n = 0; n < from.values.size(); ++n)
        if (!bay.voxels[n]) from.values[n] = 0;
    return from;
}

}  // namespace

double fill_to_pleura(const Volume& hu, Mask& lungs) {
    if (bounding_box(lungs).empty()) return 0;
    const ChestWall wall(hu, lungs);
    Mask found(hu.geometry);
    for (size_t side : {size_t{0}, size_t{1}})
        wall.mark(hu, lungs, side, bays(wall.rays, wall.pleura[side], side), found);
    return take_sick_bays(hu, found, sick_share, lungs);
}

double fill_mirrored_lung(const Volume& hu, Mask& lungs) {
    if (bounding_box(lungs).empty()) return 0;
    const ChestWall wall(hu, lungs);
    Mask found(hu.geometry);
    for (size_t side : {size_t{0}, size_t{1}}) wall.mark(hu, lungs, side, mirrored_bays(wall, side), found);
    return take_sick_bays(hu, found, mirrored_sick_share, lungs);
}

}  // namespace cmtl
