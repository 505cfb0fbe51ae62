#include "kernels/simt/instrument_requests.hpp"

#include <algorithm>
#include <bit>

namespace cmtl::kernels::simt {
namespace {

constexpr uintptr_t kSector = 32;
constexpr unsigned kBanks = 32;

// The addresses of the lanes that take part, in ascending order.
struct Sorted {
    explicit Sorted(const Request& r) {
        bool ascending = true;
        for (uint32_t lanes = r.lanes; lanes; lanes &= lanes - 1) {
            const uintptr_t a = r.address[std::countr_zero(lanes)];
            ascending = ascending && (count == 0 || at[count - 1] <= a);
            at[count++] = a;
        }
        if (!ascending) std::sort(at, at + count);
    }
    uintptr_t at[32];
    unsigned count = 0;
};

}  // namespace

void WarpRequests::begin(Slot& slot, unsigned key) {
    slot.stamp = stamp_;
    slot.used = 0;
    std::fill(std::begin(slot.turn), std::end(slot.turn), 0u);
    used_.push_back(key);
}

void WarpRequests::more(Slot& slot, unsigned bytes) {
    if (slot.used == slot.requests.size()) slot.requests.emplace_back();
    Request& r = slot.requests[slot.used++];
    r.lanes = 0;
    r.bytes = bytes;
}

void count_global(const Request& r, GlobalTraffic& traffic) {
    const Sorted sorted(r);
    uintptr_t sectors = 0, unique = 0, next_sector = 0,
              end = 0;  // sectors below next_sector and bytes below end are counted
    for (unsigned i = 0; i < sorted.count; i++) {
        const uintptr_t a = sorted.at[i], b = a + r.bytes;
        const uintptr_t first = std::max(a / kSector, next_sector), last = (b - 1) / kSector;
        if (last >= first) sectors += last - first + 1;
        next_sector = std::max(next_sector, last + 1);
        if (b > end) unique += b - std::max(a, end);
        end = std::max(end, b);
    }
    traffic.requests++;
    traffic.lanes += sorted.count;
    traffic.bytes += static_cast<uint64_t>(sorted.count) * r.bytes;
    traffic.sectors += sectors;
    traffic.ideal_sectors += (unique + kSector - 1) / kSector;
}

// A bank gives one word of 4 bytes per pass, to any number of lanes. Accesses of 8 bytes are served half a warp at a
// time, those of 16 a quarter. Atomics on one word take a pass each.
void count_shared(const Request& r, bool same_word_is_one, SharedTraffic& traffic) {
    const unsigned words = std::max(1u, r.bytes / 4), lanes_at_a_time = kBanks / words;
    traffic.requests++;
    traffic.bytes += static_cast<uint64_t>(std::popcount(r.lanes)) * r.bytes;
    for (unsigned begin = 0; begin < 32; begin += lanes_at_a_time) {
        const uint32_t group = lanes_at_a_time == 32 ? ~0u : ((1u << lanes_at_a_time) - 1) << begin;
        uint32_t lanes = r.lanes & group;
        if (!lanes) continue;
        uintptr_t held[kBanks][32];
        uint8_t used[kBanks] = {};
        unsigned passes = 1;
        for (; lanes; lanes &= lanes - 1) {
            const uintptr_t first = r.address[std::countr_zero(lanes)] / 4;
            for (uintptr_t word = first; word < first + words; word++) {
                const unsigned bank = word % kBanks;
                if (same_word_is_one && std::find(held[bank], held[bank] + used[bank], word) != held[bank] + used[bank])
                    continue;
                held[bank][used[bank]++] = word;
                passes = std::max<unsigned>(passes, used[bank]);
            }
        }
        traffic.passes += passes;
        traffic.ideal_passes++;
    }
}

void count_atomic(const Request& r, AtomicTraffic& traffic) {
    const Sorted sorted(r);
    unsigned most = 0;
    for (unsigned i = 0, run = 0; i < sorted.count; i++) {
        run = i > 0 && sorted.at[i] == sorted.at[i - 1] ? run + 1 : 1;
        most = std::max(most, run);
    }
    traffic.requests++;
    traffic.lanes += sorted.count;
    traffic.rounds += most;
}

GlobalTraffic& GlobalTraffic::operator+=(const GlobalTraffic& o) {
    requests += o.requests, lanes += o.lanes, bytes += o.bytes, sectors += o.sectors, ideal_sectors += o.ideal_sectors;
    unique_bytes += o.unique_bytes;
    return *this;
}
SharedTraffic& SharedTraffic::operator+=(const SharedTraffic& o) {
    requests += o.requests, bytes += o.bytes, passes += o.passes, ideal_passes += o.ideal_passes;
    return *this;
}
AtomicTraffic& AtomicTraffic::operator+=(const AtomicTraffic& o) {
    requests += o.requests, lanes += o.lanes, rounds += o.rounds;
    return *this;
}
Traffic& Traffic::operator+=(const Traffic& o) {
    loads += o.loads, stores += o.stores, shared_loads += o.shared_loads, shared_stores += o.shared_stores;
    global_atomics += o.global_atomics, shared_atomics += o.shared_atomics;
    return *this;
}

}  // namespace cmtl::kernels::simt
