// The same steps as on the CPU, by the kernels: the ROI's box and what the filters reach beyond it go to the device
// once; values, levels and matrices stay there, and what comes back is a few numbers per level and direction.
#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "engine/gpu/target.hpp"
#include "kernels/device_algorithms.hpp"
#include "kernels/discretise.hpp"
#include "kernels/first_order.hpp"
#include "kernels/glcm.hpp"
#include "kernels/glcm_reduce.hpp"
#include "kernels/glrlm.hpp"
#include "kernels/glszm.hpp"
#include "kernels/wavelet.hpp"
#include "engine/gpu/device_buffer.hpp"
#include "radiomics/extract.hpp"
#include "radiomics/first_order.hpp"
#include "radiomics/glcm.hpp"
#include "radiomics/glrlm.hpp"
#include "radiomics/glszm.hpp"
#include "radiomics/image_features.hpp"

namespace cmtl {

namespace {

using kernels::wavelet_after;
using kernels::wavelet_before;
constexpr int64_t reach = wavelet_before + wavelet_after;

std::vector<kernels::VoxelOffset> voxel_offsets(const std::vector<Index3>& offsets) {
    std::vector<kernels::VoxelOffset> out;
    for (const Index3& o : offsets)
        out.push_back({static_cast<int32_t>(o[2]), static_cast<int32_t>(o[1]), static_cast<int32_t>(o[0])});
    return out;
}

// Where the ROI's voxels lie in a dense array of the box with `border` more on every side.
std::vector<int32_t> places(const Roi& roi, int64_t border) {
    const kernels::LevelBox box{roi.size[2], roi.size[1], roi.size[0], border};
    if (box.elements() > std::numeric_limits<int32_t>::max())
        fail(ErrorKind::resource, "radiomics",
             "the ROI's box has {} voxels, a device takes up to 2^31: use --device cpu", box.elements());
    std::vector<int32_t> out;
    out.reserve(static_cast<size_t>(roi.voxels));
    for (const RoiRun& run : roi.runs)
        for (int64_t i = run.begin; i < run.end; ++i) out.push_back(static_cast<int32_t>(box.at(run.k, run.j, i)));
    return out;
}

template <class Target>
class DeviceAnalysis {
  public:
    DeviceAnalysis(Context& context, const Roi& roi, const RadiomicsSettings& settings, double voxel_volume,
                   StepTimes& times)
        : context_(context),
          stream_(context.stream()),
          roi_(roi),
          settings_(settings),
          voxel_volume_(voxel_volume),
          times_(times),
          box_{roi.size[2], roi.size[1], roi.size[0],
               *std::max_element(settings.distances.begin(), settings.distances.end())},
          voxels_(context, places(roi, box_.border)),
          pair_offsets_(glcm_offsets(settings.distances, roi.size)),
          run_offsets_(glcm_offsets({1}, roi.size)),
          device_pair_offsets_(context, voxel_offsets(pair_offsets_)),
          device_run_offsets_(context, voxel_offsets(run_offsets_)) {}

    ImageFeatures run(const DeviceBuffer<double>& values, const Wanted& wanted, const std::string& name) {
        StepWatch watch(times_);
        const auto n = static_cast<int64_t>(values.size());
        DeviceBuffer<std::byte> scratch(context_, kernels::value_range_scratch(n));
        DeviceBuffer<kernels::ValueRange> range(context_, size_t{1});
        kernels::value_range<Target>(stream_, n, values.data(), range.data(), scratch.data());
        const kernels::ValueRange found = range.download().front();
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        Binning binning = make_binning({found.not_finite ? nan : found.least, found.greatest}, settings_, name);
        const int highest = binning.level(found.greatest);
        if (!binning.most) binning.most = highest;
        if (highest <= std::numeric_limits<uint8_t>::max())
            return textures(values, binning, found, wanted, narrow_, watch);
        return textures(values, binning, found, wanted, wide_, watch);
    }

