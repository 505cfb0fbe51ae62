// The checks of an instrumented build, and where its counters are kept. One OS thread at a time runs kernels in this build.
#include "kernels/simt/instrument.hpp"

#include <link.h>
#include <cstdlib>
#include <cstring>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/simt/block.hpp"
#include "kernels/simt/hooks.hpp"
#include "kernels/simt/instrument_access.hpp"
#include "kernels/simt/instrument_order.hpp"
#include "kernels/simt/instrument_requests.hpp"
#include "kernels/simt/instrument_shadow.hpp"
#include "kernels/simt/instrument_sites.hpp"

namespace cmtl::kernels::simt {
namespace {

struct Range {
    uintptr_t begin = 0;
    size_t bytes = 0;
    bool has(uintptr_t a) const { return a - begin < bytes; }
};
Range range_of(const AddressRange& r) { return {reinterpret_cast<uintptr_t>(r.begin), r.bytes}; }
// What variables that lie together take up.
template <class... T>
Range around(const T&... variables) {
    const uintptr_t low = std::min({reinterpret_cast<uintptr_t>(&variables)...}), high = std::max({reinterpret_cast<uintptr_t>(&variables + 1)...});
    return {low, high - low};
}

// What one instruction asks of one kind of memory.
struct SiteTraffic {
    uint16_t site;
    bool shared;
    Access kind;
    GlobalTraffic global;
    SharedTraffic banks;
    AtomicTraffic atomic;
};

struct KernelData {
    KernelCounters totals;                 // but the traffic, which is the sum over `sites`
    std::vector<uint16_t> key_of;          // 2 * site + shared -> 1 + index into `sites`
    std::vector<SiteTraffic> sites;
};

struct State {
    // Threads of the host reset and read counters, allocate and copy while no kernel runs.
    std::map<std::string, KernelData> kernels;
    std::mutex kernels_mutex;
    Sites sites;
    std::vector<bool> ignored;    // sites that read what simt keeps: arguments, what lanes exchange
    std::vector<bool> constants;  // sites that read constants of the program
    DeviceShadow device;

