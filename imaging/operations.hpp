#pragma once
// The heavy steps of lung segmentation, for callers who may run them elsewhere: here on the CPU, in device_imaging/ on
// a device. Each means what the function of its name means.
#include <utility>

#include "imaging/components.hpp"
#include "imaging/morphology.hpp"
#include "imaging/resample.hpp"

namespace cmtl {

class ImagingOperations {
  public:
    virtual ~ImagingOperations() = default;
    virtual Volume resample_cubic(Volume volume, const Index3& size) const {
        return cmtl::resample_cubic(std::move(volume), size);
    }
    virtual Mask dilate(const Mask& mask, double radius, Element element) const {
        return cmtl::dilate(mask, radius, element);
    }
    virtual Mask close(const Mask& mask, double radius, Element element) const {
        return cmtl::close(mask, radius, element);
    }
    virtual void fill_holes(Mask& mask, Element element) const { cmtl::fill_holes(mask, element); }
    virtual Components components(const Mask& mask, const ComponentOptions& options) const { return {mask, options}; }
};

}  // namespace cmtl