  private:
    template <class Level>
    ImageFeatures textures(const DeviceBuffer<double>& values, const Binning& binning, const kernels::ValueRange& range,
                           const Wanted& wanted, DeviceBuffer<Level>& volume, StepWatch& watch) {
        const auto wants = [&](FeatureClass c) { return wanted.classes[static_cast<size_t>(c)]; };
        ImageFeatures out;
        const auto of = [&](FeatureClass c) -> std::vector<double>& { return out.values[static_cast<size_t>(c)]; };
        if (!volume.size()) {
            volume = DeviceBuffer<Level>(context_, static_cast<size_t>(box_.elements()));
            volume.zero();
        }
        const LevelCounts levels = levels_of(values, binning, volume);
        out.levels = levels.highest;
        watch.lap("discretise");
        if (wants(FeatureClass::first_order)) {
            of(FeatureClass::first_order) = first_order_features(first_order(values, range), levels, voxel_volume_);
            watch.lap("firstorder");
        }
        const kernels::RoiLevels<Level> roi{box_, levels.highest, volume.data(), roi_.voxels, voxels_.data()};
        if (wants(FeatureClass::glcm)) {
            of(FeatureClass::glcm) = glcm_features(pairs(roi, levels, wanted.mcc), levels.highest, levels.present);
            watch.lap("glcm");
        }
        if (wants(FeatureClass::glrlm)) {
            of(FeatureClass::glrlm) = glrlm_features(runs(roi));
            watch.lap("glrlm");
        }
        if (wants(FeatureClass::glszm)) {
            of(FeatureClass::glszm) = glszm_features(zones(roi));
            watch.lap("glszm");
        }
        return out;
    }

    template <class Level>
    LevelCounts levels_of(const DeviceBuffer<double>& values, const Binning& binning, DeviceBuffer<Level>& volume) {
        DeviceBuffer<unsigned> counts(context_, static_cast<size_t>(binning.most) + 1);
        counts.zero();
        kernels::discretise<Target>(stream_, roi_.voxels, values.data(), voxels_.data(),
                                    {binning.low, binning.step, binning.most}, volume.data(), counts.data());
        LevelCounts levels;
        const std::vector<unsigned> by_level = counts.download();
        for (size_t l = 1; l < by_level.size(); ++l)
            if (by_level[l]) {
                levels.highest = static_cast<int>(l);
                ++levels.present;
            }
        levels.voxels.assign(by_level.begin() + 1, by_level.begin() + 1 + levels.highest);
        return levels;
    }

    FirstOrderSums first_order(const DeviceBuffer<double>& values, const kernels::ValueRange& range) {
        const int64_t n = roi_.voxels;
        FirstOrderSums s;
        s.count = n;
        s.least = range.least;
        s.greatest = range.greatest;
        {
            const DeviceBuffer<double> sorted(context_, values.size());
            const DeviceBuffer<std::byte> scratch(context_, kernels::sort_keys_scratch<Target, double>(n));
            kernels::sort_keys<Target>(stream_, n, values.data(), sorted.data(), scratch.data());
            kernels::Ranks ranks{10, {}};
            for (size_t p = 0; p < 5; ++p) {
                const int64_t rank = percentile_rank(n, percentiles[p]).first;
                ranks.rank[2 * p] = rank;
                ranks.rank[2 * p + 1] = std::min(rank + 1, n - 1);
            }
            const DeviceBuffer<double> taken(context_, size_t{10});
            kernels::take_ranks<Target>(stream_, ranks, sorted.data(), taken.data());
            const auto at = taken.download();
            for (size_t p = 0; p < 5; ++p) s.below[p] = at[2 * p], s.above[p] = at[2 * p + 1];
        }
        const double low = percentile(s, 0), high = percentile(s, 4);
        DeviceBuffer<std::byte> scratch(context_, kernels::first_order_scratch(n));
        const DeviceBuffer<kernels::FirstOrderSums> sums(context_, size_t{1});
        kernels::first_order_sums<Target>(stream_, n, values.data(), settings_.voxel_array_shift, low, high,
                                          sums.data(), scratch.data());
        const kernels::FirstOrderSums plain = sums.download().front();
        s.sum = plain.sum;
        s.shifted_squares = plain.squares;
        s.robust_count = static_cast<int64_t>(plain.inner_count);
        const double mean = s.least == s.greatest ? s.least : s.sum / static_cast<double>(n),
                     inner_mean = plain.inner_sum / plain.inner_count;
        const DeviceBuffer<kernels::FirstOrderMoments> moments(context_, size_t{1});
        kernels::first_order_moments<Target>(stream_, n, values.data(), mean, low, high, inner_mean, moments.data(),
                                             scratch.data());
        const kernels::FirstOrderMoments m = moments.download().front();
        s.absolute = m.absolute, s.second = m.second, s.third = m.third, s.fourth = m.fourth;
        s.robust_absolute = m.inner_absolute;
        return s;
    }

