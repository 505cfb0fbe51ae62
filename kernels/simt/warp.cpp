// Warp collectives: lanes named by one mask meet. They may come in any order, from different places, and several masks, even
// overlapping ones, may be waited for at the same time; lanes that have returned are not waited for, as on the hardware.
#include <bit>

#include "kernels/simt/block.hpp"
#include "kernels/simt/hooks.hpp"

namespace cmtl::kernels::simt {

Rendezvous& Block::rendezvous(Warp& warp, unsigned mask, const char* what, unsigned bytes, Site site) {
    for (unsigned i = 0; i < warp.open_count; i++) {
        Rendezvous& r = *warp.open[i];
        if (r.mask != mask) continue;
        if (r.what != what && std::strcmp(r.what, what) != 0)
            abandon(fmt::format("came to {} {} with mask {:#x}, where other lanes of the mask wait in {} {}", what, site.text(), mask,
                                r.what, r.site.text()));
        if (r.bytes != bytes)
            abandon(fmt::format("came to {} {} with {} bytes, other lanes of mask {:#x} with {}", what, site.text(), bytes, mask, r.bytes));
        return r;
    }
    if (warp.free.empty()) {
        warp.all.push_back(std::make_unique_for_overwrite<Rendezvous>());
        warp.free.push_back(warp.all.back().get());
    }
    Rendezvous& r = *warp.free.back();
    warp.free.pop_back();
    r.mask = mask, r.arrived = 0, r.what = what, r.bytes = bytes, r.site = site;
    warp.open[warp.open_count++] = &r;
    return r;
}

void Block::complete(Warp& warp, unsigned position, unsigned first_lane) {
    Rendezvous& r = *warp.open[position];
    warp.open[position] = warp.open[--warp.open_count];
    r.readers = static_cast<unsigned>(std::popcount(r.arrived));
    if (const Hooks* h = hooks()) [[unlikely]]
        if (h->collective) h->collective(first_lane / kWarp, r.arrived);
    for (unsigned lanes = r.arrived; lanes; lanes &= lanes - 1) {
        const unsigned rank = first_lane + static_cast<unsigned>(std::countr_zero(lanes));
        if (rank != thread_rank) wake(rank);
    }
}

inline Slots Block::exchange(unsigned mask, const void* in, unsigned bytes, const char* what, Site site) {
    engage();
    const unsigned rank = thread_rank, lane = rank % kWarp;
    Thread& me = threads_[rank];
    Warp& warp = warps_[rank / kWarp];
    if (!(mask >> lane & 1)) abandon(fmt::format("{} {}: lane {} is not in its own mask {:#x}", what, site.text(), lane, mask));
    if (bytes > kExchangeBytes) abandon(fmt::format("{} {}: {} bytes a lane, at most {}", what, site.text(), bytes, kExchangeBytes));
    leave(me);
    Rendezvous& r = rendezvous(warp, mask, what, bytes, site);
    const unsigned stride = (bytes + 3) & ~3u;
    if (bytes == 4)
        std::memcpy(r.slots + stride * lane, in, 4);
    else if (bytes)
        std::memcpy(r.slots + stride * lane, in, bytes);
    r.arrived |= 1u << lane;
    me.collectives++;
    me.shown = &r;
    if ((mask & warp.valid & ~warp.returned & ~r.arrived) == 0) {
        unsigned position = 0;
        while (warp.open[position] != &r) position++;
        complete(warp, position, rank - lane);
    } else {
        me.waits_in = &r;
        suspend(me);
        me.waits_in = nullptr;
    }
    return {r.slots, stride, r.arrived};
}

Slots warp_exchange(unsigned mask, const void* in, unsigned bytes, const char* what, const char* file, unsigned line) {
    return current_block->exchange(mask, in, bytes, what, {file, line});
}

}  // namespace cmtl::kernels::simt
