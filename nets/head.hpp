#pragma once
#include <optional>

#include "nets/layers.hpp"

namespace cmtl {

struct HeadOptions {
    int64_t volume_channels = 0;   // 512, or 0 without a volume branch
    int64_t feature_channels = 0;  // 32, or 0 without a feature branch
    int64_t classes = 2;
    double dropout = 0.3;
};

// One task's logits from the maps of the volume branch and the features.
class TaskHead : public Module {
  public:
    // volume: (N, D, H, W, volume_channels), features: (N, feature_channels); undefined where the branch is missing.
    // Result: (N, classes). Each head draws its own dropout masks.
    virtual Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& features) const = 0;
};

// COVID-MTL's head. Volume branch: dropout, 1x1x1 convolution to 32 channels, ReLU, mean over the grid. Joined with the
// features' channels, ReLU, Linear to the classes. Features only: ReLU, dropout, Linear.
class Head : public TaskHead {
  public:
    // Names: classifierNUMBER_.1 (convolution) and classifierNUMBER.1 (Linear).
    Head(const Initialiser& init, int number, const HeadOptions& options);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& volume, const Tensor& features) const override;

  private:
    static constexpr int64_t reduced = 32;
    HeadOptions options_;
    uint64_t stream_;
    std::optional<Conv3d> reduce_;
    Linear classify_;
};

}  // namespace cmtl
