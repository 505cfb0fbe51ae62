#include "kernels/conv3d_plan.hpp"

namespace cmtl::kernels {

bool conv3d_fits(const Conv3dSizes& s) {
    constexpr double most = double(1 << 30);
    const double x = double(s.d) * double(s.h) * double(s.w),
                 y = double(s.out_size(0)) * double(s.out_size(1)) * double(s.out_size(2));
    // A tile's 128 rows may begin in one sample and end in another: their offsets are counted from the first.
    const double samples = y > 0 ? 128 / y + 2 : 2,
                 back = x > 0 ? 128 / x * double(s.stride.product()) + 2 : 2;
    return double(s.n) * x < most && double(s.n) * y < most && samples * x * double(s.in) < most &&
           back * y * double(s.out) < most && double(s.weights()) < most;
}

int64_t conv3d_workspace_bytes(const Conv3dSizes& s, Conv3dDirection direction) {
    switch (direction) {
        case Conv3dDirection::forward:
            return s.bf16 ? 2 * s.out * bf16_length(forward_gather(s)) : 0;
        case Conv3dDirection::backward_data:
            return for_each_backward_gather(s, [](const Conv3dGather&, int64_t) {});
        case Conv3dDirection::backward_weights: {
            const int64_t splits = plan_backward_weights(s).splits;
            return splits == 1 ? 0 : splits * (s.weights() + s.out) * 4;
        }
    }
    return 0;
}

}  // namespace cmtl::kernels
