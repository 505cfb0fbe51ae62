#pragma once
// SGD with Nesterov momentum and L2 weight decay, exactly torch.optim.SGD's update:
//   g = grad + weight_decay * w;  v = momentum * v + g;  g = nesterov ? g + momentum * v : v;  w -= lr * g
// (v starts as g in the first step).
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

struct SgdOptions {
    double momentum = 0.9;
    double weight_decay = 5e-5;
    bool nesterov = true;
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

class Sgd {
  public:
    // `parameters`: leaves that require a gradient, in a fixed order; names are used by state().
    Sgd(Context& context, NamedTensors parameters, const SgdOptions& options);
    // One update with every parameter's grad(); parameters without a gradient stay. Gradients are kept. guard: f64 on the
    // device (as track_losses keeps it): nothing moves unless its last element is 0; undefined: no such condition.
    void step(double learning_rate, const Tensor& guard = {});
    void clear_gradients();
    // "momentum/<name>" for every parameter, in order, on the host; empty before the first step.
    NamedTensors state() const;
    // Takes back what state() gave (by name). Throws Error(input) for missing names or wrong shapes.
    void restore(const NamedTensors& state);

  private:
    Context& context_;
    NamedTensors parameters_;
    std::vector<Tensor> velocity_;
    SgdOptions options_;
};

// Learning rate at `step` of `steps`: half a cosine from `base` at step 0 to 0 at step `steps`.
double cosine_schedule(double base, int64_t step, int64_t steps);

}  // namespace cmtl
