#pragma once
// What a thread of a kernel sees of its block when simt executes it: the built-in variables, barriers, warp collectives, dynamic
// shared memory and deferred copies. Threads are fibers of one OS thread per block and switch only in the functions of this file.
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/vector_types.hpp"

// One thread-local variable of fixed offset: an access is one instruction.
#define CMTL_SIMT_THREAD_LOCAL extern thread_local constinit __attribute__((tls_model("initial-exec")))

namespace cmtl::kernels {

inline namespace on_simt {
CMTL_SIMT_THREAD_LOCAL uint3 threadIdx;
CMTL_SIMT_THREAD_LOCAL uint3 blockIdx;
CMTL_SIMT_THREAD_LOCAL dim3 blockDim;
CMTL_SIMT_THREAD_LOCAL dim3 gridDim;
inline constexpr int warpSize = 32;
}  // namespace on_simt

namespace simt {

CMTL_SIMT_THREAD_LOCAL unsigned char* dynamic_shared;  // of the block that this OS thread runs
CMTL_SIMT_THREAD_LOCAL unsigned thread_rank;           // threadIdx as one number, x fastest

constexpr unsigned kWarp = 32;
constexpr unsigned kExchangeBytes = 128;  // the most that a lane shows in a collective

// What the lanes of a warp brought to a collective.
struct Meeting {
    unsigned mask, arrived, stride;
    unsigned votes;  // a bit for each lane whose predicate held
    alignas(64) unsigned char slots[kWarp * kExchangeBytes];
};

// The same as the lane that reads it sees it. Valid until that lane's next collective.
class Slots {
  public:
    explicit Slots(const Meeting* meeting) : meeting_(meeting) {}
    // Lanes that took part: those of the mask that exist and have not returned.
    unsigned lanes() const { return meeting_->arrived; }
    bool has(unsigned lane) const { return lanes() >> (lane & 31) & 1; }
    const unsigned char* operator[](unsigned lane) const { return meeting_->slots + meeting_->stride * lane; }
    // The value of `lane`; bits of 1 (NaN, -1) where it took no part, which CUDA leaves undefined.
    template <class T>
    T get(unsigned lane) const {
        T value;
        if (has(lane))
            std::memcpy(&value, (*this)[lane], sizeof value);
        else
            std::memset(&value, 0xFF, sizeof value);
        return value;
    }

