#pragma once
#include "nets/layers.hpp"

namespace cmtl {

// SqueezeNet's fire module in 3-D: a 1x1x1 convolution to `squeeze` channels, BN, ReLU; from there a 1x1x1 and a 3x3x3
// convolution to `expand` channels each, BN; joined (1x1x1 first); plus the input when `bypass`; ReLU.
class Fire : public Module {
  public:
    // Throws Error(internal) when bypass does not fit: in must be 2 * expand.
    Fire(const Initialiser& init, const std::string& name, int64_t in, int64_t squeeze, int64_t expand, bool bypass);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    // (N, D, H, W, in) -> (N, D, H, W, 2 * expand). Takes x over: without a tape its memory is free as soon as
    // possible.
    Tensor forward(const Pass& pass, Tensor x) const;

  private:
    bool bypass_;
    Conv3d squeeze_;
    BatchNorm3d squeeze_norm_;
    Conv3d expand1_;
    BatchNorm3d expand1_norm_;
    Conv3d expand3_;
    BatchNorm3d expand3_norm_;
};

}  // namespace cmtl
