#pragma once
// One task's head: 1x1x1 convolution, ReLU, mean over the grid, joined with the feature branch, ReLU, Linear.
// Dropout is left out: it is off in evaluation, and a training comparison sets its probability to 0.
#include "reference/elementwise.hpp"
#include "reference/parameters.hpp"
#include "reference/pool3d.hpp"

namespace cmtl::reference {

// `pooled_name` holds the convolution as ".1", `name` the Linear as ".1". features: (N, 32), or empty.
inline Array head(const Array& x, const Array& features, const Parameters& p, const std::string& pooled_name,
                  const std::string& name, Kinks* kinks = nullptr) {
    Array joined = global_avg_pool3d(relu(conv3d(x, p, pooled_name + ".1", 1, 0), kinks));
    if (!features.empty()) joined = concat({joined, features});
    return linear(relu(joined, kinks), p, name + ".1");
}

}  // namespace cmtl::reference
