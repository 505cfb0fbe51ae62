#pragma once
// Which accesses of a block's threads are ordered: by a barrier of the block, or by collectives of a warp in which both
// lanes, or lanes that met in between, took part (vector clocks, one for each lane over its warp).
#include <cstdint>
#include <vector>

namespace cmtl::kernels::simt {

class BlockOrder {
  public:
    void begin_block(unsigned threads) {
        moment_++;
        epoch_ = 0;
        if (warps_.size() < (threads + 31) / 32) warps_.resize((threads + 31) / 32);
    }
    void barrier() { moment_++, epoch_++; }
    void collective(unsigned warp, uint32_t lanes);

    uint16_t epoch() const { return epoch_; }
    // How many collectives the thread took part in since the last barrier.
    uint16_t clock(unsigned thread) const {
        const Warp& w = warps_[thread / 32];
        return w.moment == moment_ ? w.clock[thread % 32] : uint16_t{0};
    }
    // Whether what `other` did at its (epoch, clock) of this block comes before what `me` does now.
    bool before(unsigned other, uint16_t epoch, uint16_t clock, unsigned me) const {
        if (other == me || epoch != epoch_) return true;
        if (other / 32 != me / 32) return false;
        const Warp& w = warps_[me / 32];
        return w.moment == moment_ && clock < w.seen[me % 32][other % 32];
    }

  private:
    struct Warp {
        uint64_t moment = 0;  // of the rest; a barrier makes it void
        uint16_t clock[32];
        uint16_t seen[32][32];  // [i][j]: what lane j did at clocks below this is known to lane i
    };
    std::vector<Warp> warps_;
    uint64_t moment_ = 0;  // counts blocks and barriers
    uint16_t epoch_ = 0;
};

}  // namespace cmtl::kernels::simt
