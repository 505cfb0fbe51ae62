#include "imaging/bowel_gas.hpp"

#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "imaging/components.hpp"
#include "imaging/resample.hpp"

namespace cmtl {

namespace {

constexpr double coarse_mm = 3, gas_hu = -940, tissue_hu = -420;
constexpr double rim_mm = 5;            // blurred edge of a pocket
constexpr double wrapped_share = 0.65;  // of its surroundings that is soft tissue
constexpr double smallest_ml = 3;

// Means over blocks of f voxels per axis; the last ones may be smaller.
struct Coarse {
    Volume hu;
    Mask air;
};

Coarse block_means(const Volume& hu, const Mask& air, const Index3& f) {
    Geometry g = hu.geometry;
    for (size_t a = 0; a < 3; ++a) {
        g.size[a] = (hu.geometry.size[a] + f[a] - 1) / f[a];
        g.spacing[a] *= static_cast<double>(f[a]);
        for (size_t row = 0; row < 3; ++row)
            g.origin[row] +=
                hu.geometry.direction[row * 3 + a] * hu.geometry.spacing[a] * 0.5 * static_cast<double>(f[a] - 1);
    }
    Coarse out{Volume(g), Mask(g)};
    parallel_ranges(g.size[2], [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            for (int64_t j = 0; j < g.size[1]; ++j)
                for (int64_t i = 0; i < g.size[0]; ++i) {
                    double sum = 0;
                    int64_t n = 0, dark = 0;
                    for (int64_t z = k * f[2]; z < std::min((k + 1) * f[2], hu.nz()); ++z)
                        for (int64_t y = j * f[1]; y < std::min((j + 1) * f[1], hu.ny()); ++y)
                            for (int64_t x = i * f[0]; x < std::min((i + 1) * f[0], hu.nx()); ++x) {
                                sum += hu.at(x, y, z), dark += air.at(x, y, z), ++n;
                            }
                    out.hu.at(i, j, k) = static_cast<float>(sum / static_cast<double>(n));
                    out.air.at(i, j, k) = 2 * dark > n;
                }
    });
    return out;
}

}  // namespace

Mask find_bowel_gas(const Volume& hu, const Mask& air, const Box& lungs) {
    const Geometry& g = hu.geometry;
    Index3 factor;
    for (size_t a = 0; a < 3; ++a) factor[a] = std::max<int64_t>(1, std::llround(coarse_mm / g.spacing[a]));
    const Coarse coarse = block_means(hu, air, factor);
    const Geometry& c = coarse.hu.geometry;
    const double ml = c.voxel_ml(),
                 middle = 0.5 * static_cast<double>(lungs.low[2] + lungs.high[2]) / static_cast<double>(factor[2]);
    Mask dark(c);
    for (size_t n = 0; n < dark.voxels.size(); ++n)
        dark.voxels[n] = coarse.air.voxels[n] && coarse.hu.voxels[n] < gas_hu;
    const double widest = std::max({c.spacing[0], c.spacing[1], c.spacing[2]});
    const Components cores(dark, {});
    Mask gas(c);
    for (size_t n = 0; n < cores.list().size(); ++n) {
        const Component& core = cores.list()[n];
        if (static_cast<double>(core.voxels) * ml < smallest_ml || core.centre[2] > middle) continue;
        std::vector<uint8_t> only(cores.list().size(), 0);
        only[n] = 1;
        Mask one(c);
        cores.paint(one, only);
        const Mask inner = dilate(one, 1.01 * widest, Element::ball),
                   outer = dilate(one, 1.01 * widest + 2 * rim_mm, Element::ball);
        int64_t shell = 0, tissue = 0;
        for (size_t v = 0; v < one.voxels.size(); ++v) {
            if (!outer.voxels[v] || inner.voxels[v]) continue;
            ++shell, tissue += coarse.hu.voxels[v] > tissue_hu;
        }
        if (static_cast<double>(tissue) < wrapped_share * static_cast<double>(shell)) continue;
        const Mask whole = dilate(one, std::max(rim_mm, 1.01 * widest), Element::ball);
        for (size_t v = 0; v < gas.voxels.size(); ++v) gas.voxels[v] |= whole.voxels[v];
    }
    if (bounding_box(gas).empty()) return Mask(g);
    return resample_mask(gas, g, MaskInterpolation::nearest);
}

}  // namespace cmtl
