#pragma once
// What an instrumented build needs from simt: callbacks at the events that order memory accesses, and where the running thread
// stands. Without callbacks each event costs one load and a branch that is never taken.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/simt/vector_types.hpp"

namespace cmtl::kernels::simt {

struct LaunchInfo {
    const char* name;
    const void* kernel;
    dim3 grid, block;
    size_t shared_bytes;
    uint64_t id;  // counts launches of the process
};

// Entries may be nullptr. All but the launch ones are called on the OS thread that runs the block; they must not launch.
struct Hooks {
    void (*launch_begin)(const LaunchInfo&);
    void (*launch_end)(const LaunchInfo&);
    void (*block_begin)();
    void (*block_end)();
    void (*barrier)(unsigned epoch);                       // every thread of the block is there; epoch counts from 0
    // These lanes met: all of the warp that have not returned or some. `what` names the operation.
    void (*collective)(unsigned warp, unsigned lanes, bool whole_warp, const char* what);
    // A copy is asked for (by the instruction before `pc`), and is made.
    void (*async_begin)(const void* shared, const void* global, unsigned bytes, unsigned source_bytes, const void* pc);
    void (*async_copy)(const void* shared, const void* global, unsigned bytes);
    // Device or pinned memory, on any OS thread; copies and fills of the runtime.
    void (*allocated)(const void* memory, size_t bytes, bool pinned);
    void (*released)(const void* memory);
    void (*written)(const void* memory, size_t bytes);
};

// Takes effect at the next launch; `table` must outlive it. nullptr: none.
void set_hooks(const Hooks* table);

namespace detail {
extern const Hooks* hook_table;
}
inline const Hooks* hooks() { return __atomic_load_n(&detail::hook_table, __ATOMIC_RELAXED); }

// The thread that runs on this OS thread. in_kernel is false outside kernels, and then the rest means nothing.
struct Position {
    bool in_kernel;
    const char* kernel;
    uint64_t launch;
    uint3 block;
    unsigned thread;        // threadIdx as one number, x fastest
    unsigned threads;       // of the block
    unsigned barriers;      // met so far in this block
    unsigned collectives;   // that this thread took part in
};
Position position();

struct AddressRange {
    const void* begin;
    size_t bytes;
};
// Of the block on this OS thread: dynamic shared memory; static shared memory (every __shared__ variable of the program's kernels,
// this OS thread's copies); stacks, where the local variables of its threads live; simt's own bookkeeping.
AddressRange dynamic_shared_range();
std::vector<AddressRange> static_shared_ranges();
std::vector<AddressRange> stack_ranges();
std::vector<AddressRange> internal_ranges();

// Allocations that devices of this process, by now destroyed, had not got back.
uint64_t leaked_allocations() noexcept;

}  // namespace cmtl::kernels::simt
