#pragma once
#include "nets/module.hpp"

namespace cmtl {

// What makes maps of a volume; `features` in the module tree, whatever the architecture.
class VolumeBranch : public Module {
  public:
    virtual int64_t channels() const = 0;  // of the result
    // (N, D, H, W, 1) -> (N, D', H', W', channels). `plan`: Shift3D's, instead of the drawn one, used in training only.
    virtual Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& plan = {}) const = 0;
};

}  // namespace cmtl
