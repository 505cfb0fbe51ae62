#pragma once
// What the parts of the instrumented build share. One OS thread at a time runs kernels in this build.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/simt/block.hpp"
#include "kernels/simt/hooks.hpp"
#include "kernels/simt/instrument.hpp"
#include "kernels/simt/instrument_order.hpp"
#include "kernels/simt/instrument_requests.hpp"
#include "kernels/simt/instrument_shadow.hpp"
#include "kernels/simt/instrument_sites.hpp"

namespace cmtl::kernels::simt {

struct Range {
    uintptr_t begin = 0;
    size_t bytes = 0;
    bool has(uintptr_t a) const { return a - begin < bytes; }
};
inline Range range_of(const AddressRange& r) { return {reinterpret_cast<uintptr_t>(r.begin), r.bytes}; }

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
    KernelCounters totals;         // but the traffic, which is the sum over `sites`
    std::vector<uint16_t> key_of;  // 2 * site + shared -> 1 + index into `sites`
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
State& state();

struct Busy {
    explicit Busy(State& s) : state(s) { state.busy = true; }
    ~Busy() { state.busy = false; }
    State& state;
};

struct Where {
    const char* memory;
    uintptr_t offset;
    bool device;
};

// instrument_faults.cpp. The describing ones leave their text in the state's message, because report(), which ends the
// launch with it, leaves nothing on the stack destroyed.
void describe(State& s, const Where& where, Access kind, uint16_t site, const char* what);
void describe_race(State& s, const Where& where, Access kind, uint16_t site, bool other_wrote, uint16_t other_site,
                   uint32_t other_block, unsigned other_thread);
[[noreturn]] void report(State& s);
// Whether an address that is neither shared nor device memory nor of this thread's stack is none of the kernel's
// business, or a constant.
bool harmless(State& s, uintptr_t address, unsigned bytes, Access kind, uint16_t site);

// instrument_counters.cpp: what the warp asked for up to now is counted.
void flush(State& s, WarpRequests& warp);

}  // namespace cmtl::kernels::simt
