#pragma once
#include <vector>

#include "engine/operators/shift3d.hpp"
#include "nets/fire.hpp"
#include "nets/volume_branch.hpp"

namespace cmtl {

// The volume branch: a stem (convolution k3 stride 2, BN, ReLU, in training Shift3D) and four stages of max-pooling and
// two fire modules. With shift.p = 0 it is SqueezeNet3D.
class ShiftNet3d : public VolumeBranch {
  public:
    ShiftNet3d(const Initialiser& init, const std::string& name, const Shift3dOptions& shift);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    int64_t channels() const override { return 512; }
    // Every axis halved five times, rounded up.
    Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& plan = {}) const override;

  private:
    Shift3dOptions shift_;
    Conv3d stem_;
    BatchNorm3d stem_norm_;
    std::vector<Fire> fires_;
};

}  // namespace cmtl
