#include "imaging/lung_measures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/parallel.hpp"
#include "imaging/components.hpp"

namespace cmtl {

namespace {

constexpr double cut_mm2 = 1000,
                 side_mm2 = 500;  // of lung in the first or last slice, or at the sides: it goes on there
constexpr double block_mm = 3;    // means over blocks: noise alone is as dark as air
constexpr float air_hu = -975;    // darker than lung; bullae are, too
constexpr double pocket_ml = 3;   // less is noise
constexpr double leak_ml = 15;
constexpr float dense_hu = -250;
constexpr double dense_share = 0.2;  // vessels and airway walls are below a tenth

struct Sums {
    std::array<double, 2> voxels{}, hu{};
    double dense = 0, side = 0;
};

// Millilitres of pockets within the mask that are air throughout.
double pockets_ml(const Volume& hu, const Mask& mask) {
    Geometry g = hu.geometry;
    Index3 f{};
    for (size_t a = 0; a < 3; ++a) {
        f[a] = std::max<int64_t>(1, std::llround(block_mm / g.spacing[a]));
        g.size[a] /= f[a];
        g.spacing[a] *= static_cast<double>(f[a]);
        if (g.size[a] == 0) return 0;
    }
    Mask air(g);
    parallel_ranges(g.size[2], [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            for (int64_t j = 0; j < g.size[1]; ++j)
                for (int64_t i = 0; i < g.size[0]; ++i) {
                    double sum = 0;
                    bool inside = true;
                    for (int64_t z = k * f[2]; inside && z < (k + 1) * f[2]; ++z)
                        for (int64_t y = j * f[1]; inside && y < (j + 1) * f[1]; ++y)
                            for (int64_t x = i * f[0]; inside && x < (i + 1) * f[0]; ++x)
                                inside = mask.at(x, y, z) != 0, sum += hu.at(x, y, z);
                    air.at(i, j, k) = inside && sum < air_hu * static_cast<double>(f[0] * f[1] * f[2]);
                }
    });
    double ml = 0;
    const Components pockets(air, {});
    for (const Component& c : pockets.list()) {
        const double pocket = static_cast<double>(c.voxels) * g.voxel_ml();
        if (pocket >= pocket_ml) ml += pocket;
    }
    return ml;
}

}  // namespace

void measure_lungs(const Volume& hu, Lungs& lungs) {
    const Geometry& g = hu.geometry;
    const int64_t nx = hu.nx(), ny = hu.ny(), plane = nx * ny;
    std::vector<Sums> slices(static_cast<size_t>(hu.nz()));
    parallel_ranges(hu.nz(), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            Sums& s = slices[static_cast<size_t>(k)];
            for (int64_t n = k * plane; n < (k + 1) * plane; ++n)
                if (const uint8_t v = lungs.mask.voxels[static_cast<size_t>(n)]) {
                    s.voxels[v - 1u] += 1;
                    s.hu[v - 1u] += hu.voxels[static_cast<size_t>(n)];
                    s.dense += hu.voxels[static_cast<size_t>(n)] > dense_hu;
                }
            for (int64_t j = 0; j < ny; ++j)
                for (int64_t i : {int64_t{0}, nx - 1})
                    s.side += lungs.mask.at(i, j, k) ? g.spacing[1] * g.spacing[2] : 0;
            for (int64_t i = 0; i < nx; ++i)
                for (int64_t j : {int64_t{0}, ny - 1})
                    s.side += lungs.mask.at(i, j, k) ? g.spacing[0] * g.spacing[2] : 0;
        }
    });
    Sums all;
    for (const Sums& s : slices) {
        for (size_t n = 0; n < 2; ++n) all.voxels[n] += s.voxels[n], all.hu[n] += s.hu[n];
        all.dense += s.dense, all.side += s.side;
    }
    const double litre = g.voxel_ml() / 1000, both = all.voxels[0] + all.voxels[1];
    lungs.right_litres = all.voxels[0] * litre, lungs.left_litres = all.voxels[1] * litre;
    lungs.right_mean_hu = all.voxels[0] > 0 ? all.hu[0] / all.voxels[0] : 0;
    lungs.left_mean_hu = all.voxels[1] > 0 ? all.hu[1] / all.voxels[1] : 0;
    lungs.dense_share = both > 0 ? all.dense / both : 0;
    lungs.side_mm2 = all.side;
    lungs.air_ml = pockets_ml(hu, lungs.mask);

    const auto area = [&](const Sums& s) { return (s.voxels[0] + s.voxels[1]) * g.spacing[0] * g.spacing[1]; };
    const auto flag = [&](bool raised, const char* name) {
        if (raised) lungs.flags.emplace_back(name);
    };
    const double small = std::min(lungs.right_litres, lungs.left_litres),
                 large = std::max(lungs.right_litres, lungs.left_litres);
    flag(area(slices.back()) > cut_mm2, "cut_at_top");
    flag(area(slices.front()) > cut_mm2, "cut_at_bottom");
    flag(lungs.side_mm2 > side_mm2, "cut_at_sides");
    flag(small > 0 && small < 0.5 * large, "asymmetric");
    flag(lungs.litres() < 1.5, "small");
    flag(lungs.litres() > 9, "large");
    flag(lungs.air_ml > leak_ml, "air");
    flag(lungs.dense_share > dense_share, "dense");
}

}  // namespace cmtl
