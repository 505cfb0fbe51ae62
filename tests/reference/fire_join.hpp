#pragma once
// A fire module's end: two batch norms side by side, joined, plus the bypass, ReLU.
#include "reference/batch_norm3d.hpp"
#include "reference/elementwise.hpp"

namespace cmtl::reference {

struct FireJoinNorm {
    Array x, scale, shift, running_mean, running_variance;
};

// `bypass`: nullptr for none. The running statistics are updated in training.
inline Array fire_join(FireJoinNorm& one, FireJoinNorm& three, const Array* bypass, bool training, double eps = 1e-3, double momentum = 0.01,
                       Kinks* kinks = nullptr) {
    std::vector<Array> parts;
    for (FireJoinNorm* n : {&one, &three})
        parts.push_back(batch_norm3d(n->x, n->scale, n->shift, n->running_mean, n->running_variance, training, eps, momentum));
    const Array joined = concat(parts);
    return relu(bypass ? add(joined, *bypass) : joined, kinks);
}

}  // namespace cmtl::reference
