#pragma once
#include <vector>

#include "nets/layers.hpp"
#include "nets/volume_branch.hpp"

namespace cmtl {

// A residual block of two 3x3x3 convolutions: convolution (the stride), BN, ReLU, convolution, BN; plus the input,
// taken through a 1x1x1 convolution and BN where stride or channels change; ReLU.
class BasicBlock : public Module {
  public:
    BasicBlock(const Initialiser& init, const std::string& name, int64_t in, int64_t out, int64_t stride);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, Tensor x) const;

  private:
    Conv3d conv1_;
    BatchNorm3d norm1_;
    Conv3d conv2_;
    BatchNorm3d norm2_;
    std::optional<Conv3d> shortcut_;
    std::optional<BatchNorm3d> shortcut_norm_;
};

// The 3-D ResNet-34 that COVID-MTL is compared with (its ResNet3D.py): convolution k5 stride 2 to 64 channels, BN,
// ReLU, in training Shift3D, max-pool k3 stride 2; 3, 4, 6 and 3 basic blocks of 64, 128, 256 and 512 channels, each
// stage, the first as well, begun with a stride of 2. Convolutions without bias, Kaiming normal (fan_in); BN eps 1e-5,
// momentum 0.01. Names are torchvision's: conv1, bn1, layer1.0.conv1, layer1.0.downsample.0 and so on. Every axis is
// halved six times.
class ResNet3d34 : public VolumeBranch {
  public:
    ResNet3d34(const Initialiser& init, const std::string& name, const Shift3dOptions& shift);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    int64_t channels() const override { return 512; }
    Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& plan = {}) const override;

  private:
    Shift3dOptions shift_;
    Conv3d stem_;
    BatchNorm3d stem_norm_;
    std::vector<BasicBlock> blocks_;
};

}  // namespace cmtl
