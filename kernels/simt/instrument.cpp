// The checks of the instrumented build, on each access as it comes.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/simt/instrument_access.hpp"
#include "kernels/simt/instrument_state.hpp"

namespace cmtl::kernels::simt {

State& state() {
    static State* s = new State;  // outlives whatever still calls while the program ends
    return *s;
}

namespace {

// What variables that lie together take up.
template <class... T>
Range around(const T&... variables) {
    const uintptr_t low = std::min({reinterpret_cast<uintptr_t>(&variables)...}),
                    high = std::max({reinterpret_cast<uintptr_t>(&variables + 1)...});
    return {low, high - low};
}

// Of the four bytes of a cell the running thread accesses those whose bits are in `bytes`.
inline void check_cell(State& s, Cell& c, unsigned bytes, Access kind, uint16_t site, const Where& where,
                       bool always_written) {
    const uint32_t stamp = where.device ? s.launch : s.block_serial;
    if (c.stamp != stamp) [[unlikely]] {
        const unsigned written = where.device ? c.written : 0u;
        c = {};
        c.stamp = stamp;
        c.written = written & 0xF;
    }
    const unsigned me = thread_rank, warp = me / kWarp, lane = me % kWarp;
    const uint16_t epoch = s.order.epoch(), clock = s.order.clock(me);
    if (c.pending) [[unlikely]] {
        describe(s, where, kind, site, "the target of an asynchronous copy that was not waited for");
        report(s);
    }
    if (kind != Access::store && (c.written & bytes) != bytes && !always_written) [[unlikely]] {
        describe(s, where, kind, site, "what nobody wrote");
        report(s);
    }
    const bool atomic = kind == Access::atomic || kind == Access::atomic_load;
    if ((c.write_bytes & bytes) && !(atomic && c.write_atomic) &&
        ((where.device && c.write_block != s.block_number) ||
         !s.order.before(c.write_thread, c.write_epoch, c.write_clock, me))) [[unlikely]] {
        describe_race(s, where, kind, site, true, c.write_site, c.write_block, c.write_thread);
        report(s);
    }
    if (kind == Access::atomic_load) return;  // a plain write after it is found where the threads start in another order
    if (kind == Access::load) {
        const bool overlap = c.read_bytes & bytes;
        if (overlap && (!where.device || c.read_block == s.block_number) && c.read_epoch == epoch) {
            if (c.read_warp != warp) c.read_by_warps = 1;
            if (c.read_warp == warp && c.read_clock == clock)
                c.read_lanes |= 1u << lane;
            else
                c.read_lanes = 1u << lane;
            c.read_bytes &= bytes;
        } else {
            c.read_by_blocks = overlap && (c.read_by_blocks || (where.device && c.read_block != s.block_number));
            c.read_by_warps = 0;
            c.read_lanes = 1u << lane;
            c.read_bytes = overlap ? c.read_bytes & bytes : bytes & 0xF;
        }
        c.read_block = s.block_number;
        c.read_epoch = epoch;
        c.read_clock = clock;
        c.read_warp = warp & 31;
        c.read_site = site & 0x3FFF;
        return;
    }
    if (c.read_bytes & bytes) {
        unsigned other = c.read_warp * kWarp + static_cast<unsigned>(__builtin_ctz(c.read_lanes));
        bool race = where.device && (c.read_by_blocks || c.read_block != s.block_number);
        if (!race && c.read_epoch == epoch) {
            race = c.read_by_warps || c.read_warp != warp;
            for (uint32_t lanes = c.read_lanes; lanes && !race; lanes &= lanes - 1) {
                other = c.read_warp * kWarp + static_cast<unsigned>(__builtin_ctz(lanes));
                race = !s.order.before(other, epoch, c.read_clock, me);
            }
        }
        if (race) [[unlikely]] {
            describe_race(s, where, kind, site, false, c.read_site, c.read_block, other);
            report(s);
        }
        c.read_bytes = 0;
    }
    c.write_block = s.block_number;
    c.write_thread = me & 1023;
    c.write_epoch = epoch;
    c.write_clock = clock;
    c.write_site = site & 0x3FFF;
    c.write_bytes = bytes & 0xF;
    c.write_atomic = kind == Access::atomic;
    c.written |= bytes & 0xF;
}

// f(cell, its bytes, offset) for the cells of `bytes` bytes.
template <class Function>
inline void each_cell(Cells& cells, size_t offset, unsigned bytes, Function&& f) {
    if ((offset | bytes) % 4 == 0) {
        for (unsigned i = 0; i < bytes; i += 4) f(cells.at(offset + i), 0xFu, offset + i);
        return;
    }
    for (size_t end = offset + bytes; offset < end;) {
        const size_t first = offset % 4, last = std::min<size_t>(4, first + (end - offset));
        f(cells.at(offset), ((1u << last) - 1) & ~((1u << first) - 1), offset);
        offset += last - first;
    }
}

inline SiteTraffic& count(State& s, uint16_t site, bool shared, Access kind, uintptr_t address, unsigned bytes) {
    KernelData& kernel = *s.kernel;
    const size_t at = 2 * size_t{site} + shared;
    if (at >= kernel.key_of.size()) kernel.key_of.resize(at + 512);
    uint16_t& key = kernel.key_of[at];
    if (!key) [[unlikely]] {
        kernel.sites.push_back({site, shared, kind, {}, {}, {}});
        key = static_cast<uint16_t>(kernel.sites.size());
    }
    s.warps[thread_rank / kWarp].add(key - 1u, thread_rank % kWarp, address, bytes);
    return kernel.sites[key - 1u];
}

inline void access_shared(State& s, Cells& cells, const Range& range, const char* memory, uintptr_t address,
                          unsigned bytes, Access kind, uint16_t site) {
    each_cell(cells, address - range.begin, bytes, [&](Cell& c, unsigned mask, size_t offset) {
        check_cell(s, c, mask, kind, site, {memory, offset, false}, false);
    });
    count(s, site, true, kind, address, bytes);
}

inline bool access_device(State& s, uintptr_t address, unsigned bytes, Access kind, uint16_t site) {
    DeviceShadow::Range* range = s.device.find(address);
    if (!range || address + bytes > range->begin + range->bytes) return false;
    SiteTraffic& traffic = count(s, site, false, kind, address, bytes);
    each_cell(range->cells, address - range->begin, bytes, [&](Cell& c, unsigned mask, size_t offset) {
        check_cell(s, c, mask, kind, site, {range->pinned ? "pinned" : "device", offset, true}, range->pinned);
        const bool load = kind == Access::load || kind == Access::atomic_load;
        if (load && !c.counted_load) c.counted_load = 1, traffic.global.unique_bytes += 4;
        if (kind == Access::store && !c.counted_store) c.counted_store = 1, traffic.global.unique_bytes += 4;
    });
    return true;
}

void access(State& s, uintptr_t address, unsigned bytes, Access kind, const void* pc) {
    const uint16_t site = s.sites.number(pc);
    if (site < s.ignored.size() && s.ignored[site]) return;
    if (s.dynamic_shared.has(address) && s.dynamic_shared.has(address + bytes - 1))
        return access_shared(s, s.dynamic_cells, s.dynamic_shared, "dynamic shared", address, bytes, kind, site);
    if (s.static_shared.has(address))
        return access_shared(s, s.static_cells, s.static_shared, "shared", address, bytes, kind, site);
    if (access_device(s, address, bytes, kind, site)) return;
    if (!harmless(s, address, bytes, kind, site)) report(s);
}

// ---- hooks ----

void launch_begin(const LaunchInfo& info) {
    State& s = state();
    const Busy busy(s);
    const std::lock_guard lock(s.kernels_mutex);
    s.kernel = &s.kernels[info.name];
    KernelCounters& totals = s.kernel->totals;
    totals.name = info.name;
    totals.launches++;
    totals.blocks += uint64_t{info.grid.x} * info.grid.y * info.grid.z;
    totals.threads += uint64_t{info.grid.x} * info.grid.y * info.grid.z * info.block.x * info.block.y * info.block.z;
    if (++s.launch == 0) s.launch = 1;  // cells of 4 billion launches ago look as if of this one
    const unsigned warps = (info.block.x * info.block.y * info.block.z + kWarp - 1) / kWarp;
    if (s.warps.size() < warps) s.warps.resize(warps);
    uintptr_t first = ~uintptr_t{0}, end = 0;
    for (const AddressRange& r : static_shared_ranges()) {
        first = std::min(first, reinterpret_cast<uintptr_t>(r.begin));
        end = std::max(end, reinterpret_cast<uintptr_t>(r.begin) + r.bytes);
    }
    s.static_shared = end ? Range{first & ~uintptr_t{15}, end - (first & ~uintptr_t{15})} : Range{};
    if (s.static_cells.covered() < s.static_shared.bytes) s.static_cells = Cells(s.static_shared.bytes);
    if (s.dynamic_cells.covered() < info.shared_bytes) s.dynamic_cells = Cells(info.shared_bytes);
    s.built_ins = around(threadIdx, blockIdx, thread_rank, dynamic_shared, current_block);
    s.dimensions = around(blockDim, gridDim);  // these begin as 1 and so lie elsewhere
}

void block_begin() {
    State& s = state();
    s.block_serial++;
    const dim3 g = current_block->grid().grid;
    s.block_number = blockIdx.x + g.x * (blockIdx.y + g.y * blockIdx.z);
    s.dynamic_shared = range_of(dynamic_shared_range());
    s.stacks.clear();
    for (const AddressRange& r : stack_ranges()) s.stacks.push_back(range_of(r));
    s.order.begin_block(current_block->threads());
    for (WarpRequests& warp : s.warps) warp.drop();
}

void block_end() {
    State& s = state();
    const Busy busy(s);
    for (WarpRequests& warp : s.warps) flush(s, warp);
}

void barrier(unsigned) {
    State& s = state();
    const Busy busy(s);
    s.order.barrier();
    s.kernel->totals.barriers++;
    for (WarpRequests& warp : s.warps) flush(s, warp);
}

void collective(unsigned warp, unsigned lanes, bool whole_warp, const char* what) {
    State& s = state();
    const Busy busy(s);
    KernelCounters& totals = s.kernel->totals;
    if (std::strncmp(what, "mma.m16n8k", 10) == 0) {
        totals.mma++;
        totals.tensor_flops += 2ull * 16 * 8 * static_cast<unsigned>(std::atoi(what + 10));
    } else if (std::strcmp(what, "ldmatrix") == 0) {
        totals.ldmatrix++;
    } else {
        totals.collectives++;
    }
    s.order.collective(warp, lanes);
    if (whole_warp) flush(s, s.warps[warp]);
}

void async_begin(const void* shared, const void* global, unsigned bytes, unsigned source_bytes, const void* pc) {
    State& s = state();
    const Busy busy(s);
    s.kernel->totals.async_copies++;
    if (source_bytes) access(s, reinterpret_cast<uintptr_t>(global), source_bytes, Access::load, pc);
    const auto address = reinterpret_cast<uintptr_t>(shared);
    access(s, address, bytes, Access::store, pc);
    const bool dynamic = s.dynamic_shared.has(address);
    if (!dynamic && !s.static_shared.has(address)) {
        s.message = "an asynchronous copy to what is no shared memory";
        report(s);
    }
    Cells& cells = dynamic ? s.dynamic_cells : s.static_cells;
    each_cell(cells, address - (dynamic ? s.dynamic_shared : s.static_shared).begin, bytes,
              [](Cell& c, unsigned, size_t) { c.pending = 1; });
}

// The copy is made: from now on the thread has written.
void async_copy(const void* shared, const void*, unsigned bytes) {
    State& s = state();
    const auto address = reinterpret_cast<uintptr_t>(shared);
    const bool dynamic = s.dynamic_shared.has(address);
    each_cell(dynamic ? s.dynamic_cells : s.static_cells,
              address - (dynamic ? s.dynamic_shared : s.static_shared).begin, bytes, [&](Cell& c, unsigned, size_t) {
                  c.pending = 0;
                  c.write_epoch = s.order.epoch();
                  c.write_clock = s.order.clock(thread_rank);
              });
}

const Hooks kHooks = {
    .launch_begin = launch_begin,
    .launch_end = nullptr,
    .block_begin = block_begin,
    .block_end = block_end,
    .barrier = barrier,
    .collective = collective,
    .async_begin = async_begin,
    .async_copy = async_copy,
    .allocated = [](const void* memory, size_t bytes, bool pinned) { state().device.add(memory, bytes, pinned); },
    .released = [](const void* memory) { state().device.remove(memory); },
    .written = [](const void* memory, size_t bytes) { state().device.wrote(memory, bytes); }};

const bool kInstalled = (set_hooks(&kHooks), true);

}  // namespace

void instrument_access(const void* p, size_t bytes, Access kind, const void* pc) {
    if (!current_block || !current_block->in_kernel()) return;
    const auto address = reinterpret_cast<uintptr_t>(p);
    State& s = state();
    // A local variable: not far above this frame, and in the same piece of memory. (Thread-local memory may lie right
    // behind it.)
    const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    if (address - frame < FiberPool::stack_bytes())
        for (const Range& stack : s.stacks)
            if (stack.has(frame) && stack.has(address)) return;
    if (s.busy || s.built_ins.has(address) || s.dimensions.has(address)) return;
    s.busy = true;
    if (bytes <= 16) {
        access(s, address, static_cast<unsigned>(bytes), kind, pc);
    } else {
        for (size_t i = 0; i < bytes; i += 16)
            access(s, address + i, static_cast<unsigned>(std::min<size_t>(16, bytes - i)), kind, pc);
    }
    s.busy = false;
}

bool instrumented() { return kInstalled; }

}  // namespace cmtl::kernels::simt
