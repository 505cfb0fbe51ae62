// Warp collectives: lanes named by one mask meet. They may come in any order, from different places, and several masks,
// even overlapping ones, may be waited for at the same time; lanes that have returned are not waited for, as on the
// hardware.
#include <bit>

#include "kernels/simt/block.hpp"
#include "kernels/simt/hooks.hpp"

namespace cmtl::kernels::simt {

Rendezvous& Block::rendezvous(Warp& warp, unsigned mask, const char* what, unsigned bytes, Site site) {
    for (unsigned i = 0; i < warp.open_count; i++) {
        Rendezvous& r = *warp.open[i];
        if (r.mask != mask) continue;
        if (r.what != what && std::strcmp(r.what, what) != 0)
            abandon([&] {
                return fmt::format("came to {} {} with mask {:#x}, where other lanes of the mask wait in {} {}", what,
                                   site.text(), mask, r.what, r.site.text());
            });
        if (r.bytes != bytes)
            abandon([&] {
                return fmt::format("came to {} {} with {} bytes, other lanes of mask {:#x} with {}", what, site.text(),
                                   bytes, mask, r.bytes);
            });
        return r;
    }
    if (warp.free.empty()) {
        warp.all.push_back(std::make_unique_for_overwrite<Rendezvous>());
        warp.free.push_back(warp.all.back().get());
    }
    Rendezvous& r = *warp.free.back();
    warp.free.pop_back();
    r.mask = mask, r.arrived = 0, r.stride = (bytes + 3) & ~3u, r.votes = 0;
    r.what = what, r.bytes = bytes, r.site = site;
    warp.open[warp.open_count++] = &r;
    return r;
}

void Block::complete(Warp& warp, unsigned position, unsigned first_lane) {
    Rendezvous& r = *warp.open[position];
    warp.open[position] = warp.open[--warp.open_count];
    r.readers = static_cast<unsigned>(std::popcount(r.arrived));
    if (const Hooks* h = hooks()) [[unlikely]]
        if (h->collective)
            h->collective(first_lane / kWarp, r.arrived, (warp.valid & ~warp.returned & ~r.arrived) == 0, r.what);
    for (unsigned lanes = r.arrived; lanes; lanes &= lanes - 1) {
        const unsigned rank = first_lane + static_cast<unsigned>(std::countr_zero(lanes));
        if (rank != thread_rank) wake(rank);
    }
}

inline void* Block::exchange(ExchangeRequest& request, void* here) {
    if (!engaged_) engage();
    const unsigned rank = thread_rank, lane = rank % kWarp, mask = request.mask, bytes = request.bytes;
    const Site site{request.file, request.line};
    Thread& me = threads_[rank];
    Warp& warp = warps_[rank / kWarp];
    if (!(mask >> lane & 1)) [[unlikely]]
        abandon([&] {
            return fmt::format("{} {}: lane {} is not in its own mask {:#x}", request.what, site.text(), lane, mask);
        });
    if (bytes > kExchangeBytes) [[unlikely]]
        abandon([&] {
            return fmt::format("{} {}: {} bytes a lane, at most {}", request.what, site.text(), bytes, kExchangeBytes);
        });
    leave(me);
    Rendezvous& r = rendezvous(warp, mask, request.what, bytes, site);
    if (bytes == 4)
        std::memcpy(r.slots + 4 * lane, request.in, 4);
    else if (bytes)
        std::memcpy(r.slots + r.stride * lane, request.in, bytes);
    r.arrived |= 1u << lane;
    r.votes |= request.vote << lane;
    me.collectives++;
    me.shown = &r;
    request.meeting = &r;
    if (mask & warp.valid & ~warp.returned & ~r.arrived) return suspend(me, here);
    unsigned position = 0;
    while (warp.open[position] != &r) position++;
    complete(warp, position, rank - lane);
    return go_on(here);
}

void* arrive_at_exchange(void* request, void* here) {
    return current_block->exchange(*static_cast<ExchangeRequest*>(request), here);
}

}  // namespace cmtl::kernels::simt
