#include "radiomics/image_features.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/parallel.hpp"
#include "radiomics/first_order.hpp"
#include "radiomics/glcm.hpp"
#include "radiomics/glrlm.hpp"
#include "radiomics/glszm.hpp"
#include "radiomics/large_array.hpp"

namespace cmtl {

void add_time(StepTimes& times, const std::string& step, double seconds) {
    const auto at = std::find_if(times.begin(), times.end(), [&](const auto& t) { return t.first == step; });
    if (at == times.end())
        times.emplace_back(step, seconds);
    else
        at->second += seconds;
}

namespace {

// Holds the level volumes, which every image type of the ROI uses again.
class ImageAnalysis {
  public:
    ImageAnalysis(const Roi& roi, const RadiomicsSettings& settings, double voxel_volume, StepTimes& times)
        : roi_(roi),
          settings_(settings),
          voxel_volume_(voxel_volume),
          times_(times),
          pair_offsets_(glcm_offsets(settings.distances, roi.size)),
          run_offsets_(glcm_offsets({1}, roi.size)) {
        for (const Index3& direction : run_offsets_) has_line_.push_back(has_line_of_two(roi, direction));
    }
    // values: packed; `name` is in messages.
    ImageFeatures run(std::span<const double> values, const Wanted& wanted, const std::string& name);

  private:
    template <class Level>
    ImageFeatures textures(std::span<const double> values, const ValueRange& range, const Binning& binning,
                           const Wanted& wanted, std::unique_ptr<LevelVolume<Level>>& volume);

