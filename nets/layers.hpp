#pragma once
// The layers with parameters, as the nets are built from them. Each knows its full name in the PyTorch module tree.
#include "engine/operators/conv3d.hpp"
#include "nets/module.hpp"

namespace cmtl {

// What a layer needs to make its first weights.
struct Initialiser {
    Context& context;
    uint64_t seed;
};

// torch.nn.Conv3d with a cubic kernel and a bias; Kaiming normal (fan_out) weight.
class Conv3d : public Module {
  public:
    Conv3d(const Initialiser& init, std::string name, int64_t in, int64_t out, int64_t kernel,
           const Conv3dOptions& options = {});
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& x) const;
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }

  private:
    std::string name_;
    Conv3dOptions options_;
    Tensor weight_, bias_;
};

// torch.nn.BatchNorm3d(eps 1e-3, momentum 0.01).
class BatchNorm3d : public Module {
  public:
    BatchNorm3d(const Initialiser& init, std::string name, int64_t channels);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    // relu: with max(result, 0) in the same pass.
    Tensor forward(const Pass& pass, const Tensor& x, bool relu) const;
    const Tensor& scale() const { return scale_; }
    const Tensor& shift() const { return shift_; }
    const Tensor& running_mean() const { return running_mean_; }
    const Tensor& running_variance() const { return running_variance_; }

  private:
    std::string name_;
    Tensor scale_, shift_, running_mean_, running_variance_;
};

// torch.nn.Linear.
class Linear : public Module {
  public:
    Linear(const Initialiser& init, std::string name, int64_t in, int64_t out);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& x) const;

  private:
    std::string name_;
    Tensor weight_, bias_;
};

}  // namespace cmtl
