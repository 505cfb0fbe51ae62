#include "radiomics/extract.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "radiomics/image_features.hpp"
#include "radiomics/large_array.hpp"
#include "radiomics/roi.hpp"
#include "radiomics/wavelet.hpp"

namespace cmtl {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

void check_roi(const Roi& roi, const RadiomicsSettings& s) {
    if (roi.voxels == 1) fail(ErrorKind::input, "radiomics", "the mask has one voxel: texture needs neighbours");
    const auto dimensions = std::count_if(roi.size.begin(), roi.size.end(), [](int64_t n) { return n > 1; });
    if (dimensions < s.minimum_roi_dimensions)
        fail(ErrorKind::input, "radiomics", "the ROI is longer than one voxel along {} axes, minimumROIDimensions wants {}", dimensions,
             s.minimum_roi_dimensions);
    if (s.minimum_roi_size > 0 && roi.voxels <= s.minimum_roi_size)
        fail(ErrorKind::input, "radiomics", "the ROI has {} voxels, minimumROISize wants more than {}", roi.voxels, s.minimum_roi_size);
}

Roi find_labelled(const Mask& mask, int label) {
    Roi roi = find_roi(mask.geometry.size, [&](int64_t j, int64_t k, uint8_t* row) {
        const uint8_t* from = mask.voxels.data() + mask.offset(0, j, k);
        for (int64_t i = 0; i < mask.nx(); ++i) row[i] = label ? from[i] == label : from[i] != 0;
    });
    if (roi.voxels == 0) {
        const std::set<int> labels(mask.voxels.begin(), mask.voxels.end());
        std::string present;
        for (const int l : labels)
            if (l) present += fmt::format("{}{}", present.empty() ? "" : ", ", l);
        if (present.empty()) fail(ErrorKind::input, "radiomics", "the mask is empty: no voxel is above 0");
        fail(ErrorKind::input, "radiomics", "label {} is absent from the mask, which has {}: choose with --label", label, present);
    }
    return roi;
}

template <class T>
RadiomicsResult extract(const Image<T>& image, const Roi& roi, const RadiomicsSettings& settings, RadiomicsResult result) {
    check_roi(roi, settings);
    std::array<Wanted, image_types> wanted;
    const size_t mcc = static_cast<size_t>(std::ranges::find(feature_names(FeatureClass::glcm), "MCC") - feature_names(FeatureClass::glcm).begin());
    for (const FeatureRequest& f : settings.features) {
        wanted[f.image].classes[static_cast<size_t>(f.feature_class)] = true;
        wanted[f.image].mcc |= f.feature_class == FeatureClass::glcm && f.feature == mcc;
    }
    auto begin = Clock::now();
    std::array<LargeArray<double>, image_types> values;
    for (size_t i = 0; i < image_types; ++i)
        if (wanted[i].any()) values[i] = LargeArray<double>(static_cast<size_t>(roi.voxels));
    if (wanted[0].any())
        parallel_ranges(std::ssize(roi.runs), [&](int64_t first, int64_t last) {
            for (int64_t r = first; r < last; ++r) {
                const RoiRun& run = roi.runs[static_cast<size_t>(r)];
                const T* from = &image.at(run.begin + roi.low[0], run.j + roi.low[1], run.k + roi.low[2]);
                std::copy_n(from, run.count(), values[0].data() + run.first);
            }
        });
    add_time(result.timeline, "prepare", seconds_since(begin));
    if (std::any_of(wanted.begin() + 1, wanted.end(), [](const Wanted& w) { return w.any(); })) {
        begin = Clock::now();
        using Real = std::conditional_t<std::is_same_v<T, float>, float, double>;
        std::array<double*, sub_bands> out{};
        for (size_t b = 0; b < sub_bands; ++b)
            if (!values[b + 1].empty()) out[b] = values[b + 1].data();
        wavelet<Real>(roi, [&](int64_t j, int64_t k, int64_t i, int64_t count, Real* to) { std::copy_n(&image.at(i, j, k), count, to); }, out);
        add_time(result.timeline, "wavelet", seconds_since(begin));
    }
    double voxel_volume = 1;
    for (const double mm : image.geometry.spacing) voxel_volume *= mm;
    ImageAnalysis analysis(roi, settings, voxel_volume, result.timeline);
    std::array<ImageFeatures, image_types> features;
    for (size_t i = 0; i < image_types; ++i) {
        if (!wanted[i].any()) continue;
        features[i] = analysis.run(values[i].span(), wanted[i], std::string(image_type_names[i]));
        result.levels[i] = features[i].levels;
        values[i] = {};
    }
    for (const FeatureRequest& f : settings.features) {
        result.names.push_back(f.name);
        result.values.push_back(features[f.image].values[static_cast<size_t>(f.feature_class)][f.feature]);
    }
    result.roi_voxels = roi.voxels;
    result.box_low = roi.low;
    for (size_t a = 0; a < 3; ++a) result.box_high[a] = roi.low[a] + roi.size[a] - 1;
    return result;
}

}  // namespace

template <class T>
RadiomicsResult extract_features(Context&, const Image<T>& image, const Mask& mask, const RadiomicsSettings& settings) {
    validate(settings);
    if (image.geometry.size != mask.geometry.size)
        fail(ErrorKind::input, "radiomics", "the image has {} x {} x {} voxels, its mask {} x {} x {}", image.nx(), image.ny(), image.nz(), mask.nx(),
             mask.ny(), mask.nz());
    RadiomicsResult result;
    const auto begin = Clock::now();
    const Roi roi = find_labelled(mask, settings.label);
    add_time(result.timeline, "prepare", seconds_since(begin));
    return extract(image, roi, settings, std::move(result));
}

template <class T>
RadiomicsResult extract_features(Context&, const Image<T>& image, const RadiomicsSettings& settings) {
    validate(settings);
    RadiomicsResult result;
    const auto begin = Clock::now();
    const Roi roi = find_roi(image.geometry.size, [&](int64_t j, int64_t k, uint8_t* row) {
        const T* from = image.voxels.data() + image.offset(0, j, k);
        for (int64_t i = 0; i < image.nx(); ++i) row[i] = from[i] > 0;
    });
    if (roi.voxels == 0) fail(ErrorKind::input, "radiomics", "no voxel is above 0: there is nothing to compute features of");
    add_time(result.timeline, "prepare", seconds_since(begin));
    return extract(image, roi, settings, std::move(result));
}

#define CMTL_EXTRACT(T)                                                                                              \
    template RadiomicsResult extract_features(Context&, const Image<T>&, const Mask&, const RadiomicsSettings&);     \
    template RadiomicsResult extract_features(Context&, const Image<T>&, const RadiomicsSettings&);
CMTL_EXTRACT(uint8_t)
CMTL_EXTRACT(int16_t)
CMTL_EXTRACT(uint16_t)
CMTL_EXTRACT(int32_t)
CMTL_EXTRACT(float)
CMTL_EXTRACT(double)
#undef CMTL_EXTRACT

}  // namespace cmtl
