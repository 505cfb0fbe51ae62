#include "engine/operators/shift3d.hpp"

#include <cmath>
#include <numbers>

#include "engine/autograd.hpp"
#include "engine/operators/shift3d_problem.hpp"

namespace cmtl {

double shift3d_probability(const Shift3dOptions& options, uint64_t step) {
    if (options.decay_steps <= 0) return options.p;
    step = whole_step(step);
    if (step >= static_cast<uint64_t>(options.decay_steps)) return 0;
    return options.p * 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(options.decay_steps)));
}

namespace {
void check(const Shape& x, const Shift3dOptions& options) {
    if (!(options.p >= 0 && options.p <= 1)) fail(ErrorKind::usage, "shift3d", "p {} is outside [0, 1]", options.p);
    if (!(options.max_shift >= 0 && options.max_shift <= 1))
        fail(ErrorKind::usage, "shift3d", "max_shift {} is outside [0, 1]", options.max_shift);
    require(x.rank() == 5, "shift3d", "x {} wants five axes", x.text());
}
}  // namespace

std::vector<int32_t> shift3d_plan(const RandomKey& key, const Shape& x, const Shift3dOptions& options) {
    check(x, options);
    const int64_t n = x[0], channels = x[4];
    const double p = shift3d_probability(options, key.step);
    std::vector<int32_t> plan(static_cast<size_t>(n * channels * 2), 0);
    for (int64_t s = 0; s < n; ++s) {
        const uint32_t decision = philox(key, static_cast<uint64_t>(options.whole_batch ? 0 : s))[0];
        // (0, 1] against p: p = 1 always shifts; p = 0 never, whatever the rounding of the smallest word.
        if (p <= 0 || static_cast<double>(uniform_float(decision)) > p) continue;
        for (int64_t c = 0; c < channels; ++c) {
            const Philox4 words = philox(key, (uint64_t{1} << 32) + static_cast<uint64_t>(s * channels + c));
            const uint32_t axis = uniform_below(words[0], 3);
            const auto most = static_cast<uint32_t>(std::floor(options.max_shift * static_cast<double>(x[static_cast<int>(axis) + 1])));
            const auto amount = static_cast<int32_t>(uniform_below(words[1], most + 1));
            plan[static_cast<size_t>((s * channels + c) * 2)] = static_cast<int32_t>(axis);
            plan[static_cast<size_t>((s * channels + c) * 2 + 1)] = words[2] >> 31 ? -amount : amount;
        }
    }
    return plan;
}

Tensor shift3d_plan(Context& context, const RandomKey& key, const Shape& x, const Shift3dOptions& options) {
    static const auto list = joined(cpu_shift3d_plan(), gpu_shift3d_plan());
    check(x, options);
    Tensor plan = context.empty({x[0], x[4], 2}, Dtype::i32);
    run_first(context, "shift3d_plan", list, Shift3dPlanProblem{key, x, options}, plan);
    return plan;
}

Tensor shift3d(Context& context, const Tensor& x, const Tensor& plan, std::optional<float> fill) {
    static const auto list = joined(cpu_shift3d(), gpu_shift3d());
    require(x.rank() == 5, "shift3d", "x {} wants five axes", x.shape().text());
    const Shift3dProblem p{x.size(0), x.size(1), x.size(2), x.size(3), x.size(4), fill, false};
    require(plan.dtype() == Dtype::i32 && plan.shape() == Shape{p.n, p.channels, 2}, "shift3d", "a plan {} {} does not fit x {}",
            name_of(plan.dtype()), plan.shape().text(), x.shape().text());
    if (!context.on_gpu()) {  // a look costs nothing here; a device would have to be waited for
        bool moves = false;
        const int32_t* draws = plan.data<int32_t>();
        for (int64_t i = 1; i < plan.count(); i += 2) moves |= draws[i] != 0;
        if (!moves) return x;
    }
    Tensor y = context.empty(x.shape());
    run_first(context, "shift3d", list, p, x, plan, y);
    record(context, "shift3d", {x}, {&y}, [p, plan](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Shift3dProblem back = p;
        back.inverse = true;
        if (back.fill) back.fill = 0.0f;  // what was filled in came from nowhere
        Tensor dx = c.empty(dy[0].shape());
        run_first(c, "shift3d_backward", list, back, dy[0], plan, dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

Tensor shift3d(Context& context, const Tensor& x, const std::vector<int32_t>& plan, std::optional<float> fill) {
    require(x.rank() == 5 && static_cast<int64_t>(plan.size()) == x.size(0) * x.size(4) * 2, "shift3d",
            "{} numbers do not plan x {}", plan.size(), x.shape().text());
    for (size_t i = 0; i < plan.size(); i += 2) require(plan[i] >= 0 && plan[i] <= 2, "shift3d", "axis {} is not 0, 1 or 2", plan[i]);
    return shift3d(context, x, context.from<int32_t>({x.size(0), x.size(4), 2}, plan), fill);
}

}  // namespace cmtl
