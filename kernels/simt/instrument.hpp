#pragma once
// The instrumented build: kernels compiled with -fsanitize=thread and linked with our own __tsan_* functions instead of
// that sanitizer's runtime, so that every access to memory arrives here (library cmtl_kernels_counted). It checks the
// accesses and counts them; the sources of the kernels stay as they are.
//
// Checks. The first fault ends the launch with an Error(internal) that names kernel, block, thread, source line and
// kind of memory:
//   races        in shared memory between threads, in device memory between threads and between blocks: two accesses,
//   one of which
//                writes, that no barrier of the block and no warp collective with both lanes orders. Equal values are
//                no excuse. Atomics do not race with each other. Fences and flags order nothing here: no kernel uses
//                them.
//   unwritten    shared memory that nobody wrote in this block, device memory that nobody wrote since it was allocated
//   bounds       an address that is no shared, device, pinned or constant memory and not the thread's own stack
//   cp.async     the target of a copy that was not waited for
//
// Counters, per kernel and per source line. A request is what the lanes of a warp ask for together: threads run one
// after another here, so the n-th time that each lane comes to an instruction, counted from the warp's last barrier or
// full collective, is taken for the same moment. That is exact where lanes take turns through a loop together, and too
// kind or too harsh by little where they do not. An access is as wide as the source says: g++ is told to merge and
// split nothing. clang++ cannot be told not to take vectors apart, so there the checks hold and the figures do not.
#include <cstdint>
#include <string>
#include <vector>

namespace cmtl::kernels::simt {

struct GlobalTraffic {
    uint64_t requests = 0;       // of warps
    uint64_t lanes = 0;          // of these requests
    uint64_t bytes = 0;          // that lanes asked for
    uint64_t sectors = 0;        // of 32 bytes that requests touched
    uint64_t ideal_sectors = 0;  // had their bytes lain together
    uint64_t unique_bytes = 0;   // touched at all, each once per launch, in units of 4

    double efficiency() const {
        return sectors ? static_cast<double>(ideal_sectors) / static_cast<double>(sectors) : 1;
    }
    GlobalTraffic& operator+=(const GlobalTraffic& other);
};

struct SharedTraffic {
    uint64_t requests = 0;
    uint64_t bytes = 0;
    uint64_t passes = 0;        // over the 32 banks of 4 bytes
    uint64_t ideal_passes = 0;  // without conflicts: 1 a request up to 4 bytes a lane, 2 for 8, 4 for 16

    uint64_t conflicts() const { return passes - ideal_passes; }
    SharedTraffic& operator+=(const SharedTraffic& other);
};

struct AtomicTraffic {
    uint64_t requests = 0;
    uint64_t lanes = 0;
    uint64_t rounds = 0;  // a request takes as many as the most lanes that want one address
    AtomicTraffic& operator+=(const AtomicTraffic& other);
};

struct Traffic {
    GlobalTraffic loads, stores;
    SharedTraffic shared_loads, shared_stores;
    AtomicTraffic global_atomics, shared_atomics;
    Traffic& operator+=(const Traffic& other);
};

struct LineCounters {
    std::string file;  // without folders
    unsigned line = 0;
    Traffic traffic;
};

struct KernelCounters {
    std::string name;
    uint64_t launches = 0, blocks = 0, threads = 0;
    Traffic traffic;
    uint64_t barriers = 0;            // of blocks
    uint64_t collectives = 0;         // shuffles, votes and __syncwarp of warps
    uint64_t mma = 0, ldmatrix = 0;   // of warps
    uint64_t async_copies = 0;        // of threads
    uint64_t tensor_flops = 0;        // of mma: 2 per multiplication and addition
    std::vector<LineCounters> lines;  // most sectors and passes first
};

// Whether the kernels of this program were compiled for it.
bool instrumented();
// What was counted since the last reset, by name of the launch.
std::vector<KernelCounters> counters();
void reset_counters();

// As text for people, and as a JSON array.
std::string counters_text(const std::vector<KernelCounters>& kernels, bool with_lines);
std::string counters_json(const std::vector<KernelCounters>& kernels);

}  // namespace cmtl::kernels::simt
