#include "imaging/morphology.hpp"

#include <algorithm>
#include <cmath>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "imaging/components.hpp"
#include "imaging/geometry.hpp"

namespace cmtl {

namespace {

// Squared distances are only needed up to the radius: beyond, they are `far`, and each axis takes the minimum over the
// few neighbours within reach. That is fewer operations than an exact transform, and all of them vectorise.
constexpr float far = 1e12f;

CMTL_MULTIARCH void lower_row(float* to, const float* from, float add, int64_t n) {
    for (int64_t i = 0; i < n; ++i) to[i] = std::min(to[i], from[i] + add);
}

CMTL_MULTIARCH void threshold_row(uint8_t* to, const float* from, float limit, uint8_t inside, int64_t n) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] <= limit ? inside : static_cast<uint8_t>(1 - inside);
}

int64_t reach_of(double radius, double spacing) { return static_cast<int64_t>(std::floor(radius / spacing + 1e-9)); }

// 1 within `radius` of a voxel that is set (is == true) or not set (false), as `inside` or its opposite.
Mask near(const Mask& mask, double radius, Element element, bool is, uint8_t inside) {
    const Geometry& g = mask.geometry;
    const int64_t nx = g.size[0], ny = g.size[1], nz = g.size[2], plane = nx * ny;
    Mask out;
    out.geometry = g;
    out.voxels.resize(mask.voxels.size());
    std::vector<float> rows(mask.voxels.size());
    const int64_t reach_y = reach_of(radius, g.spacing[1]),
                  reach_z = element == Element::ball ? reach_of(radius, g.spacing[2]) : 0;
    const float sx = static_cast<float>(g.spacing[0]), limit = static_cast<float>(radius * radius * (1 + 1e-6));
    std::vector<float> planes(reach_z > 0 ? mask.voxels.size() : 0);
    parallel_ranges(nz, [&](int64_t begin, int64_t end) {
        std::vector<float> lowest(static_cast<size_t>(nx));
        for (int64_t k = begin; k < end; ++k) {
            for (int64_t j = 0; j < ny; ++j) {
                const uint8_t* in = mask.voxels.data() + k * plane + j * nx;
                float* d = rows.data() + k * plane + j * nx;
                int64_t last = -(int64_t{1} << 20);
                for (int64_t i = 0; i < nx; ++i) {
                    if ((in[i] != 0) == is) last = i;
                    d[i] = static_cast<float>(i - last);
                }
                last = int64_t{1} << 21;
                for (int64_t i = nx - 1; i >= 0; --i) {
                    if ((in[i] != 0) == is) last = i;
                    const float steps = std::min(d[i], static_cast<float>(last - i)) * sx;
                    d[i] = steps * steps;
                }
            }
            for (int64_t j = 0; j < ny; ++j) {
                float* to = reach_z > 0 ? planes.data() + k * plane + j * nx : lowest.data();
                std::fill_n(to, nx, far);
                for (int64_t q = std::max<int64_t>(0, j - reach_y); q <= std::min(ny - 1, j + reach_y); ++q) {
                    const double dy = static_cast<double>(q - j) * g.spacing[1];
                    lower_row(to, rows.data() + k * plane + q * nx, static_cast<float>(dy * dy), nx);
                }
                if (reach_z == 0) threshold_row(out.voxels.data() + k * plane + j * nx, to, limit, inside, nx);
            }
        }
    });
    if (reach_z == 0) return out;
    parallel_ranges(nz, [&](int64_t begin, int64_t end) {
        std::vector<float> lowest(static_cast<size_t>(plane));
        for (int64_t k = begin; k < end; ++k) {
            std::fill(lowest.begin(), lowest.end(), far);
            for (int64_t q = std::max<int64_t>(0, k - reach_z); q <= std::min(nz - 1, k + reach_z); ++q) {
                const double dz = static_cast<double>(q - k) * g.spacing[2];
                lower_row(lowest.data(), planes.data() + q * plane, static_cast<float>(dz * dz), plane);
            }
            threshold_row(out.voxels.data() + k * plane, lowest.data(), limit, inside, plane);
        }
    });
    return out;
}

