#pragma once
// Where a network looks: Grad-CAM (Selvaraju et al., ICCV 2017).
#include <array>
#include <cstdint>
#include <vector>

#include "nets/covid_mtl.hpp"

namespace cmtl {

// A map of the cells of the volume branch's result, z y x; no value is below 0.
struct CamMap {
    std::array<int64_t, 3> size{};
    std::vector<float> values;
};

// One case, read in evaluation mode (running statistics, no dropout). The volume branch runs once, when this is made,
// and without a tape; a map costs one pass through the heads and back.
class GradCam {
  public:
    // volume (1, D, H, W, 1), features (1, F) or undefined: as CovidMtl::forward takes them. Throws Error(input) as it
    // does; Error(internal) for a model without a volume branch and for more cases than one.
    GradCam(Context& context, const CovidMtl& net, const Tensor& volume, const Tensor& features);

    // The tasks' logits (1, classes), those of CovidMtl::forward.
    std::vector<Tensor> logits() const;

    // ReLU(sum over channels of weight x map), where a channel's weight is the mean over the cells of the gradient of
    // the class's logit. Summed in double. The gradients of the net's parameters stay what they are.
    CamMap map(size_t task, int64_t of_class) const;

  private:
    Context& context_;
    const CovidMtl& net_;
    Tensor maps_, features_;
};

// Input voxels from one cell to the next along an axis, where cell n lies around voxel n * step: networks of centred
// kernels that halve their grids, rounding up, so the step is the power of two that makes `cells` of `voxels`. 0 where
// no power of two does, as in networks that pool to a fixed size.
int64_t cell_step(int64_t voxels, int64_t cells);

}  // namespace cmtl
