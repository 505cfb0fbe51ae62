#pragma once
// What a step's update does with its gradients and moments, as numbers: one definition for host, simt and GPUs.
#include <cmath>

#include "kernels/optimiser.hpp"
#include "kernels/primitives/exact_math.hpp"

namespace cmtl::kernels {
inline namespace CMTL_DRAWS_TARGET {

// base^exponent by squaring: products alone, so that host and device round alike; within `exponent` roundings
// of pow().
CMTL_HOST_DEVICE inline double whole_power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2) result = draws::product(result, base);
        base = draws::product(base, base);
    }
    return result;
}

// `squares`: the sum of the gradients' squares, or below 0 where nobody asked for it.
CMTL_HOST_DEVICE inline void next_update(const UpdateRules& rules, double learning_rate, double squares,
                                         UpdateControl& control) {
    control.steps += 1;
    const double micro_batches = static_cast<double>(rules.micro_batches);
    control.scale = 1 / micro_batches;
    if (!(squares < 0)) {  // true for NaN, which goes on into the gradients
        control.norm = std::sqrt(squares) / micro_batches;
        control.norm_sum += control.norm;
        const double share = rules.clip_norm / (control.norm + 1e-6);
        if (rules.clip_norm > 0 && !(share >= 1)) control.scale = share / micro_batches;
    }
    const auto steps = static_cast<int64_t>(control.steps);
    control.decay = 1 - draws::product(learning_rate, rules.weight_decay);
    control.step_size = learning_rate / (1 - whole_power(rules.beta1, steps));
    control.root = std::sqrt(1 - whole_power(rules.beta2, steps));
}

}  // namespace CMTL_DRAWS_TARGET
}  // namespace cmtl::kernels
