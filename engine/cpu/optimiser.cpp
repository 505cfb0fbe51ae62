#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/optimiser_problem.hpp"

namespace cmtl {
namespace {

struct Update {
    float learning_rate, momentum, weight_decay;
    bool nesterov;
};

CMTL_MULTIARCH void update(float* __restrict weight, float* __restrict velocity, const float* __restrict gradient,
                           int64_t count, const Update& u) {
    // Plain momentum steps along v, Nesterov's along g + momentum v.
    const float share = u.nesterov ? 1.0f : 0.0f, ahead = u.nesterov ? u.momentum : 1.0f;
    for (int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] + u.weight_decay * weight[i];
        const float v = u.momentum * velocity[i] + g;
        velocity[i] = v;
        weight[i] -= u.learning_rate * (share * g + ahead * v);
    }
}

void run(Context&, const SgdProblem& p, const std::vector<SgdTensors>& tensors, const Tensor& guard) {
    if (guard.defined() && guard.data<double>()[guard.count() - 1] != 0) return;  // true for NaN
    const Update u{static_cast<float>(p.learning_rate), static_cast<float>(p.options.momentum), static_cast<float>(p.options.weight_decay),
                   p.options.nesterov};
    for (const SgdTensors& t : tensors) {
        float *weight = t.weight.data<float>(), *velocity = t.velocity.data<float>();
        const float* slope = t.gradient.data<float>();
        parallel_ranges(
            t.weight.count(),
            [&](int64_t begin, int64_t end) { update(weight + begin, velocity + begin, slope + begin, end - begin, u); }, 1 << 15);
    }
}

}  // namespace

std::vector<SgdUpdate> cpu_sgd_update() {
    return {{"cpu", [](const Context& context, const SgdProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }, run}};
}

}  // namespace cmtl
