#pragma once
// The layers with parameters, as the nets are built from them. Each knows its full name in the PyTorch module tree.
#include "engine/operators/conv3d.hpp"
#include "engine/operators/shift3d.hpp"
#include "nets/module.hpp"

namespace cmtl {

// What a layer needs to make its first weights.
struct Initialiser {
    Context& context;
    uint64_t seed;
};

// Whether a convolution has a bias, and what it begins with: a Kaiming normal weight and PyTorch's default for the bias.
struct ConvStart {
    bool bias = true;
    bool fan_in = false;     // Kaiming's mode, instead of fan_out
    bool zero_bias = false;  // instead of PyTorch's default
};

// torch.nn.Conv3d.
class Conv3d : public Module {
  public:
    Conv3d(const Initialiser& init, std::string name, int64_t in, int64_t out, const Axes& kernel,
           const Conv3dOptions& options = {}, const ConvStart& start = {});
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& x) const;
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }

  private:
    std::string name_;
    Conv3dOptions options_;
    Tensor weight_, bias_;
};

struct NormOptions {
    double eps = 1e-3, momentum = 0.01;
    float first_scale = 1;
};

// torch.nn.BatchNorm3d(eps, momentum).
class BatchNorm3d : public Module {
  public:
    BatchNorm3d(const Initialiser& init, std::string name, int64_t channels, const NormOptions& options = {});
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    // relu: with max(result, 0) in the same pass.
    Tensor forward(const Pass& pass, const Tensor& x, bool relu) const;
    const Tensor& scale() const { return scale_; }
    const Tensor& shift() const { return shift_; }
    const Tensor& running_mean() const { return running_mean_; }
    const Tensor& running_variance() const { return running_variance_; }

  private:
    std::string name_;
    NormOptions options_;
    Tensor scale_, shift_, running_mean_, running_variance_;
};

// torch.nn.Linear. deviation: of a normal first weight with a zero bias, instead of PyTorch's default; 0: the default.
class Linear : public Module {
  public:
    Linear(const Initialiser& init, std::string name, int64_t in, int64_t out, double deviation = 0);
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;
    Tensor forward(const Pass& pass, const Tensor& x) const;

  private:
    std::string name_;
    Tensor weight_, bias_;
};

// Shift3D's plan for a training pass over maps of `shape`: `given`, or a drawn one; undefined where nothing is shifted.
Tensor shift_plan_of(const Pass& pass, const Shift3dOptions& options, const Shape& shape, const Tensor& given);

}  // namespace cmtl
