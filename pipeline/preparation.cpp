#include "pipeline/preparation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.hpp"
#include "imaging/geometry.hpp"
#include "imaging/lungs.hpp"
#include "imaging/resample.hpp"
#include "io/image_io.hpp"

namespace cmtl {

namespace {
constexpr double water = 1024;  // stored value of 0 HU

class Stopwatch {
  public:
    explicit Stopwatch(Timeline& timeline) : timeline_(timeline) {}
    void lap(const char* step) {
        const auto now = std::chrono::steady_clock::now();
        timeline_.emplace_back(step, std::chrono::duration<double>(now - last_).count());
        last_ = now;
    }

  private:
    Timeline& timeline_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Means over blocks of f[0] x f[1] x f[2] voxels; what is left over at an end joins no block.
Volume block_means(const Volume& in, const Index3& f) {
    Geometry g = in.geometry;
    for (size_t a = 0; a < 3; ++a) {
        for (size_t r = 0; r < 3; ++r)
            g.origin[r] +=
                in.geometry.direction[r * 3 + a] * in.geometry.spacing[a] * static_cast<double>(f[a] - 1) / 2;
        g.size[a] = in.geometry.size[a] / f[a];
        g.spacing[a] = in.geometry.spacing[a] * static_cast<double>(f[a]);
    }
    Volume out(g);
#pragma omp parallel for
    for (int64_t k = 0; k < out.nz(); ++k)
        for (int64_t j = 0; j < out.ny(); ++j)
            for (int64_t i = 0; i < out.nx(); ++i) {
                double sum = 0;
                for (int64_t c = 0; c < f[2]; ++c)
                    for (int64_t b = 0; b < f[1]; ++b)
                        for (int64_t a = 0; a < f[0]; ++a) sum += in.at(i * f[0] + a, j * f[1] + b, k * f[2] + c);
                out.at(i, j, k) = static_cast<float>(sum / static_cast<double>(f[0] * f[1] * f[2]));
            }
    return out;
}

// The volume at `spacing` mm. `average`: a grid twice as coarse or more gets means of the voxels it swallows, where the
// spline alone would pick single ones, noise and all.
Volume at_spacing(Volume hu, double spacing, bool average, const ImagingOperations& run) {
    Index3 factor{1, 1, 1};
    for (size_t a = 0; average && a < 3; ++a)
        factor[a] = std::clamp<int64_t>(static_cast<int64_t>(spacing / hu.geometry.spacing[a]), 1, hu.geometry.size[a]);
    if (factor != Index3{1, 1, 1}) hu = block_means(hu, factor);
    const Index3 size = size_at_spacing(hu.geometry, {spacing, spacing, spacing});
    return run.resample_cubic(std::move(hu), size);
}

// First voxel of the prepared volume along each image axis (x y z): negative where zeros are put in front.
Index3 window_start(const Mask& lungs, const PreparationOptions& options) {
    Index3 low{lungs.geometry.size}, high{-1, -1, -1};
    if (options.centre == "lungs")
        for (int64_t k = 0; k < lungs.nz(); ++k)
            for (int64_t j = 0; j < lungs.ny(); ++j)
                for (int64_t i = 0; i < lungs.nx(); ++i) {
                    if (!lungs.at(i, j, k)) continue;
                    const Index3 at{i, j, k};
                    for (size_t a = 0; a < 3; ++a) {
                        low[a] = std::min(low[a], at[a]);
                        high[a] = std::max(high[a], at[a]);
                    }
                }
    Index3 start{};
    for (size_t a = 0; a < 3; ++a) {
        const bool image = options.centre == "image" || high[a] < 0;
        const int64_t begin = image ? 0 : low[a], end = image ? lungs.geometry.size[a] : high[a] + 1;
        const int64_t room = begin + end - options.size[2 - a];  // twice the start
        start[a] = room >= 0 ? room / 2 : -((1 - room) / 2);
    }
    return start;
}

double litres(const Mask& mask, uint8_t label) {
    const auto& s = mask.geometry.spacing;
    const auto voxels = std::count(mask.voxels.begin(), mask.voxels.end(), label);
    return static_cast<double>(voxels) * s[0] * s[1] * s[2] * 1e-6;
}

Mask read_lungs(const std::filesystem::path& path, const Geometry& grid) {
    Mask mask = read_mask(path);
    if (mask.geometry.size != grid.size)
        fail(ErrorKind::input, "mask",
             "{}: {}x{}x{} voxels, its image has {}x{}x{}: a mask must be on the image's grid", path.string(),
             mask.geometry.size[0], mask.geometry.size[1], mask.geometry.size[2], grid.size[0], grid.size[1],
             grid.size[2]);
    for (size_t a = 0; a < 3; ++a) {
        const double tolerance = 0.01 * grid.spacing[a] + 1e-3;
        if (std::abs(mask.geometry.spacing[a] - grid.spacing[a]) > tolerance ||
            std::abs(mask.geometry.origin[a] - grid.origin[a]) > 1)
            fail(ErrorKind::input, "mask",
                 "{}: spacing or origin differ from its image's: a mask must be on the image's grid", path.string());
    }
    for (size_t a = 0; a < 9; ++a)
        if (std::abs(mask.geometry.direction[a] - grid.direction[a]) > 1e-3)
            fail(ErrorKind::input, "mask",
                 "{}: its orientation differs from its image's: a mask must be on the image's grid", path.string());
    if (std::all_of(mask.voxels.begin(), mask.voxels.end(), [](uint8_t v) { return v == 0; }))
        fail(ErrorKind::input, "mask", "{}: empty: no voxel is above 0", path.string());
    mask.geometry = grid;
    return mask;
}
// Errors name the image: the segmentation does not know it.
Lungs find_lungs(const Volume& hu, const PreparationOptions& options, const std::filesystem::path& image,
                 const ImagingOperations& run) {
    try {
        LungOptions lungs;
        lungs.refine = refinement_named(options.refine);
        lungs.operations = &run;
        return segment_lungs(hu, lungs);
    } catch (const Error& error) {
        fail(error.kind(), "lungs", "{}: {}", image.string(), error.message());
    }
}
}  // namespace

PreparedCase prepare_case(const std::filesystem::path& image, const PreparationOptions& options,
                          const std::filesystem::path& mask, ReadOptions reading, const ImagingOperations* operations) {
    const ImagingOperations on_cpu;
    const ImagingOperations& run = operations ? *operations : on_cpu;
    PreparedCase out;
    Stopwatch watch(out.timeline);
    ReadReport report;
    reading.correct_tilt = reading.correct_tilt || options.correct_tilt;
    reading.allow_gaps = reading.allow_gaps || options.allow_gaps;
    reading.warn = false;  // they travel with the result
    Volume hu = read_volume(image, reading, &report);
    out.warnings = report.warnings;
    const Geometry stored = hu.geometry;
    const Orientation orientation = orientation_of(stored);
    Mask given = mask.empty() ? Mask() : read_lungs(mask, stored);
    Volume canonical = to_lps(std::move(hu)).image;
    const Geometry grid = canonical.geometry;
    // What lies outside of the scanner's range would ring in the spline.
    for (float& v : canonical.voxels) v = std::clamp(v, -1024.0f, 3071.0f);
    watch.lap("read");

    const bool one_grid = options.lung_spacing_mm == options.spacing_mm;
    Volume fine;
    if (mask.empty() && !one_grid) fine = at_spacing(canonical, options.lung_spacing_mm, options.average, run);
    const Volume resampled = at_spacing(std::move(canonical), options.spacing_mm, options.average, run);
    watch.lap("resample");

    Mask lungs, kept;
    if (mask.empty()) {
        Lungs found = find_lungs(one_grid ? resampled : fine, options, image, run);
        out.flags = found.flags;
        out.warnings.insert(out.warnings.end(), found.flags.begin(), found.flags.end());
        out.litres_right = found.right_litres;
        out.litres_left = found.left_litres;
        kept = one_grid ? found.mask : resample_mask(found.mask, resampled.geometry, MaskInterpolation::linear);
        out.lungs = restore(resample_mask(found.mask, grid, MaskInterpolation::linear), orientation);
    } else {
        out.lungs = given;
        lungs = to_lps(std::move(given)).image;
        out.litres_right = litres(lungs, 1);
        out.litres_left = litres(lungs, 2);
        kept = resample_mask(lungs, resampled.geometry, MaskInterpolation::linear);
    }
    watch.lap("segment");

    out.size = options.size;
    const auto [depth, height, width] = options.size;
    out.voxels.assign(static_cast<size_t>(depth * height * width), 0);
    const Index3 start = window_start(kept, options);
    out.grid = kept.geometry;
    out.grid.origin = index_to_lps(kept.geometry, {double(start[0]), double(start[1]), double(start[2])});
    out.grid.size = {width, height, depth};
    for (int64_t z = 0; z < depth; ++z)
        for (int64_t y = 0; y < height; ++y) {
            const int64_t k = z + start[2], j = y + start[1];
            if (k < 0 || k >= kept.nz() || j < 0 || j >= kept.ny()) continue;
            const int64_t first = std::max<int64_t>(0, -start[0]), last = std::min(width, kept.nx() - start[0]);
            uint16_t* row = out.voxels.data() + (z * height + y) * width;
            for (int64_t x = first; x < last; ++x)
                if (kept.at(x + start[0], j, k))
                    row[x] = static_cast<uint16_t>(
                        std::lround(std::clamp(resampled.at(x + start[0], j, k) + water, 0.0, 4095.0)));
        }
    watch.lap("crop");
    return out;
}

std::vector<float> network_input(std::span<const uint16_t> volume, const std::array<int64_t, 3>& offset,
                                 const IntensityStatistics& statistics, const PreparationOptions& options) {
    const auto [depth, height, width] = options.crop;
    require(static_cast<int64_t>(volume.size()) == options.size[0] * options.size[1] * options.size[2], "pipeline",
            "{} voxels are not a prepared volume", volume.size());
    for (size_t a = 0; a < 3; ++a)
        require(offset[a] >= 0 && offset[a] + options.crop[a] <= options.size[a], "pipeline",
                "crop offset {} leaves the volume", offset[a]);
    std::vector<float> input(static_cast<size_t>(depth * height * width));
    const double divisor = statistics.deviation > 0 ? statistics.deviation : 1;
    float* to = input.data();
    for (int64_t z = 0; z < depth; ++z)
        for (int64_t y = 0; y < height; ++y) {
            const uint16_t* row =
                volume.data() + ((z + offset[0]) * options.size[1] + y + offset[1]) * options.size[2] + offset[2];
            for (int64_t x = 0; x < width; ++x)
                *to++ = static_cast<float>((std::min<double>(row[x], options.clip) - statistics.mean) / divisor);
        }
    return input;
}

}  // namespace cmtl
