#pragma once
// Shift3D of COVID-MTL (Bao et al., Pattern Recognition 2022): in a shifted sample every channel is moved along one axis.
#include <cmath>
#include <numbers>
#include <optional>

#include "reference/array.hpp"
#include "reference/random.hpp"

namespace cmtl::reference {

// p over `steps` steps along half a cosine, 0 afterwards; steps = 0: constant.
inline double shift3d_probability(double p, int64_t steps, uint64_t step) {
    if (steps == 0) return p;
    if (step >= static_cast<uint64_t>(steps)) return 0;
    return p * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps))) / 2;
}

// plan: (axis, signed shift) per sample and channel; axis 0..2 = D, H, W. What leaves one end comes in at the other, or
// `fill` moves in.
inline Array shift3d(const Array& x, const std::vector<int32_t>& plan, std::optional<double> fill = {}) {
    Array y(x.sizes, fill.value_or(0));
    for (int64_t n = 0; n < x.size(0); ++n)
        for (int64_t d = 0; d < x.size(1); ++d)
            for (int64_t h = 0; h < x.size(2); ++h)
                for (int64_t w = 0; w < x.size(3); ++w)
                    for (int64_t c = 0; c < x.size(4); ++c) {
                        const size_t entry = static_cast<size_t>(2 * (n * x.size(4) + c));
                        int64_t to[3] = {d, h, w};
                        const int axis = plan[entry];
                        const int64_t size = x.size(1 + axis);
                        to[axis] += plan[entry + 1];
                        if (fill && (to[axis] < 0 || to[axis] >= size)) continue;
                        to[axis] = ((to[axis] % size) + size) % size;
                        y(n, to[0], to[1], to[2], c) = x(n, d, h, w, c);
                    }
    return y;
}

}  // namespace cmtl::reference
