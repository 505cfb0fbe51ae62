#pragma once
// The network's first block: convolution, batch norm, ReLU, Shift3D, max-pool.
#include "reference/elementwise.hpp"
#include "reference/parameters.hpp"
#include "reference/pool3d.hpp"
#include "reference/shift3d.hpp"

namespace cmtl::reference {

// `plan`: shift3d's, or nullptr for no shift.
inline Array stem(const Array& volume, Parameters& p, const std::string& name, bool training,
                  const std::vector<int32_t>* plan = nullptr, Kinks* kinks = nullptr) {
    Array y = relu(batch_norm3d(conv3d(volume, p, name + ".0", 2, 1), p, name + ".1", training), kinks);
    if (plan) y = shift3d(y, *plan);
    return max_pool3d(y, 3, 2, 1, kinks);
}

}  // namespace cmtl::reference