    const Roi& roi_;
    const RadiomicsSettings& settings_;
    double voxel_volume_;
    StepTimes& times_;
    std::vector<Index3> pair_offsets_, run_offsets_;
    std::vector<char> has_line_;  // by run_offsets_: whether a line holds two voxels
    std::unique_ptr<LevelVolume<uint8_t>> narrow_;
    std::unique_ptr<LevelVolume<uint16_t>> wide_;
};

template <class Level>
ImageFeatures ImageAnalysis::textures(std::span<const double> values, const ValueRange& range, const Binning& binning,
                                      const Wanted& wanted, std::unique_ptr<LevelVolume<Level>>& volume) {
    ImageFeatures out;
    const auto wants = [&](FeatureClass c) { return wanted.classes[static_cast<size_t>(c)]; };
    const auto of = [&](FeatureClass c) -> std::vector<double>& { return out.values[static_cast<size_t>(c)]; };
    StepWatch watch(times_);
    if (!volume)
        volume = std::make_unique<LevelVolume<Level>>(
            roi_, *std::max_element(settings_.distances.begin(), settings_.distances.end()));
    const LevelCounts levels = discretise(roi_, values, binning, *volume);
    out.levels = levels.highest;
    watch.lap("discretise");
    if (wants(FeatureClass::first_order)) {
        of(FeatureClass::first_order) =
            first_order_features(first_order_sums(values, range, settings_.voxel_array_shift), levels, voxel_volume_);
        watch.lap("firstorder");
    }
    const bool runs = wants(FeatureClass::glrlm), pairs = wants(FeatureClass::glcm);
    if (runs || pairs) {
        // Pairs at distance 1 and runs come from one sweep.
        const bool near = settings_.distances == std::vector{1};
        std::vector<GlcmSums> sums(pair_offsets_.size());
        std::vector<std::vector<SizeCount>> lists(run_offsets_.size());
        const auto take_pairs = [&](size_t d, const std::vector<uint32_t>& counts) {
            sums[d] = glcm_sums(counts, levels.highest, levels.present, wanted.mcc);
        };
        if (runs || near)
            count_neighbours(roi_, *volume, levels.highest, run_offsets_, [&](const NeighbourCounts& counts) {
                const size_t d = counts.direction;
                if (runs && has_line_[d]) lists[d] = glrlm_runs(levels, counts);
                if (pairs && near) take_pairs(d, counts.pairs);
            });
        if (pairs && !near) glcm_counts(roi_, *volume, levels.highest, pair_offsets_, take_pairs);
        if (pairs) of(FeatureClass::glcm) = glcm_features(sums, levels.highest, levels.present);
        if (runs) of(FeatureClass::glrlm) = glrlm_features(lists);
        watch.lap(!runs ? "glcm" : !pairs ? "glrlm" : "glcm+glrlm");
    }
    if (wants(FeatureClass::glszm)) {
        of(FeatureClass::glszm) = glszm_features(glszm_zones(roi_, *volume, levels.highest));
        watch.lap("glszm");
    }
    return out;
}

ImageFeatures ImageAnalysis::run(std::span<const double> values, const Wanted& wanted, const std::string& name) {
    const ValueRange range = value_range(values);
    const Binning binning = make_binning(range, settings_, name);
    return binning.level(range.greatest) <= std::numeric_limits<uint8_t>::max()
               ? textures(values, range, binning, wanted, narrow_)
               : textures(values, range, binning, wanted, wide_);
}

}  // namespace

template <class Real>
void read_roi(const Roi& roi, const RowReader<Real>& read, double* values) {
    parallel_ranges(std::ssize(roi.runs), [&](int64_t first, int64_t last) {
        std::vector<Real> row(static_cast<size_t>(roi.size[0]));
        for (int64_t r = first; r < last; ++r) {
            const RoiRun& run = roi.runs[static_cast<size_t>(r)];
            read(run.j + roi.low[1], run.k + roi.low[2], run.begin + roi.low[0], run.count(), row.data());
            std::copy_n(row.begin(), run.count(), values + run.first);
        }
    });
}

template void read_roi(const Roi&, const RowReader<float>&, double*);
template void read_roi(const Roi&, const RowReader<double>&, double*);

template <class Real>
ImagesFeatures cpu_image_features(const Roi& roi, const RowReader<Real>& read, const RadiomicsSettings& settings,
                                  double voxel_volume, const ImagesWanted& wanted, StepTimes& times) {
    StepWatch watch(times);
    ImageAnalysis analysis(roi, settings, voxel_volume, times);
    ImagesFeatures features;
    // Fresh memory is dear: the kernel clears each page first. So four sub-bands at a time share the same values.
    std::array<LargeArray<double>, sub_bands / 2> values;
    const auto room = [&](size_t n) {
        if (values[n].empty()) values[n] = LargeArray<double>(static_cast<size_t>(roi.voxels));
        return values[n].data();
    };
    if (wanted[0].any()) {
        read_roi(roi, read, room(0));
        watch.lap("prepare");
        features[0] = analysis.run(values[0].span(), wanted[0], std::string(image_type_names[0]));
    }
    for (int x = 0; x < 2; ++x) {
        std::array<double*, sub_bands> out{};
        std::array<size_t, sub_bands> place{};
        size_t used = 0;
        for (size_t yz = 0; yz < sub_bands / 2; ++yz) {
            const size_t band = sub_band(x, static_cast<int>(yz / 2), static_cast<int>(yz % 2));
            if (!wanted[band + 1].any()) continue;
            place[band] = used;
            out[band] = room(used++);
        }
        if (!used) continue;
        watch = StepWatch(times);
        wavelet<Real>(roi, read, out);
        watch.lap("wavelet");
        for (size_t band = 0; band < sub_bands; ++band)
            if (out[band])
                features[band + 1] =
                    analysis.run(values[place[band]].span(), wanted[band + 1], std::string(image_type_names[band + 1]));
    }
    return features;
}

template ImagesFeatures cpu_image_features(const Roi&, const RowReader<float>&, const RadiomicsSettings&, double,
                                           const ImagesWanted&, StepTimes&);
template ImagesFeatures cpu_image_features(const Roi&, const RowReader<double>&, const RadiomicsSettings&, double,
                                           const ImagesWanted&, StepTimes&);

}  // namespace cmtl