    // Of the launch and block that run.
    bool busy = false;  // in here: functions shared with instrumented code are not looked at
    KernelData* kernel = nullptr;
    uint32_t launch = 0, block_serial = 0, block_number = 0;
    Range dynamic_shared, static_shared, built_ins, dimensions;
    Cells dynamic_cells, static_cells;
    BlockOrder order;
    std::vector<Range> stacks;
    std::vector<WarpRequests> warps;
    std::string message;
};

State& state() {
    static State* s = new State;  // outlives whatever still calls while the program ends
    return *s;
}

struct Busy {
    explicit Busy(State& s) : state(s) { state.busy = true; }
    ~Busy() { state.busy = false; }
    State& state;
};

std::string thread_text(unsigned rank) {
    const dim3 b = current_block->grid().block;
    return fmt::format("({},{},{})", rank % b.x, rank / b.x % b.y, rank / (b.x * b.y));
}
std::string block_text(uint32_t number) {
    const dim3 g = current_block->grid().grid;
    return fmt::format("({},{},{})", number % g.x, number / g.x % g.y, number / (g.x * g.y));
}

// Ends the launch. Nothing may be left on the stack that owns memory.
[[noreturn]] void report(State& s) {
    s.busy = false;
    current_block->abandon([&] { return s.message; });
}

struct Where {
    const char* memory;
    uintptr_t offset;
    bool device;
};

const char* verb(Access kind) { return kind == Access::load ? "reads" : kind == Access::store ? "writes" : "updates"; }

__attribute__((noinline)) void describe_race(State& s, const Where& where, Access kind, uint16_t site, bool other_wrote, uint16_t other_site,
                                             uint32_t other_block, unsigned other_thread) {
    const bool same_block = !where.device || other_block == s.block_number;
    const std::string other = same_block ? fmt::format("thread {}", thread_text(other_thread)) : fmt::format("block {}", block_text(other_block));
    s.message = fmt::format("race in {} memory at {}: it {} what {} {} at {}, {} (offset {})", where.memory, s.sites.line(site).text(), verb(kind),
                            other, other_wrote ? "wrote" : "read", s.sites.line(other_site).text(),
                            same_block ? "with no barrier between" : "in the same launch", where.offset);
}

__attribute__((noinline)) void describe(State& s, const Where& where, Access kind, uint16_t site, const char* what) {
    s.message = fmt::format("{} memory at {}: it {} {} (offset {})", where.memory, s.sites.line(site).text(), verb(kind), what, where.offset);
}

// Four bytes of memory that `Bytes` of are accessed by the running thread.
inline void check_cell(State& s, Cell& c, unsigned bytes, Access kind, uint16_t site, const Where& where, bool always_written) {
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
    if ((c.write_bytes & bytes) && !(kind == Access::atomic && c.write_atomic) &&
        ((where.device && c.write_block != s.block_number) || !s.order.before(c.write_thread, c.write_epoch, c.write_clock, me))) [[unlikely]] {
        describe_race(s, where, kind, site, true, c.write_site, c.write_block, c.write_thread);
        report(s);
    }
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

void flush(State& s, WarpRequests& warp) {
    warp.flush([&](unsigned key, const Request& r) {
        SiteTraffic& t = s.kernel->sites[key];
        if (t.kind == Access::atomic) count_atomic(r, t.atomic);
        if (t.shared)
            count_shared(r, t.kind != Access::atomic, t.banks);
        else if (t.kind != Access::atomic)
            count_global(r, t.global);
    });
}

bool is(const std::vector<bool>& sites, uint16_t site) { return site < sites.size() && sites[site]; }
bool set(std::vector<bool>& sites, uint16_t site) {
    if (sites.size() <= site) sites.resize(site + 256u);
    return sites[site] = true;
}

// Neither shared nor device memory nor this thread's stack.
__attribute__((noinline)) bool harmless(State& s, uintptr_t address, unsigned bytes, Access kind, uint16_t site) {
    if (is(s.constants, site) && kind == Access::load) return true;
    const auto ignore = [&] { return set(s.ignored, site); };
    const Range arguments{reinterpret_cast<uintptr_t>(current_block->grid().arguments), 4096 + 256};
    if (arguments.has(address)) return ignore();
    for (const AddressRange& r : internal_ranges())
        if (range_of(r).has(address)) return ignore();
    if (kind == Access::load) {  // constants
        struct Search {
            uintptr_t address;
            bool found;
        } search{address, false};
        dl_iterate_phdr(
            [](dl_phdr_info* info, size_t, void* data) {
                auto& wanted = *static_cast<Search*>(data);
                for (int i = 0; i < info->dlpi_phnum; i++) {
                    const ElfW(Phdr)& h = info->dlpi_phdr[i];
                    if (h.p_type == PT_LOAD && wanted.address - (info->dlpi_addr + h.p_vaddr) < h.p_memsz) wanted.found = true;
                }
                return wanted.found ? 1 : 0;
            },
            &search);
        if (search.found) return set(s.constants, site);
    }
    const SourceLine& line = s.sites.line(site);
    for (const AddressRange& r : stack_ranges())
        if (range_of(r).has(address)) {
            s.message = fmt::format("local memory at {}: it {} {} bytes of another thread's", line.text(), verb(kind), bytes);
            return false;
        }
    if (line.foreign) return ignore();
    const DeviceShadow::Range* below = s.device.below(address);
    const uintptr_t shared_end = s.dynamic_shared.begin + s.dynamic_shared.bytes;
    if (address - shared_end < 4096 && s.dynamic_shared.bytes)
        s.message = fmt::format("out of bounds at {}: it {} {} bytes of shared memory, {} bytes beyond the {} that the launch asked for",
                                line.text(), verb(kind), bytes, address + bytes - shared_end, s.dynamic_shared.bytes);
    else if (below && address - (below->begin + below->bytes) < (1 << 20))
        s.message = fmt::format("out of bounds at {}: it {} {} bytes of device memory, {} bytes beyond an allocation of {}", line.text(), verb(kind),
                                bytes, address + bytes - (below->begin + below->bytes), below->bytes);
    else
        s.message = fmt::format("out of bounds at {}: it {} {} bytes at {:#x}, which is no memory of the device", line.text(), verb(kind), bytes, address);
    return false;
}

inline void access_shared(State& s, Cells& cells, const Range& range, const char* memory, uintptr_t address, unsigned bytes, Access kind, uint16_t site) {
    each_cell(cells, address - range.begin, bytes,
              [&](Cell& c, unsigned mask, size_t offset) { check_cell(s, c, mask, kind, site, {memory, offset, false}, false); });
    count(s, site, true, kind, address, bytes);
}

inline bool access_device(State& s, uintptr_t address, unsigned bytes, Access kind, uint16_t site) {
    DeviceShadow::Range* range = s.device.find(address);
    if (!range || address + bytes > range->begin + range->bytes) return false;
    SiteTraffic& traffic = count(s, site, false, kind, address, bytes);
    each_cell(range->cells, address - range->begin, bytes, [&](Cell& c, unsigned mask, size_t offset) {
        check_cell(s, c, mask, kind, site, {range->pinned ? "pinned" : "device", offset, true}, range->pinned);
        if (kind == Access::load && !c.counted_load) c.counted_load = 1, traffic.global.unique_bytes += 4;
        if (kind == Access::store && !c.counted_store) c.counted_store = 1, traffic.global.unique_bytes += 4;
    });
    return true;
}

void access(State& s, uintptr_t address, unsigned bytes, Access kind, const void* pc) {
    const uint16_t site = s.sites.number(pc);
    if (is(s.ignored, site)) return;
    if (s.dynamic_shared.has(address) && s.dynamic_shared.has(address + bytes - 1))
        return access_shared(s, s.dynamic_cells, s.dynamic_shared, "dynamic shared", address, bytes, kind, site);
    if (s.static_shared.has(address)) return access_shared(s, s.static_cells, s.static_shared, "shared", address, bytes, kind, site);
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
    each_cell(cells, address - (dynamic ? s.dynamic_shared : s.static_shared).begin, bytes, [](Cell& c, unsigned, size_t) { c.pending = 1; });
}

// The copy is made: from now on the thread has written.
void async_copy(const void* shared, const void*, unsigned bytes) {
    State& s = state();
    const auto address = reinterpret_cast<uintptr_t>(shared);
    const bool dynamic = s.dynamic_shared.has(address);
    each_cell(dynamic ? s.dynamic_cells : s.static_cells, address - (dynamic ? s.dynamic_shared : s.static_shared).begin, bytes,
              [&](Cell& c, unsigned, size_t) {
                  c.pending = 0;
                  c.write_epoch = s.order.epoch();
                  c.write_clock = s.order.clock(thread_rank);
              });
}

const Hooks kHooks = {.launch_begin = launch_begin,
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
    // A local variable: not far above this frame, and in the same piece of memory. (Thread-local memory may lie right behind it.)
    const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    if (address - frame < FiberPool::stack_bytes())
        for (const Range& stack : s.stacks)
            if (stack.has(frame) && stack.has(address)) return;
    if (s.busy || s.built_ins.has(address) || s.dimensions.has(address)) return;
    s.busy = true;
    if (bytes <= 16) {
        access(s, address, static_cast<unsigned>(bytes), kind, pc);
    } else {
        for (size_t i = 0; i < bytes; i += 16) access(s, address + i, static_cast<unsigned>(std::min<size_t>(16, bytes - i)), kind, pc);
    }
    s.busy = false;
}

bool instrumented() { return kInstalled; }

void reset_counters() {
    State& s = state();
    const std::lock_guard lock(s.kernels_mutex);
    s.kernels.clear();
}

std::vector<KernelCounters> counters() {
    State& s = state();
    const std::lock_guard lock(s.kernels_mutex);
    std::vector<KernelCounters> all;
    for (const auto& [name, data] : s.kernels) {
        KernelCounters kernel = data.totals;
        std::map<std::pair<std::string, unsigned>, Traffic> lines;
        for (const SiteTraffic& t : data.sites) {
            Traffic traffic;
            if (t.kind != Access::atomic) {
                (t.kind == Access::load ? traffic.loads : traffic.stores) = t.global;
                (t.kind == Access::load ? traffic.shared_loads : traffic.shared_stores) = t.banks;
            } else {
                (t.shared ? traffic.shared_atomics : traffic.global_atomics) = t.atomic;
                traffic.shared_stores = t.banks;
            }
            kernel.traffic += traffic;
            const SourceLine& line = s.sites.line(t.site);
            lines[{line.file, line.line}] += traffic;
        }
        for (auto& [place, traffic] : lines) kernel.lines.push_back({place.first, place.second, traffic});
        const auto weight = [](const LineCounters& l) {
            return l.traffic.loads.sectors + l.traffic.stores.sectors + l.traffic.shared_loads.passes + l.traffic.shared_stores.passes;
        };
        std::stable_sort(kernel.lines.begin(), kernel.lines.end(), [&](const auto& a, const auto& b) { return weight(a) > weight(b); });
        all.push_back(std::move(kernel));
    }
    return all;
}

}  // namespace cmtl::kernels::simt