    template <class Level>
    std::vector<GlcmSums> pairs(const kernels::RoiLevels<Level>& roi, const LevelCounts& levels, bool with_mcc) {
        const int directions = static_cast<int>(pair_offsets_.size());
        const auto n = static_cast<size_t>(levels.highest),
                   bins = static_cast<size_t>(kernels::glcm_bins(levels.highest));
        std::vector<GlcmSums> out(pair_offsets_.size());
        if (!directions) return out;
        const DeviceBuffer<uint32_t> counts(context_, bins * pair_offsets_.size());
        kernels::glcm<Target>(stream_, roi, directions, device_pair_offsets_.data(),
                              context_.queue().runtime().properties().shared_per_block, counts.data());
        const kernels::GlcmIntegers at{levels.highest};
        const auto each = static_cast<size_t>(at.count());
        const DeviceBuffer<uint64_t> integers(context_, each * pair_offsets_.size());
        const DeviceBuffer<kernels::GlcmDoubles> doubles(context_, pair_offsets_.size());
        DeviceBuffer<std::byte> scratch(context_, kernels::glcm_reduce_scratch(levels.highest, directions));
        kernels::glcm_reduce<Target>(stream_, levels.highest, directions, counts.data(), integers.data(),
                                     doubles.data(), scratch.data());
        const auto sums = integers.download();
        const auto logarithms = doubles.download();
        const auto host_counts = with_mcc ? counts.download() : std::vector<uint32_t>();
#pragma omp parallel for schedule(dynamic)
        for (size_t d = 0; d < out.size(); ++d) {
            const uint64_t* s = sums.data() + d * each;
            GlcmSums& g = out[d];
            g.total = s[at.total()];
            g.row.assign(s + at.marginal(), s + at.marginal() + n);
            g.sum.assign(s + at.sums(), s + at.sums() + 2 * n - 1);
            g.difference.assign(s + at.differences(), s + at.differences() + n);
            g.energy = logarithms[d].energy, g.greatest = logarithms[d].most, g.entropy = logarithms[d].entropy;
            g.cross = logarithms[d].entropy1, g.product = logarithms[d].entropy2;
            if (!with_mcc || !g.total) continue;
            std::vector<uint32_t> square(n * n, 0);
            for (size_t a = 0, bin = d * bins; a < n; ++a)
                for (size_t b = 0; b <= a; ++b) square[a * n + b] = host_counts[bin++];
            g.mcc = maximal_correlation(square, levels.highest, levels.present);
        }
        return out;
    }

    template <class Level>
    std::vector<std::vector<SizeCount>> runs(const kernels::RoiLevels<Level>& roi) {
        const size_t directions = run_offsets_.size(), longest = static_cast<size_t>(box_.longest()),
                     n = static_cast<size_t>(roi.highest);
        std::vector<std::vector<SizeCount>> out(directions);
        if (!directions) return out;
        const DeviceBuffer<uint32_t> counts(context_, directions * n * longest), lines(context_, directions);
        kernels::glrlm<Target>(stream_, roi, static_cast<int>(directions), device_run_offsets_.data(), counts.data(),
                               lines.data());
        const auto host_counts = counts.download(), has_lines = lines.download();
        for (size_t d = 0; d < directions; ++d) {
            if (!has_lines[d]) continue;
            for (size_t l = 0; l < n; ++l)
                for (size_t length = 0; length < longest; ++length)
                    if (const uint32_t count = host_counts[(d * n + l) * longest + length])
                        out[d].push_back({static_cast<int>(l) + 1, static_cast<int64_t>(length) + 1, count});
        }
        return out;
    }

    template <class Level>
    std::vector<SizeCount> zones(const kernels::RoiLevels<Level>& roi) {
        const DeviceBuffer<int32_t> parents(context_, static_cast<size_t>(box_.elements()));
        const DeviceBuffer<uint32_t> small(context_, static_cast<size_t>(roi.highest * kernels::glszm_small_size)),
            count(context_, size_t{1});
        const DeviceBuffer<kernels::ZoneRecord> records(context_,
                                                        static_cast<size_t>(kernels::glszm_most_records(roi_.voxels)));
        kernels::glszm<Target>(stream_, roi, parents.data(), {small.data(), records.data(), count.data()});
        const size_t large = count.download().front();
        std::vector<std::pair<int, int64_t>> pieces;
        if (large) {
            const auto list = records.download();
            for (size_t i = 0; i < large; ++i) pieces.emplace_back(static_cast<int>(list[i].level), list[i].size);
        }
        return size_matrix_of(pieces, small.download(), kernels::glszm_small_size);
    }

