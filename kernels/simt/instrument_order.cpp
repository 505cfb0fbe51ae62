#include "kernels/simt/instrument_order.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cmtl::kernels::simt {

void BlockOrder::collective(unsigned warp, uint32_t lanes) {
    Warp& w = warps_[warp];
    if (w.moment != moment_) {
        w.moment = moment_;
        std::memset(w.clock, 0, sizeof w.clock);
        std::memset(w.seen, 0, sizeof w.seen);
    }
    uint16_t merged[32] = {};
    for (uint32_t left = lanes; left; left &= left - 1) {
        const uint16_t* seen = w.seen[std::countr_zero(left)];
        for (int j = 0; j < 32; j++) merged[j] = std::max(merged[j], seen[j]);
    }
    for (uint32_t left = lanes; left; left &= left - 1) {
        const int j = std::countr_zero(left);
        if (w.clock[j] < 65534)
            w.clock[j]++;  // then everything of the lane counts as known: a race may be missed, none invented
        merged[j] = w.clock[j] < 65534 ? w.clock[j] : uint16_t{65535};
    }
    for (uint32_t left = lanes; left; left &= left - 1)
        std::memcpy(w.seen[std::countr_zero(left)], merged, sizeof merged);
}

}  // namespace cmtl::kernels::simt
