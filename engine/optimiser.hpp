#pragma once
// Optimisers: what a step does with the parameters' gradients.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

class Optimiser {
  public:
    virtual ~Optimiser() = default;
    Optimiser(const Optimiser&) = delete;
    Optimiser& operator=(const Optimiser&) = delete;

    // Gradients whose norm, over all parameters together, is above `norm` are scaled down to it, as
    // torch.nn.utils.clip_grad_norm_ does; the squares are summed in double and in a fixed order. 0: never. For the
    // steps to come.
    void set_clip_norm(double norm) { clip_norm_ = norm; }

    // One update with every parameter's grad(); parameters without a gradient stay. Gradients are kept. guard: f64 on
    // the device (as track_losses keeps it): nothing moves unless its last element is 0; undefined: no such condition.
    // micro_batches: the gradients are sums over so many backward passes, and the update takes their mean.
    void step(double learning_rate, const Tensor& guard = {}, int64_t micro_batches = 1);
    void clear_gradients();
    // Every parameter gets a gradient of zeros, to which the coming backward passes add: the same tensor, step after
    // step.
    void zero_gradients();

    // Sum of the gradients' norms, before clipping, of the steps with clipping since it was last set; reading waits for
    // the device.
    double norm_sum() const;
    void set_norm_sum(double sum);

    // The moments of every parameter, "MOMENT/<name>", in order, on the host; empty before the first step. What else an
    // optimiser knows is named "optimiser.NAME".
    virtual NamedTensors state() const;
    // Takes back what state() gave (by name). Throws Error(input) for missing names or wrong shapes.
    virtual void restore(const NamedTensors& state);

  protected:
    // `parameters`: leaves that require a gradient, in a fixed order. `tag`: of messages.
    Optimiser(Context& context, NamedTensors parameters, const char* tag, std::vector<std::string> moments);

    // A parameter with its gradient and the moments, as update() takes them.
    struct Moving {
        Tensor weight, gradient;
        std::array<Tensor, 2> moments;
    };
    // Whether update() reads the control's numbers where there is neither clipping nor accumulation.
    virtual bool needs_control() const = 0;
    virtual std::array<double, 3> betas_and_decay() const { return {0, 0, 0}; }
    // control: kernels::UpdateControl as f64 (7), undefined where nothing needs it.
    virtual void update(double learning_rate, const std::vector<Moving>& tensors, const Tensor& guard,
                        const Tensor& control) = 0;

    Context& context_;
    NamedTensors parameters_;
    const char* tag_;
    Tensor control_;

  private:
    const Tensor& control();
    std::vector<std::string> names_;            // of the moments
    std::vector<std::vector<Tensor>> moments_;  // by name, then parameter; empty before the first step
    double clip_norm_ = 0;
};

// SGD with Nesterov momentum and L2 weight decay, exactly torch.optim.SGD's update:
//   g = grad + weight_decay * w;  v = momentum * v + g;  g = nesterov ? g + momentum * v : v;  w -= lr * g
// (v starts as g in the first step). State: "momentum/<name>".
struct SgdOptions {
    double momentum = 0.9;
    double weight_decay = 5e-5;
    bool nesterov = true;
};

class Sgd : public Optimiser {
  public:
    Sgd(Context& context, NamedTensors parameters, const SgdOptions& options);

  private:
    bool needs_control() const override { return false; }
    void update(double learning_rate, const std::vector<Moving>& tensors, const Tensor& guard,
                const Tensor& control) override;
    SgdOptions options_;
};

// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), torch.optim.AdamW's update, at step t = 1, 2,
// ...:
//   w *= 1 - lr * weight_decay;  m += (1 - beta1) (grad - m);  s = beta2 s + (1 - beta2) grad^2
//   w -= lr / (1 - beta1^t) * m / (sqrt(s) / sqrt(1 - beta2^t) + epsilon)
// t counts the optimiser's steps, for all parameters alike. State: "exp_avg/<name>", "exp_avg_sq/<name>",
// "optimiser.step" (i64).
struct AdamWOptions {
    std::array<double, 2> betas{0.9, 0.999};
    double epsilon = 1e-8;
    double weight_decay = 1e-2;
};

class AdamW : public Optimiser {
  public:
    AdamW(Context& context, NamedTensors parameters, const AdamWOptions& options);
    NamedTensors state() const override;
    void restore(const NamedTensors& state) override;

  private:
    bool needs_control() const override { return true; }
    std::array<double, 3> betas_and_decay() const override {
        return {options_.betas[0], options_.betas[1], options_.weight_decay};
    }
    void update(double learning_rate, const std::vector<Moving>& tensors, const Tensor& guard,
                const Tensor& control) override;
    AdamWOptions options_;
};

// Learning rate at `step` of `steps`: half a cosine from `base` at step 0 to 0 at step `steps`.
double cosine_schedule(double base, int64_t step, int64_t steps);

}  // namespace cmtl
