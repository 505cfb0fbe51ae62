#include "imaging/chest_wall.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "imaging/components.hpp"
#include "imaging/shore.hpp"

namespace cmtl {

ChestPolar::ChestPolar(const Geometry& g, const Box& lungs) {
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

namespace {

constexpr float bone_hu = 150, never_lung_hu = 200;
constexpr double behind_ribs_mm = 10;  // the pleura at most, before its own depth is known
constexpr double gap_mm = 4;           // deeper than the pleura around: something lies between
constexpr double smallest_ml = 0.5;

ChestRays cast(const Volume& hu, const Mask& lungs, const ChestPolar& polar) {
    const int64_t nx = hu.nx(), ny = hu.ny(), plane = nx * ny;
    ChestRays rays(PolarField(hu.nz(), hu.geometry.spacing[2]));
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
PolarField rib_cage(const ChestRays& rays) {
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

Pleura find_pleura(const ChestRays& rays, const PolarField& cage, size_t side) {
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

Box box_of(const Mask& lungs) {
    const Box box = bounding_box(lungs);
    require(!box.empty(), "chest_wall", "there is no lung in a mask of {} voxels", lungs.voxels.size());
    return box;
}

}  // namespace

ChestWall::ChestWall(const Volume& hu, const Mask& lungs)
    : polar(hu.geometry, box_of(lungs)), rays(cast(hu, lungs, polar)), pleura([&]() -> std::array<Pleura, 2> {
          const PolarField cage = rib_cage(rays);
          return {find_pleura(rays, cage, 0), find_pleura(rays, cage, 1)};
      }()) {}

void ChestWall::mark(const Volume& hu, const Mask& lungs, size_t side, const PolarField& from, Mask& bays) const {
    const int64_t plane = hu.nx() * hu.ny();
    parallel_ranges(hu.nz(), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            const float* first = &from.values[static_cast<size_t>(k * PolarField::angles)];
            if (std::all_of(first, first + PolarField::angles, [](float r) { return r == 0; })) continue;
            for (int64_t n = 0; n < plane; ++n) {
                const auto at = static_cast<size_t>(n), voxel = static_cast<size_t>(k * plane + n);
                const int64_t a = polar.angle[at];
                const float r = polar.radius[at];
                if (first[a] == 0 || r < first[a] || r > pleura[side].radius.at(k, a) || lungs.voxels[voxel] ||
                    bays.voxels[voxel] || hu.voxels[voxel] > never_lung_hu)
                    continue;
                bays.voxels[voxel] = static_cast<uint8_t>(side + 1);
            }
        }
    });
}

double take_sick_bays(const Volume& hu, const Mask& bays, double share, Mask& lungs) {
    const Components parts(bays, {});
    std::vector<uint8_t> sick(parts.list().size(), 0);
    int64_t added = 0;
    for (size_t n = 0; n < sick.size(); ++n) {
        const Component& c = parts.list()[n];
        if (static_cast<double>(c.voxels) * bays.geometry.voxel_ml() < smallest_ml) continue;
        sick[n] = dense_shore(hu, lungs, parts, static_cast<int32_t>(n)) > share;
        if (sick[n]) added += c.voxels;
    }
    Mask kept(bays.geometry);
    parts.paint(kept, sick);
    for (size_t n = 0; n < kept.voxels.size(); ++n)
        if (kept.voxels[n]) lungs.voxels[n] = bays.voxels[n];
    return static_cast<double>(added) * bays.geometry.voxel_ml();
}

}  // namespace cmtl
