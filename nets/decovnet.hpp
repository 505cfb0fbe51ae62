#pragma once
#include <vector>

#include "nets/head.hpp"
#include "nets/volume_branch.hpp"

namespace cmtl {

// A residual bottleneck as DeCoVNet has it: convolutions 3x1x1 to `inner` channels, 1x3x3 (the stride, in planes only)
// and 1x1x1 to `out`, a BN behind each and ReLU between; plus the input through a 1x1x1 convolution and BN; ReLU.
class DecovnetBlock : public Module {
  public:
    DecovnetBlock(const Initialiser& init, const std::string& name, int64_t in, int64_t inner, int64_t out,
                  int64_t stride);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, Tensor x) const;

  private:
    Conv3d shortcut_;
    BatchNorm3d shortcut_norm_;
    std::vector<Conv3d> convs_;
    std::vector<BatchNorm3d> norms_;
};

// DeCoVNet (Wang et al., IEEE Transactions on Medical Imaging 39, 2615, 2020) up to its progressive classifier, as its
// authors' code has it (github.com/sydney0zq/covid-19-detection, deCoVnet/model/baseline_i3d.py): convolution 5x7x7
// with stride 1x2x2 to 16 channels, BN, ReLU, max-pool 1x3x3 stride 1x2x2; a block to 64 channels; max-pool 2x1x1; a
// block to 128, stride 1x2x2. BN eps 1e-5, momentum 0.1; Kaiming normal (fan_out), the last BN of a block begins at 0.
// (N, D, H, W, 1) -> (N, D / 2, H / 8, W / 8, 128), H and W rounded up. Their second channel, the lungs' mask, is not
// there: volumes here have nothing outside the lungs. Shift3D, which the original lacks, acts behind the first ReLU
// where its p is above 0.
class DecovnetBranch : public VolumeBranch {
  public:
    DecovnetBranch(const Initialiser& init, const std::string& name, const Shift3dOptions& shift);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    int64_t channels() const override { return 128; }
    // Throws Error(input) for volumes of less than two slices.
    Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& plan = {}) const override;

  private:
    Shift3dOptions shift_;
    Conv3d stem_;
    BatchNorm3d stem_norm_;
    DecovnetBlock block1_, block2_;
};

// DeCoVNet's progressive classifier: adaptive max-pool to 16x24x36, 3x3x3 convolution to 64 channels, ReLU, adaptive
// max-pool to 4x12x18, convolution to 32, ReLU, adaptive max-pool to 1x6x9, dropout of whole channels, convolution to
// 32, ReLU, maximum; joined with the features' channels (ReLU), if any; Linear to 32, Linear to the classes, nothing
// between. Names: classifierNUMBER_.1, .4, .8 (convolutions) and classifierNUMBER.0, .1 (Linear), the published
// positions.
class DecovnetHead : public TaskHead {
  public:
    DecovnetHead(const Initialiser& init, int number, const HeadOptions& options);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& features) const override;

  private:
    HeadOptions options_;
    uint64_t stream_;
    std::vector<Conv3d> convs_;
    Linear reduce_, classify_;
};

}  // namespace cmtl
