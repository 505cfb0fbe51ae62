#include <algorithm>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/optimiser_problem.hpp"
#include "kernels/optimiser_control.hpp"

namespace cmtl {
namespace {

bool stopped(const Tensor& guard) {
    return guard.defined() && guard.data<double>()[guard.count() - 1] != 0;
}  // true for NaN

const kernels::UpdateControl& control_of(const Tensor& control) {
    return *reinterpret_cast<const kernels::UpdateControl*>(control.data<double>());
}

struct SgdFactors {
    float learning_rate, momentum, weight_decay, scale;
    bool nesterov, scaled;
};

CMTL_MULTIARCH void sgd(float* __restrict weight, float* __restrict velocity, const float* __restrict gradient,
                        int64_t count, const SgdFactors& u) {
    // Plain momentum steps along v, Nesterov's along g + momentum v.
    const float share = u.nesterov ? 1.0f : 0.0f, ahead = u.nesterov ? u.momentum : 1.0f;
    if (u.scaled) {  // a loop of its own: a product with 1 would be fused with the sum, and round in another way
        for (int64_t i = 0; i < count; ++i) {
            const float g = u.scale * gradient[i] + u.weight_decay * weight[i];
            const float v = u.momentum * velocity[i] + g;
            velocity[i] = v;
            weight[i] -= u.learning_rate * (share * g + ahead * v);
        }
        return;
    }
    for (int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] + u.weight_decay * weight[i];
        const float v = u.momentum * velocity[i] + g;
        velocity[i] = v;
        weight[i] -= u.learning_rate * (share * g + ahead * v);
    }
}

void sgd_update(Context&, const SgdProblem& p, const std::vector<SgdTensors>& tensors, const Tensor& guard,
                const Tensor& control) {
    if (stopped(guard)) return;
    const float scale = control.defined() ? static_cast<float>(control_of(control).scale) : 1.0f;
    const SgdFactors u{static_cast<float>(p.learning_rate),
                       static_cast<float>(p.options.momentum),
                       static_cast<float>(p.options.weight_decay),
                       scale,
                       p.options.nesterov,
                       scale != 1};
    for (const SgdTensors& t : tensors) {
        float *weight = t.weight.data<float>(), *velocity = t.velocity.data<float>();
        const float* slope = t.gradient.data<float>();
        parallel_ranges(
            t.weight.count(),
            [&](int64_t begin, int64_t end) { sgd(weight + begin, velocity + begin, slope + begin, end - begin, u); },
            1 << 15);
    }
}

struct AdamWFactors {
    float scale, decay, step_size, root, take_mean, keep_square, take_square, epsilon;
};

CMTL_MULTIARCH void adamw(float* __restrict weight, float* __restrict mean, float* __restrict square,
                          const float* __restrict gradient, int64_t count, const AdamWFactors& f) {
    for (int64_t i = 0; i < count; ++i) {
        const float g = f.scale * gradient[i];
        const float m = mean[i] + f.take_mean * (g - mean[i]);
        const float s = f.keep_square * square[i] + f.take_square * g * g;
        mean[i] = m;
        square[i] = s;
        weight[i] = f.decay * weight[i] - f.step_size * (m / (__builtin_sqrtf(s) / f.root + f.epsilon));
    }
}

void adamw_update(Context&, const AdamWProblem& p, const std::vector<AdamWTensors>& tensors, const Tensor& guard,
                  const Tensor& control) {
    if (stopped(guard)) return;
    const kernels::UpdateControl& c = control_of(control);
    const AdamWFactors f{static_cast<float>(c.scale),
                         static_cast<float>(c.decay),
                         static_cast<float>(c.step_size),
                         static_cast<float>(c.root),
                         static_cast<float>(1 - p.options.betas[0]),
                         static_cast<float>(p.options.betas[1]),
                         static_cast<float>(1 - p.options.betas[1]),
                         static_cast<float>(p.options.epsilon)};
    for (const AdamWTensors& t : tensors) {
        float *weight = t.weight.data<float>(), *mean = t.mean.data<float>(), *square = t.square.data<float>();
        const float* slope = t.gradient.data<float>();
        parallel_ranges(
            t.weight.count(),
            [&](int64_t begin, int64_t end) {
                adamw(weight + begin, mean + begin, square + begin, slope + begin, end - begin, f);
            },
            1 << 15);
    }
}

// In 8 lanes that are added in a fixed order.
CMTL_MULTIARCH double sum_squares(const float* __restrict values, int64_t count) {
    double lanes[8] = {};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; ++l) lanes[l] += static_cast<double>(values[i + l]) * static_cast<double>(values[i + l]);
    for (; i < count; ++i) lanes[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    return sum;
}

void prepare_update(Context&, const PrepareProblem& p, const std::vector<Tensor>& gradients, const Tensor& guard,
                    const Tensor& control) {
    if (stopped(guard)) return;
    double squares = -1;
    if (p.clip_norm > 0) {
        squares = 0;
        for (const Tensor& gradient : gradients) {
            std::vector<double> sums(static_cast<size_t>(kernels::update_blocks(gradient.count())));
            parallel_ranges(
                static_cast<int64_t>(sums.size()),
                [&](int64_t begin, int64_t end) {
                    for (int64_t block = begin; block < end; ++block) {
                        const int64_t first = block * kernels::update_share;
                        sums[static_cast<size_t>(block)] = sum_squares(
                            gradient.data<float>() + first, std::min(kernels::update_share, gradient.count() - first));
                    }
                },
                8);
            for (const double sum : sums) squares += sum;
        }
    }
    const kernels::UpdateRules rules{
        p.learning_rate,      nullptr, p.clip_norm, p.micro_batches, p.betas_and_decay[0], p.betas_and_decay[1],
        p.betas_and_decay[2], nullptr};
    kernels::next_update(rules, p.learning_rate, squares,
                         *reinterpret_cast<kernels::UpdateControl*>(control.data<double>()));
}

template <class Problem>
Refusal on_cpu(const Context& context, const Problem&) {
    return only_on(context, Device::Kind::cpu, "cpu");
}

}  // namespace

std::vector<SgdUpdate> cpu_sgd_update() { return {{"cpu", on_cpu<SgdProblem>, sgd_update}}; }
std::vector<AdamWUpdate> cpu_adamw_update() { return {{"cpu", on_cpu<AdamWProblem>, adamw_update}}; }
std::vector<PrepareUpdate> cpu_prepare_update() { return {{"cpu", on_cpu<PrepareProblem>, prepare_update}}; }

}  // namespace cmtl
