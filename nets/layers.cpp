#include "nets/layers.hpp"

#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/linear.hpp"

namespace cmtl {

Conv3d::Conv3d(const Initialiser& init, std::string name, int64_t in, int64_t out, const Axes& kernel,
               const Conv3dOptions& options, const ConvStart& start)
    : name_(std::move(name)), options_(options), weight_(init.context.empty({out, kernel.d, kernel.h, kernel.w, in})) {
    (start.fan_in ? initialise_kaiming_fan_in : initialise_kaiming_fan_out)(init.context, weight_, init.seed,
                                                                            name_ + ".weight");
    weight_.set_requires_grad();
    if (!start.bias) return;
    bias_ = init.context.zeros({out});
    if (!start.zero_bias)
        initialise_uniform(init.context, bias_, in * kernel.product(), init.seed, name_ + ".bias");
    bias_.set_requires_grad();
}

void Conv3d::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    out.push_back({prefix + name_ + ".weight", weight_});
    if (bias_.defined()) out.push_back({prefix + name_ + ".bias", bias_});
}

Tensor Conv3d::forward(const Pass& pass, const Tensor& x) const {
    return conv3d(pass.context, x, weight_, bias_, options_);
}

BatchNorm3d::BatchNorm3d(const Initialiser& init, std::string name, int64_t channels, const NormOptions& options)
    : name_(std::move(name)),
      options_(options),
      scale_(init.context.full({channels}, options.first_scale)),
      shift_(init.context.zeros({channels})),
      running_mean_(init.context.zeros({channels})),
      running_variance_(init.context.full({channels}, 1.0f)) {
    scale_.set_requires_grad();
    shift_.set_requires_grad();
}

void BatchNorm3d::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    out.push_back({prefix + name_ + ".weight", scale_});
    out.push_back({prefix + name_ + ".bias", shift_});
    out.push_back({prefix + name_ + ".running_mean", running_mean_, false});
    out.push_back({prefix + name_ + ".running_var", running_variance_, false});
}

Tensor BatchNorm3d::forward(const Pass& pass, const Tensor& x, bool relu) const {
    return batch_norm3d(pass.context, x, scale_, shift_, running_mean_, running_variance_,
                        {.training = pass.training, .eps = options_.eps, .momentum = options_.momentum, .relu = relu});
}

Linear::Linear(const Initialiser& init, std::string name, int64_t in, int64_t out, double deviation)
    : name_(std::move(name)), weight_(init.context.empty({out, in})), bias_(init.context.zeros({out})) {
    if (deviation > 0) {
        initialise_normal(init.context, weight_, deviation, init.seed, name_ + ".weight");
    } else {
        initialise_uniform(init.context, weight_, in, init.seed, name_ + ".weight");
        initialise_uniform(init.context, bias_, in, init.seed, name_ + ".bias");
    }
    weight_.set_requires_grad();
    bias_.set_requires_grad();
}

void Linear::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    out.push_back({prefix + name_ + ".weight", weight_});
    out.push_back({prefix + name_ + ".bias", bias_});
}

Tensor Linear::forward(const Pass& pass, const Tensor& x) const { return linear(pass.context, x, weight_, bias_); }

Tensor shift_plan_of(const Pass& pass, const Shift3dOptions& options, const Shape& shape, const Tensor& given) {
    if (!pass.training || given.defined()) return pass.training ? given : Tensor();
    // On a device the plan is always drawn: a recorded step has to stay the same when p decays to 0.
    if ((pass.context.on_gpu() ? options.p : shift3d_probability(options, pass.step)) <= 0.0) return {};
    return shift3d_plan(pass.context, {pass.seed, Purpose::shift3d, pass.step}, shape, options);
}

}  // namespace cmtl
