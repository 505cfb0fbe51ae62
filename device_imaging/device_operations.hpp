#pragma once
// Resampling, components, dilation, closing and holes by the kernels, on the device of a context (cuda:N or simt).
#include "engine/context.hpp"
#include "imaging/operations.hpp"

namespace cmtl {

// Masks and components are equal to the CPU's. Resampled values agree to 1e-6 of their range: the CPU's compiler may
// fuse products and sums. Images go to the device for each step and come back; those of 2^31 voxels and more, and
// everything where the context is on the CPU, stay on the CPU. Throws Error(resource) where the device's memory is
// full. Not for several threads at a time.
class DeviceOperations : public ImagingOperations {
  public:
    explicit DeviceOperations(Context& context) : context_(context) {}
    Volume resample_cubic(Volume volume, const Index3& size) const override;
    Mask dilate(const Mask& mask, double radius, Element element) const override;
    Mask close(const Mask& mask, double radius, Element element) const override;
    void fill_holes(Mask& mask, Element element) const override;
    Components components(const Mask& mask, const ComponentOptions& options) const override;

  private:
    bool fits(int64_t voxels) const;
    Context& context_;
};

}  // namespace cmtl