    Context& context_;
    kernels::Stream stream_;
    const Roi& roi_;
    const RadiomicsSettings& settings_;
    double voxel_volume_;
    StepTimes& times_;
    kernels::LevelBox box_;
    DeviceBuffer<int32_t> voxels_;
    std::vector<Index3> pair_offsets_, run_offsets_;
    DeviceBuffer<kernels::VoxelOffset> device_pair_offsets_, device_run_offsets_;
    DeviceBuffer<uint8_t> narrow_;
    DeviceBuffer<uint16_t> wide_;
};

// The box and the filters' reach around it, the image's ends wrapped around; slice by slice onto the device.
template <class Real>
DeviceBuffer<Real> upload_region(Context& context, const Roi& roi, const RowReader<Real>& read) {
    const int64_t width = roi.size[0] + reach, height = roi.size[1] + reach, depth = roi.size[2] + reach;
    DeviceBuffer<Real> region(context, static_cast<size_t>(width * height * depth));
    std::vector<Real> slice(static_cast<size_t>(width * height));
    for (int64_t k = 0; k < depth; ++k) {
        const int64_t plane = periodic(k - wavelet_before + roi.low[2], roi.image[2]);
        for (int64_t j = 0; j < height; ++j)
            read_periodic(read, roi.image[0], periodic(j - wavelet_before + roi.low[1], roi.image[1]), plane,
                          roi.low[0] - wavelet_before, width, slice.data() + j * width);
        context.queue().upload(region.data() + k * width * height, slice.data(), slice.size() * sizeof(Real));
    }
    return region;
}

}  // namespace

template <class Real>
ImagesFeatures device_image_features(Context& context, const Roi& roi, const RowReader<Real>& read,
                                     const RadiomicsSettings& settings, double voxel_volume, const ImagesWanted& wanted,
                                     StepTimes& times) {
    ImagesFeatures features;
    on_target(context, [&]<class Target>(Target) {
        StepWatch watch(times);
        const kernels::Stream stream = context.stream();
        DeviceAnalysis<Target> analysis(context, roi, settings, voxel_volume, times);
        const auto analyse = [&](size_t image, const DeviceBuffer<double>& values) {
            watch.lap("wavelet");
            features[image] = analysis.run(values, wanted[image], std::string(image_type_names[image]));
            watch = StepWatch(times);
        };
        if (wanted[0].any()) {
            std::vector<double> values(static_cast<size_t>(roi.voxels));
            read_roi(roi, read, values.data());
            const DeviceBuffer<double> on_device(context, values);
            watch.lap("prepare");
            analyse(0, on_device);
        }
        if (std::none_of(wanted.begin() + 1, wanted.end(), [](const Wanted& w) { return w.any(); })) return;
        const auto [nx, ny, nz] = roi.size;
        DeviceBuffer<Real> region = upload_region(context, roi, read);
        const DeviceBuffer<int32_t> voxels(context, places(roi, 0));
        watch.lap("prepare");
        DeviceBuffer<Real> along_x[2], along_y[2];
        for (auto& part : along_x)
            part = DeviceBuffer<Real>(context, static_cast<size_t>(nx * (ny + reach) * (nz + reach)));
        kernels::wavelet_pass<Target>(stream, {(ny + reach) * (nz + reach), nx, 1, roi.low[0], period(roi.image[0])},
                                      region.data(), along_x[0].data(), along_x[1].data());
        region = {};
        for (auto& part : along_y) part = DeviceBuffer<Real>(context, static_cast<size_t>(nx * ny * (nz + reach)));
        for (int x = 0; x < 2; ++x) {
            kernels::wavelet_pass<Target>(stream, {nz + reach, ny, nx, roi.low[1], period(roi.image[1])},
                                          along_x[x].data(), along_y[0].data(), along_y[1].data());
            for (int y = 0; y < 2; ++y) {
                const size_t images[2] = {1 + sub_band(x, y, 0), 1 + sub_band(x, y, 1)};
                DeviceBuffer<double> values[2];
                for (int z = 0; z < 2; ++z)
                    if (wanted[images[z]].any())
                        values[z] = DeviceBuffer<double>(context, static_cast<size_t>(roi.voxels));
                if (!values[0].size() && !values[1].size()) continue;
                kernels::wavelet_gather<Target>(stream, {1, nz, nx * ny, roi.low[2], period(roi.image[2])}, roi.voxels,
                                                voxels.data(), along_y[y].data(), values[0].data(), values[1].data());
                for (int z = 0; z < 2; ++z)
                    if (values[z].size()) analyse(images[z], values[z]);
            }
        }
    });
    return features;
}

template ImagesFeatures device_image_features(Context&, const Roi&, const RowReader<float>&, const RadiomicsSettings&,
                                              double, const ImagesWanted&, StepTimes&);
template ImagesFeatures device_image_features(Context&, const Roi&, const RowReader<double>&, const RadiomicsSettings&,
                                              double, const ImagesWanted&, StepTimes&);

}  // namespace cmtl
