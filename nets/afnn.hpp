#pragma once
#include <vector>

#include "nets/layers.hpp"

namespace cmtl {

// The feature branch: count - 256 - 128 - 64 - 32, ReLU between.
class Afnn : public Module {
  public:
    static constexpr int64_t channels = 32;  // of the result

    // dropout: share of the features that a training pass leaves out; xavier: Glorot's uniform weights and zero biases
    // instead of PyTorch's default.
    Afnn(const Initialiser& init, const std::string& name, int64_t feature_count, double dropout = 0,
         bool xavier = false);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    // (N, feature_count) -> (N, 32), in front of the heads' ReLU.
    Tensor forward(const Pass& pass, const Tensor& features) const;

  private:
    double dropout_;
    uint64_t stream_;  // of the dropout's draws
    std::vector<Linear> layers_;
};

}  // namespace cmtl
