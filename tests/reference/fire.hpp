#pragma once
// Fire module: squeeze to few channels, expand by 1x1x1 and 3x3x3 convolutions side by side, optional bypass.
#include "reference/elementwise.hpp"
#include "reference/parameters.hpp"

namespace cmtl::reference {

inline Array fire(const Array& x, Parameters& p, const std::string& name, bool bypass, bool training, Kinks* kinks = nullptr) {
    const Array squeezed = relu(batch_norm3d(conv3d(x, p, name + ".squeeze", 1, 0), p, name + ".squeeze_bn", training), kinks);
    const Array one = batch_norm3d(conv3d(squeezed, p, name + ".expand1x1", 1, 0), p, name + ".expand1x1_bn", training);
    const Array three = batch_norm3d(conv3d(squeezed, p, name + ".expand3x3", 1, 1), p, name + ".expand3x3_bn", training);
    const Array joined = concat({one, three});
    return relu(bypass ? add(joined, x) : joined, kinks);
}

}  // namespace cmtl::reference
