#include "radiomics/extract.hpp"

#include <algorithm>
#include <set>
#include <type_traits>

#include "base/cpu_dispatch.hpp"
#include "base/error.hpp"
#include "radiomics/image_features.hpp"
#include "radiomics/roi.hpp"

namespace cmtl {

namespace {

void check_roi(const Roi& roi, const RadiomicsSettings& s) {
    if (roi.voxels == 1) fail(ErrorKind::input, "radiomics", "the mask has one voxel: texture needs neighbours");
    const auto dimensions = std::count_if(roi.size.begin(), roi.size.end(), [](int64_t n) { return n > 1; });
    if (dimensions < s.minimum_roi_dimensions)
        fail(ErrorKind::input, "radiomics",
             "the ROI is longer than one voxel along {} axes, minimumROIDimensions wants {}", dimensions,
             s.minimum_roi_dimensions);
    if (s.minimum_roi_size > 0 && roi.voxels <= s.minimum_roi_size)
        fail(ErrorKind::input, "radiomics", "the ROI has {} voxels, minimumROISize wants more than {}", roi.voxels,
             s.minimum_roi_size);
}

CMTL_MULTIARCH void equal_to(const uint8_t* mask, int64_t n, uint8_t label, uint8_t* row) {
    for (int64_t i = 0; i < n; ++i) row[i] = mask[i] == label;
}
CMTL_MULTIARCH void not_zero(const uint8_t* mask, int64_t n, uint8_t* row) {
    for (int64_t i = 0; i < n; ++i) row[i] = mask[i] != 0;
}

Roi find_labelled(const Mask& mask, int label) {
    Roi roi = find_roi(mask.geometry.size, [&](int64_t j, int64_t k, uint8_t* row) {
        const uint8_t* from = mask.voxels.data() + mask.offset(0, j, k);
        if (label)
            equal_to(from, mask.nx(), static_cast<uint8_t>(label), row);
        else
            not_zero(from, mask.nx(), row);
    });
    if (roi.voxels == 0) {
        const std::set<int> labels(mask.voxels.begin(), mask.voxels.end());
        std::string present;
        for (const int l : labels)
            if (l) present += fmt::format("{}{}", present.empty() ? "" : ", ", l);
        if (present.empty()) fail(ErrorKind::input, "radiomics", "the mask is empty: no voxel is above 0");
        fail(ErrorKind::input, "radiomics", "label {} is absent from the mask, which has {}: choose with --label",
             label, present);
    }
    return roi;
}

template <class T>
RadiomicsResult extract(Context& context, const Image<T>& image, const Roi& roi, const RadiomicsSettings& settings,
                        RadiomicsResult result) {
    check_roi(roi, settings);
    ImagesWanted wanted;
    const auto& glcm = feature_names(FeatureClass::glcm);
    const auto mcc = static_cast<size_t>(std::find(glcm.begin(), glcm.end(), "MCC") - glcm.begin());
    for (const FeatureRequest& f : settings.features) {
        wanted[f.image].classes[static_cast<size_t>(f.feature_class)] = true;
        wanted[f.image].mcc |= f.feature_class == FeatureClass::glcm && f.feature == mcc;
    }
    double voxel_volume = 1;
    for (const double mm : image.geometry.spacing) voxel_volume *= mm;
    using Real = std::conditional_t<std::is_same_v<T, float>, float, double>;
    const RowReader<Real> read = [&](int64_t j, int64_t k, int64_t i, int64_t count, Real* to) {
        std::copy_n(&image.at(i, j, k), count, to);
    };
    const ImagesFeatures features =
        context.on_gpu()
            ? device_image_features<Real>(context, roi, read, settings, voxel_volume, wanted, result.timeline)
            : cpu_image_features<Real>(roi, read, settings, voxel_volume, wanted, result.timeline);
    for (size_t i = 0; i < image_types; ++i) result.levels[i] = features[i].levels;
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
RadiomicsResult extract_features(Context& context, const Image<T>& image, const Mask& mask,
                                 const RadiomicsSettings& settings) {
    validate(settings);
    if (image.geometry.size != mask.geometry.size)
        fail(ErrorKind::input, "radiomics", "the image has {} x {} x {} voxels, its mask {} x {} x {}", image.nx(),
             image.ny(), image.nz(), mask.nx(), mask.ny(), mask.nz());
    RadiomicsResult result;
    StepWatch watch(result.timeline);
    const Roi roi = find_labelled(mask, settings.label);
    watch.lap("prepare");
    return extract(context, image, roi, settings, std::move(result));
}

template <class T>
RadiomicsResult extract_features(Context& context, const Image<T>& image, const RadiomicsSettings& settings) {
    validate(settings);
    RadiomicsResult result;
    StepWatch watch(result.timeline);
    const Roi roi = find_roi(image.geometry.size, [&](int64_t j, int64_t k, uint8_t* row) {
        const T* from = image.voxels.data() + image.offset(0, j, k);
        for (int64_t i = 0; i < image.nx(); ++i) row[i] = from[i] > 0;
    });
    if (roi.voxels == 0)
        fail(ErrorKind::input, "radiomics", "no voxel is above 0: there is nothing to compute features of");
    watch.lap("prepare");
    return extract(context, image, roi, settings, std::move(result));
}

#define CMTL_EXTRACT(T)                                                                                          \
    template RadiomicsResult extract_features(Context&, const Image<T>&, const Mask&, const RadiomicsSettings&); \
    template RadiomicsResult extract_features(Context&, const Image<T>&, const RadiomicsSettings&);
CMTL_EXTRACT(uint8_t)
CMTL_EXTRACT(int16_t)
CMTL_EXTRACT(uint16_t)
CMTL_EXTRACT(int32_t)
CMTL_EXTRACT(float)
CMTL_EXTRACT(double)
#undef CMTL_EXTRACT

}  // namespace cmtl