// Runs `work` on the set part of the mask with a margin of `radius`, and puts the result back.
template <class Work>
Mask on_set_part(const Mask& mask, double radius, Element element, Work&& work) {
    const Box box = bounding_box(mask);
    Mask out(mask.geometry);
    if (box.empty()) return out;
    Index3 margin{};
    for (size_t a = 0; a < 3; ++a)
        if (a < 2 || element == Element::ball) margin[a] = reach_of(radius, mask.geometry.spacing[a]) + 1;
    const Mask part = work(crop(mask, box, margin));
    paste(out, part, {box.low[0] - margin[0], box.low[1] - margin[1], box.low[2] - margin[2]});
    return out;
}

}  // namespace

Mask dilate(const Mask& mask, double radius, Element element) {
    return on_set_part(mask, radius, element, [&](const Mask& part) { return near(part, radius, element, true, 1); });
}

Mask erode(const Mask& mask, double radius, Element element) { return near(mask, radius, element, false, 0); }

Mask close(const Mask& mask, double radius, Element element) {
    return on_set_part(mask, radius, element, [&](const Mask& part) {
        return near(near(part, radius, element, true, 1), radius, element, false, 0);
    });
}

Mask open(const Mask& mask, double radius, Element element) {
    return dilate(erode(mask, radius, element), radius, element);
}

void fill_holes(Mask& mask, Element element) {
    const Components holes(mask, {Connectivity::faces, element == Element::disk, true});
    std::vector<uint8_t> value;
    for (const Component& c : holes.list())
        value.push_back(c.touches_sides || (element == Element::ball && c.touches_ends) ? 0 : 1);
    holes.paint(mask, value);
}

Mask labelled(const Mask& mask, uint8_t label) {
    Mask out;
    out.geometry = mask.geometry;
    out.voxels.resize(mask.voxels.size());
    parallel_ranges(
        std::ssize(mask.voxels),
        [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; ++n)
                out.voxels[static_cast<size_t>(n)] = mask.voxels[static_cast<size_t>(n)] == label;
        },
        1 << 16);
    return out;
}

Box bounding_box(const Mask& mask) {
    Box box;
    bool any = false;
    for (int64_t k = 0; k < mask.nz(); ++k)
        for (int64_t j = 0; j < mask.ny(); ++j) {
            const uint8_t* row = mask.voxels.data() + mask.offset(0, j, k);
            const uint8_t* first = std::find_if(row, row + mask.nx(), [](uint8_t v) { return v != 0; });
            if (first == row + mask.nx()) continue;
            const uint8_t* last = row + mask.nx() - 1;
            while (*last == 0) --last;
            const Index3 low{first - row, j, k}, high{last - row, j, k};
            for (size_t a = 0; a < 3; ++a) {
                box.low[a] = any ? std::min(box.low[a], low[a]) : low[a];
                box.high[a] = any ? std::max(box.high[a], high[a]) : high[a];
            }
            any = true;
        }
    return box;
}

void paste(Mask& to, const Mask& from, const Index3& shift) {
    const int64_t i0 = std::max<int64_t>(0, -shift[0]), i1 = std::min(from.nx(), to.nx() - shift[0]);
    if (i1 <= i0) return;
    for (int64_t k = 0; k < from.nz(); ++k)
        for (int64_t j = 0; j < from.ny(); ++j) {
            const int64_t kk = k + shift[2], jj = j + shift[1];
            if (kk < 0 || kk >= to.nz() || jj < 0 || jj >= to.ny()) continue;
            std::copy_n(from.voxels.data() + from.offset(i0, j, k), i1 - i0,
                        to.voxels.data() + to.offset(i0 + shift[0], jj, kk));
        }
}

Mask crop(const Mask& mask, const Box& box, const Index3& margin) {
    Geometry g = mask.geometry;
    Vector3 first{};
    Index3 shift{};
    for (size_t a = 0; a < 3; ++a) {
        shift[a] = margin[a] - box.low[a];
        first[a] = static_cast<double>(-shift[a]);
        g.size[a] = box.high[a] - box.low[a] + 1 + 2 * margin[a];
    }
    g.origin = index_to_lps(mask.geometry, first);
    Mask out(g);
    paste(out, mask, shift);
    return out;
}

}  // namespace cmtl
