#pragma once
// What lanes of a warp ask for together, and what that costs the memory.
#include <cstdint>
#include <vector>

#include "kernels/simt/instrument.hpp"

namespace cmtl::kernels::simt {

// atomic_load: beside atomics it is no race, and it moves what a load moves.
enum class Access : uint8_t { load, store, atomic, atomic_load };

struct Request {
    uint32_t lanes;
    uint32_t bytes;  // per lane
    uintptr_t address[32];
};

void count_global(const Request& r, GlobalTraffic& traffic);
void count_shared(const Request& r, bool same_word_is_one, SharedTraffic& traffic);
void count_atomic(const Request& r, AtomicTraffic& traffic);

// Accesses of one warp since its last full meeting.
class WarpRequests {
  public:
    // `key` numbers an instruction and the space it accesses.
    void add(unsigned key, unsigned lane, uintptr_t address, unsigned bytes) {
        if (key >= slots_.size()) slots_.resize(key + 64);
        Slot& slot = slots_[key];
        if (slot.stamp != stamp_) begin(slot, key);
        const uint32_t turn = slot.turn[lane]++;
        if (turn == slot.used) more(slot, bytes);
        Request& r = slot.requests[turn];
        r.lanes |= 1u << lane;
        r.address[lane] = address;
    }
    // visit(key, request) for each, then none is left.
    template <class Visit>
    void flush(Visit&& visit) {
        for (unsigned key : used_) {
            const Slot& slot = slots_[key];
            for (uint32_t i = 0; i < slot.used; i++) visit(key, slot.requests[i]);
        }
        drop();
    }
    void drop() {
        used_.clear();
        stamp_++;
    }

  private:
    struct Slot {
        uint32_t stamp = 0;
        uint32_t used = 0;       // of requests
        uint32_t turn[32] = {};  // of each lane, how often it came
        std::vector<Request> requests;
    };
    void begin(Slot& slot, unsigned key);
    void more(Slot& slot, unsigned bytes);

    std::vector<Slot> slots_;
    std::vector<unsigned> used_;
    uint32_t stamp_ = 1;
};

}  // namespace cmtl::kernels::simt