  private:
    const Meeting* meeting_;
};

enum class BarrierVote { none, any, all, count };
struct BarrierRequest {
    const char* file;
    unsigned line;
    BarrierVote vote;
    int predicate;
};
struct ExchangeRequest {
    const char* file;
    unsigned line, mask, bytes;
    unsigned vote;  // 0 or 1
    const void* in;
    const char* what;
    const Meeting* meeting;  // the answer
};

// Calls arrive(request, where this thread stands), which says where to go on: here or in another thread, and then here later. It is
// called from the kernel's own code, so that only one jump, to a place that the processor has just seen, leads back there.
extern "C" void cmtl_simt_wait(void* (*arrive)(void* request, void* here), void* request);
void* arrive_at_barrier(void* request, void* here);
void* arrive_at_exchange(void* request, void* here);
int barrier_result();  // of the vote at the thread's last barrier

// All lanes named by `mask` meet and show each other `bytes` (up to 128) of theirs. `what` is a literal that names the operation
// in messages; lanes that meet must have come with the same one.
__attribute__((always_inline)) inline Slots warp_exchange(unsigned mask, const void* in, unsigned bytes, const char* what = "warp_exchange",
                                                          const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    ExchangeRequest request{file, line, mask, bytes, 0, in, what, nullptr};
    cmtl_simt_wait(arrive_at_exchange, &request);
    return Slots(request.meeting);
}
__attribute__((always_inline)) inline const Meeting& warp_vote(unsigned mask, int predicate, const char* what, const char* file, unsigned line) {
    ExchangeRequest request{file, line, mask, 0, predicate != 0, nullptr, what, nullptr};
    cmtl_simt_wait(arrive_at_exchange, &request);
    return *request.meeting;
}
__attribute__((always_inline)) inline int barrier(BarrierVote vote, int predicate, const char* file, unsigned line) {
    BarrierRequest request{file, line, vote, predicate};
    cmtl_simt_wait(arrive_at_barrier, &request);
    return vote == BarrierVote::none ? 0 : barrier_result();
}

// cp.async: the copy is made when the thread waits for it, and until then its target reads as bits of 1. Bytes from `source_bytes`
// on become 0. A thread that returns with copies not waited for is an error.
void async_copy(void* shared, const void* global, unsigned bytes, unsigned source_bytes);
inline void async_copy(void* shared, const void* global, unsigned bytes) { async_copy(shared, global, bytes, bytes); }
void async_commit();              // copies since the last commit become a group
void async_wait(int groups);      // until at most this many of the last groups are pending
void async_wait_all();            // until none is, committed or not

// Ends the launch with an error that names kernel, block and thread: for what a GPU answers with a fault.
[[noreturn]] void fault(const char* message, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE());

inline unsigned lane() { return thread_rank & 31; }

// Which lane a shuffle reads, as PTX's shfl.sync computes it.
inline unsigned shuffle_up(unsigned lane, unsigned delta, int width) {
    const unsigned first = lane & ~static_cast<unsigned>(width - 1);
    delta &= 31;
    return lane >= first + delta ? lane - delta : lane;
}
inline unsigned shuffle_down(unsigned lane, unsigned delta, int width) {
    const unsigned last = lane | static_cast<unsigned>(width - 1);
    delta &= 31;
    return lane + delta <= last ? lane + delta : lane;
}
inline unsigned shuffle_xor(unsigned lane, unsigned bits, int width) {
    const unsigned last = lane | static_cast<unsigned>(width - 1), other = lane ^ (bits & 31);
    return other <= last ? other : lane;
}
inline unsigned shuffle_index(unsigned lane, int source, int width) {
    const unsigned in_segment = static_cast<unsigned>(width - 1);
    return (lane & ~in_segment) | (static_cast<unsigned>(source) & in_segment);
}
[[noreturn]] void bad_width(int width, const char* file, unsigned line);
inline void check_width(int width, const char* file, unsigned line) {
    if (width < 1 || width > 32 || (width & (width - 1))) [[unlikely]]
        bad_width(width, file, line);
}

}  // namespace simt

inline namespace on_simt {

// The hidden arguments say where the caller stands: barriers compare it, messages show it.
#define CMTL_SIMT_HERE const char *file = __builtin_FILE(), unsigned line = __builtin_LINE()
#define CMTL_SIMT_INLINE __attribute__((always_inline)) inline

CMTL_SIMT_INLINE void __syncthreads(CMTL_SIMT_HERE) { simt::barrier(simt::BarrierVote::none, 0, file, line); }
CMTL_SIMT_INLINE int __syncthreads_or(int p, CMTL_SIMT_HERE) { return simt::barrier(simt::BarrierVote::any, p, file, line); }
CMTL_SIMT_INLINE int __syncthreads_and(int p, CMTL_SIMT_HERE) { return simt::barrier(simt::BarrierVote::all, p, file, line); }
CMTL_SIMT_INLINE int __syncthreads_count(int p, CMTL_SIMT_HERE) { return simt::barrier(simt::BarrierVote::count, p, file, line); }

CMTL_SIMT_INLINE void __syncwarp(unsigned mask = 0xFFFFFFFFu, CMTL_SIMT_HERE) { simt::warp_exchange(mask, nullptr, 0, "__syncwarp", file, line); }

template <class T>
concept SimtShuffled = std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);

template <SimtShuffled T>
CMTL_SIMT_INLINE T __shfl_sync(unsigned mask, T value, int source, int width = 32, CMTL_SIMT_HERE) {
    simt::check_width(width, file, line);
    return simt::warp_exchange(mask, &value, sizeof value, "__shfl_sync", file, line)
        .template get<T>(simt::shuffle_index(simt::lane(), source, width));
}
template <SimtShuffled T>
CMTL_SIMT_INLINE T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CMTL_SIMT_HERE) {
    simt::check_width(width, file, line);
    return simt::warp_exchange(mask, &value, sizeof value, "__shfl_up_sync", file, line)
        .template get<T>(simt::shuffle_up(simt::lane(), delta, width));
}
template <SimtShuffled T>
CMTL_SIMT_INLINE T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CMTL_SIMT_HERE) {
    simt::check_width(width, file, line);
    return simt::warp_exchange(mask, &value, sizeof value, "__shfl_down_sync", file, line)
        .template get<T>(simt::shuffle_down(simt::lane(), delta, width));
}
template <SimtShuffled T>
CMTL_SIMT_INLINE T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, CMTL_SIMT_HERE) {
    simt::check_width(width, file, line);
    return simt::warp_exchange(mask, &value, sizeof value, "__shfl_xor_sync", file, line)
        .template get<T>(simt::shuffle_xor(simt::lane(), static_cast<unsigned>(bits), width));
}

CMTL_SIMT_INLINE unsigned __ballot_sync(unsigned mask, int predicate, CMTL_SIMT_HERE) {
    return simt::warp_vote(mask, predicate, "__ballot_sync", file, line).votes;
}
CMTL_SIMT_INLINE int __any_sync(unsigned mask, int predicate, CMTL_SIMT_HERE) {
    return simt::warp_vote(mask, predicate, "__any_sync", file, line).votes != 0;
}
CMTL_SIMT_INLINE int __all_sync(unsigned mask, int predicate, CMTL_SIMT_HERE) {
    const simt::Meeting& all = simt::warp_vote(mask, predicate, "__all_sync", file, line);
    return all.votes == all.arrived;
}

#undef CMTL_SIMT_HERE
#undef CMTL_SIMT_INLINE

inline void __trap() { simt::fault("__trap()"); }

}  // namespace on_simt
}  // namespace cmtl::kernels
