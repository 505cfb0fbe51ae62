#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "imaging/geometry.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {

namespace {

double largest(const Vector3& a, const Vector3& b) {
    double most = 0;
    for (size_t n = 0; n < 3; ++n) most = std::max(most, std::abs(a[n] - b[n]));
    return most;
}

// Two grids are one as ITK sees it: origins and spacings within the tolerance times the first spacing, directions
// within it.
bool same_grid(const Geometry& image, const Geometry& mask, double tolerance) {
    const double mm = tolerance * image.spacing[0];
    if (image.size != mask.size || !(largest(image.origin, mask.origin) <= mm) ||
        !(largest(image.spacing, mask.spacing) <= mm))
        return false;
    for (size_t n = 0; n < 9; ++n)
        if (!(std::abs(image.direction[n] - mask.direction[n]) <= tolerance)) return false;
    return true;
}

std::string numbers(const Vector3& v) { return fmt::format("{:.6g} x {:.6g} x {:.6g}", v[0], v[1], v[2]); }

// What differs, in millimetres where it has a length.
std::string difference(const Geometry& image, const Geometry& mask, double tolerance) {
    if (image.size != mask.size)
        return fmt::format("{} x {} x {} voxels, the image {} x {} x {}", mask.size[0], mask.size[1], mask.size[2],
                           image.size[0], image.size[1], image.size[2]);
    const double mm = tolerance * image.spacing[0];
    std::string text;
    const auto add = [&](std::string part) { text += (text.empty() ? "" : "; ") + std::move(part); };
    if (const double d = largest(image.spacing, mask.spacing); !(d <= mm))
        add(fmt::format("a spacing of {} mm, the image {}: {:.3g} mm of difference", numbers(mask.spacing),
                        numbers(image.spacing), d));
    if (const double d = largest(image.origin, mask.origin); !(d <= mm))
        add(fmt::format("its origin {:.3g} mm away", d));
    double apart = 0;  // of the corners: what a difference in direction comes to
    for (int corner = 0; corner < 8; ++corner) {
        Vector3 index{};
        for (size_t a = 0; a < 3; ++a) index[a] = corner >> a & 1 ? static_cast<double>(image.size[a] - 1) : 0;
        apart = std::max(apart, largest(index_to_lps(image, index), index_to_lps(mask, index)));
    }
    add(fmt::format("voxels up to {:.3g} mm from the image's", apart));
    return text;
}

bool in_roi(uint8_t voxel, int label) { return label == 0 ? voxel != 0 : voxel == label; }

// The box of the label, its borders half a voxel out, must lie within the image's, to a thousandth of a voxel.
void check_inside(const Mask& mask, const Geometry& image, int label, const std::string& image_name,
                  const std::string& mask_name) {
    Vector3 low{1e9, 1e9, 1e9}, high{-1, -1, -1};
    for (int64_t k = 0; k < mask.nz(); ++k)
        for (int64_t j = 0; j < mask.ny(); ++j) {
            const uint8_t* row = &mask.at(0, j, k);
            const auto found = [&](uint8_t v) { return in_roi(v, label); };
            const uint8_t* first = std::find_if(row, row + mask.nx(), found);
            if (first == row + mask.nx()) continue;
            const uint8_t* last = row + mask.nx() - 1;
            while (!found(*last)) --last;
            const Vector3 from{double(first - row), double(j), double(k)}, to{double(last - row), double(j), double(k)};
            for (size_t a = 0; a < 3; ++a) low[a] = std::min(low[a], from[a]), high[a] = std::max(high[a], to[a]);
        }
    if (high[0] < 0) return;  // no such label: extract_features says which there are
    for (size_t a = 0; a < 3; ++a) low[a] -= 0.5, high[a] += 0.5;
    const Vector3 p = lps_to_index(image, index_to_lps(mask.geometry, low)),
                  q = lps_to_index(image, index_to_lps(mask.geometry, high));
    double outside = 0;  // mm
    for (size_t a = 0; a < 3; ++a) {
        const double beyond =
            std::max(-0.5 - std::min(p[a], q[a]), std::max(p[a], q[a]) - (static_cast<double>(image.size[a]) - 0.5));
        if (beyond > 1e-3) outside = std::max(outside, beyond * image.spacing[a]);
    }
    if (outside > 0)
        fail(ErrorKind::input, "mask",
             "{}: label {} reaches {:.3g} mm beyond {}: give the image that the mask was drawn on", mask_name, label,
             outside, image_name);
}

// Nearest voxels as ITK's ResampleImageFilter takes them: the position in the mask is followed along a row of the image
// by linear interpolation between the row's ends, halves are rounded up, and what lies outside is 0.
Mask resample(const Mask& mask, const Geometry& image) {
    Mask out(image);
    const Geometry& g = mask.geometry;
    parallel_ranges(out.nz() * out.ny(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const auto j = static_cast<double>(row % out.ny()), k = static_cast<double>(row / out.ny());
            const auto length = static_cast<double>(out.nx());
            const Vector3 from = lps_to_index(g, index_to_lps(image, {0, j, k}));
            const Vector3 to = lps_to_index(g, index_to_lps(image, {length, j, k}));
            uint8_t* write = out.voxels.data() + row * out.nx();
            for (int64_t i = 0; i < out.nx(); ++i) {
                const double part = static_cast<double>(i) / length;
                Index3 at{};
                bool inside = true;
                for (size_t a = 0; a < 3; ++a) {
                    const double x = from[a] + part * (to[a] - from[a]);
                    inside = inside && x >= -0.5 && x < static_cast<double>(g.size[a]) - 0.5;
                    at[a] = inside ? static_cast<int64_t>(std::floor(x + 0.5)) : 0;
                }
                write[i] = inside ? mask.at(at[0], at[1], at[2]) : uint8_t{0};
            }
        }
    });
    return out;
}

}  // namespace

Mask match_mask(Mask mask, const Geometry& image, const RadiomicsSettings& settings, const std::string& image_name,
                const std::string& mask_name) {
    if (same_grid(image, mask.geometry, settings.geometry_tolerance)) return mask;
    if (!settings.correct_mask)
        fail(ErrorKind::input, "mask",
             "{}: not on the grid of {}: it has {}; --correct-mask resamples it to the image's grid, --setting "
             "geometryTolerance=... lets small differences pass",
             mask_name, image_name, difference(image, mask.geometry, settings.geometry_tolerance));
    check_inside(mask, image, settings.label, image_name, mask_name);
    return resample(mask, image);
}

}  // namespace cmtl
