// Kernels with a planted bug each: simt must catch it and say where it is.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "kernels/dialect.hpp"
#include "kernels/simt_test.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void fine_kernel(int* out) {
    __shared__ int sum;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    atomicAdd(&sum, 1);
    __syncthreads();
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void two_barriers_kernel(bool bug) {
    if (bug && threadIdx.x >= 40)
        __syncthreads();
    else
        __syncthreads();
}
__global__ void early_return_kernel(unsigned from) {
    if (threadIdx.x >= from) return;
    __syncthreads();
}
__global__ void barrier_one_short_kernel(int* out) {
    for (unsigned i = 0; i < (threadIdx.x == 33 ? 2u : 3u); i++) __syncthreads();
    out[threadIdx.x] = 1;
}
__global__ void missing_lane_kernel(int* out) {
    if (threadIdx.x != 9) out[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, 1, 0);
    __syncthreads();
}
__global__ void wrong_mask_kernel(unsigned* out) { out[threadIdx.x] = __ballot_sync(0xFFFFu, 1); }
__global__ void two_operations_kernel(int* out) {
    out[threadIdx.x] = threadIdx.x % 2 ? __any_sync(0xFFFFFFFFu, 1) : __all_sync(0xFFFFFFFFu, 1);
}
__global__ void two_sizes_kernel(double* out) {
    out[threadIdx.x] = threadIdx.x % 2 ? __shfl_sync(0xFFFFFFFFu, 1.0f, 0) : __shfl_sync(0xFFFFFFFFu, 1.0, 0);
}
__global__ void crossed_masks_kernel() {
    if (threadIdx.x == 0)
        __syncwarp(0x3u);
    else if (threadIdx.x == 1)
        __syncwarp(0x6u);
    else
        __syncwarp(0x5u);
}
__global__ void bad_width_kernel(int* out) { out[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, 1, 0, 12); }
__global__ void unwritten_dynamic_kernel(float* out) {
    CMTL_DYNAMIC_SHARED(float, tile);
    if (threadIdx.x != 5) tile[threadIdx.x] = 1;
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = tile[threadIdx.x];
}
__global__ void unwritten_static_kernel(float* out) {
    __shared__ float tile[64];
    if (threadIdx.x != 5) tile[threadIdx.x] = 1;
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = tile[threadIdx.x];
}
__global__ void static_and_dynamic_kernel(float* out) {
    __shared__ float tile[4096];
    CMTL_DYNAMIC_SHARED(float, more);
    tile[threadIdx.x] = more[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void async_kernel(const float* x, float* y, int wait_for, int commits) {
    CMTL_DYNAMIC_SHARED(float, tile);
    const unsigned t = threadIdx.x;
    for (int stage = 0; stage < 2; stage++) {
        simt::async_copy(tile + (static_cast<unsigned>(stage) * 32 + t) * 4,
                         x + (static_cast<unsigned>(stage) * 32 + t) * 4, 16, t == 3 ? 8 : 16);
        if (stage < commits) simt::async_commit();
    }
    if (wait_for >= 0) simt::async_wait(wait_for);
    __syncthreads();
    for (unsigned i = 0; i < 8; i++) y[t * 8 + i] = tile[t * 8 + i];
    __syncthreads();
    if (wait_for >= -1) simt::async_wait_all();
}
__global__ void stale_copy_kernel(const float* x, float* y) {
    CMTL_DYNAMIC_SHARED(float, tile);
    for (int i = 0; i < 4; i++) tile[i] = 7;  // of the stage before
    simt::async_copy(tile, x, 16);
    simt::async_commit();
    for (int i = 0; i < 4; i++) y[i] = tile[i];
    simt::async_wait(0);
    for (int i = 0; i < 4; i++) y[4 + i] = tile[i];
}
__global__ void misaligned_copy_kernel(const float* x) {
    CMTL_DYNAMIC_SHARED(float, tile);
    simt::async_copy(tile, x + 1, 16);
}
__global__ void trap_kernel(int at) {
    if (static_cast<int>(blockIdx.x) == at && threadIdx.x == 3) __trap();
}
__global__ void throwing_kernel() { throw std::runtime_error("not of this world"); }
__global__ void order_kernel(unsigned* out) {  // a bug that only shows where threads start in another order
    __shared__ unsigned last;
    last = threadIdx.x;
    __syncthreads();
    if (threadIdx.x == 0) out[blockIdx.x] = last;
}
__global__ void sequence_kernel(int* before, int* after) {
    __shared__ int count[2];
    if (threadIdx.x == 0) count[0] = count[1] = 0;
    __syncthreads();
    before[threadIdx.x] = atomicAdd(&count[0], 1);
    __syncthreads();
    after[threadIdx.x] = atomicAdd(&count[1], 1);
}
__global__ void block_order_kernel(unsigned* out) { out[0] = blockIdx.x; }
__device__ int deep(int depth) {
    volatile char frame[20000];
    frame[depth * 977 % 20000] = static_cast<char>(depth);
    const int below = depth > 0 ? deep(depth - 1) : 0;
    return below + frame[depth * 977 % 20000];
}
// Thread 0 waits on the stack below that of thread 1, which goes deep and then ends the process as if all were well.
__global__ void deep_kernel(int* out, int depth, bool end) {
    if (threadIdx.x > 0) {
        out[threadIdx.x] = deep(depth);
        if (end) std::_Exit(0);
    }
    __syncthreads();
}
__global__ void shared_overrun_kernel() {
    CMTL_DYNAMIC_SHARED(volatile float, tile);
    tile[threadIdx.x + 32] = 1;
}
__global__ void overrun_kernel(volatile float* x, int count) { x[count + static_cast<int>(threadIdx.x)] = 1; }
__global__ void launching_kernel(Launch inner, int* out) { launch(inner, fine_kernel, out); }

}  // namespace CMTL_TARGET

namespace {

using testing::Test;

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

struct SimtChecks : Test {
    SimtDevice device{{.workers = 2}};
    SimtBuffer<int> out = device.buffer(std::vector<int>(1024));

    // After a failure the device runs the next kernel as if nothing had been.
    void expect_still_works() {
        for (int twice = 0; twice < 2; twice++) {
            launch({"fine", 64, 96, 0, device.stream}, fine_kernel, out.data());
            for (int i = 0; i < 64; i++) ASSERT_EQ(out.host()[i], 96);
        }
    }
};

TEST_F(SimtChecks, DivergentBarriers) {
    launch({"two_barriers", 4, 64, 0, device.stream}, two_barriers_kernel, false);
    const auto message = message_of([&] {
        launch({"two_barriers", 1, 64, 0, device.stream}, two_barriers_kernel, true);
    });
    EXPECT_SAYS(message, "kernel two_barriers, block (0,0,0), thread (40,0,0)");
    EXPECT_SAYS(message, "divergent barriers: it is at simt_checks_test.cpp:");
    EXPECT_SAYS(message, "thread (0,0,0) waits at simt_checks_test.cpp:");
    expect_still_works();
}

TEST_F(SimtChecks, ReturnBeforeABarrier) {
    const auto message = message_of([&] {
        launch({"early_return", 1, dim3(8, 8), 0, device.stream}, early_return_kernel, 5);
    });
    EXPECT_SAYS(message,
                "kernel early_return, block (0,0,0), thread (5,0,0): returned while thread (0,0,0) waits at the "
                "barrier at simt_checks");
    // Here those that return do so before anybody waits.
    SimtDevice shuffled({.workers = 1, .order_seed = 3});
    const auto other = message_of([&] { launch({"early_return", 1, 64, 0, shuffled.stream}, early_return_kernel, 2); });
    EXPECT_SAYS(other, "kernel early_return, block (0,0,0), thread (");
    expect_still_works();
}

TEST_F(SimtChecks, OneBarrierTooFew) {
    const auto message = message_of([&] {
        launch({"barrier_one_short", 1, 64, 0, device.stream}, barrier_one_short_kernel, out.data());
    });
    EXPECT_SAYS(message, "thread (33,0,0): returned while thread");
    expect_still_works();
}

TEST_F(SimtChecks, LaneMissingFromACollective) {
    const auto message = message_of([&] {
        launch({"missing_lane", 3, 64, 0, device.stream}, missing_lane_kernel, out.data());
    });
    EXPECT_SAYS(message, "kernel missing_lane, block (");
    EXPECT_SAYS(message, "deadlock; ");
    EXPECT_SAYS(message, "33 of 64 threads wait at the barrier at simt_checks_test.cpp");
    EXPECT_SAYS(message, "warp 0: lanes 0xfffffdff of mask 0xffffffff wait in __shfl_sync at simt_checks_test.cpp");
    EXPECT_SAYS(message, "missing 0x200");
    expect_still_works();
}

TEST_F(SimtChecks, MasksThatCross) {
    const auto message = message_of([&] { launch({"crossed_masks", 1, 3, 0, device.stream}, crossed_masks_kernel); });
    EXPECT_SAYS(message, "deadlock; warp 0: lanes 0x1 of mask 0x3 wait in __syncwarp");
    EXPECT_SAYS(message, "lanes 0x2 of mask 0x6 wait in __syncwarp");
    expect_still_works();
}

TEST_F(SimtChecks, CallerNotInItsMask) {
    const auto votes = device.buffer(std::vector<unsigned>(32));
    const auto message = message_of([&] {
        launch({"wrong_mask", 1, 32, 0, device.stream}, wrong_mask_kernel, votes.data());
    });
    EXPECT_SAYS(message, "kernel wrong_mask, block (0,0,0), thread (16,0,0): __ballot_sync at simt_checks_test.cpp");
    EXPECT_SAYS(message, "lane 16 is not in its own mask 0xffff");
}

TEST_F(SimtChecks, LanesAtDifferentOperations) {
    const auto message = message_of([&] {
        launch({"two_operations", 1, 32, 0, device.stream}, two_operations_kernel, out.data());
    });
    EXPECT_SAYS(message, "thread (1,0,0): came to __any_sync");
    EXPECT_SAYS(message, "where other lanes of the mask wait in __all_sync");
    const auto numbers = device.buffer(std::vector<double>(32));
    const auto sizes = message_of([&] {
        launch({"two_sizes", 1, 32, 0, device.stream}, two_sizes_kernel, numbers.data());
    });
    EXPECT_SAYS(sizes, "with 4 bytes, other lanes of mask 0xffffffff with 8");
    const auto width = message_of([&] {
        launch({"bad_width", 1, 32, 0, device.stream}, bad_width_kernel, out.data());
    });
    EXPECT_SAYS(width, "of width 12");
    expect_still_works();
}

TEST_F(SimtChecks, UnwrittenSharedMemoryIsNotANumber) {
    for (const bool dynamic : {true, false}) {
#if defined(__SANITIZE_ADDRESS__)
        if (!dynamic) continue;  // redzones instead
#endif
        const auto y = device.buffer(std::vector<float>(20 * 64));
        for (int twice = 0; twice < 2; twice++) {
            launch({"unwritten", 20, 64, dynamic ? 64 * sizeof(float) : 0, device.stream},
                   dynamic ? unwritten_dynamic_kernel : unwritten_static_kernel, y.data());
            const auto values = y.host();
            for (size_t i = 0; i < values.size(); i++)
                ASSERT_EQ(std::isnan(values[i]), i % 64 == 5) << dynamic << ' ' << i;
        }
    }
}

TEST_F(SimtChecks, CopiesArriveWhenTheyAreWaitedFor) {
    std::vector<float> numbers(256);
    for (size_t i = 0; i < numbers.size(); i++) numbers[i] = static_cast<float>(i + 1);
    const auto x = device.buffer(numbers), y = device.buffer(std::vector<float>(256));
    const auto run = [&](int wait_for, int commits) {
        launch({"async", 1, 32, 256 * sizeof(float), device.stream}, async_kernel, x.data(), y.data(), wait_for,
               commits);
        return y.host();
    };
    const auto right = [&](size_t i) {
        return i / 4 % 32 == 3 && i % 4 >= 2 ? 0.0f : numbers[i];
    };  // thread 3 fills up with zeros
    const auto all = run(0, 2);
    for (size_t i = 0; i < 256; i++) ASSERT_EQ(all[i], right(i)) << i;
    const auto first = run(1, 2), never = run(-1, 2), uncommitted = run(0, 1);
    for (size_t i = 0; i < 256; i++) {
        if (i < 128) {
            ASSERT_EQ(first[i], right(i)) << i;
            ASSERT_EQ(uncommitted[i], right(i)) << i;
        } else {
            ASSERT_TRUE(std::isnan(first[i])) << i;
            ASSERT_TRUE(std::isnan(uncommitted[i])) << i;
        }
        ASSERT_TRUE(std::isnan(never[i])) << i;
    }
    const auto message = message_of([&] { run(-2, 2); });
    EXPECT_SAYS(
        message,
        "kernel async, block (0,0,0), thread (30,0,0): returned with 2 asynchronous copies that it did not wait for");
    launch({"stale_copy", 1, 1, 16, device.stream}, stale_copy_kernel, x.data(), y.data());
    const auto stale = y.host();
    for (size_t i = 0; i < 4; i++) {
        EXPECT_TRUE(std::isnan(stale[i])) << "what was there before must not be taken for the copy";
        EXPECT_EQ(stale[4 + i], numbers[i]);
    }
    const auto misaligned = message_of([&] {
        launch({"misaligned", 1, 1, 64, device.stream}, misaligned_copy_kernel, x.data());
    });
    EXPECT_SAYS(misaligned, "cp.async of 16 bytes (16 read)");
    expect_still_works();
    ASSERT_EQ(run(0, 2)[255], numbers[255]);
}

TEST_F(SimtChecks, TrapsAndExceptionsNameTheThread) {
    const auto trap = message_of([&] { launch({"trap", dim3(500), 32, 0, device.stream}, trap_kernel, 321); });
    EXPECT_SAYS(trap, "kernel trap, block (321,0,0), thread (3,0,0): __trap()");
    const auto thrown = message_of([&] { launch({"throwing", 1, 32, 0, device.stream}, throwing_kernel); });
    EXPECT_SAYS(thrown, "kernel throwing, block (0,0,0), thread (0,0,0): not of this world");
    expect_still_works();
}

TEST_F(SimtChecks, FailuresOfDeferredLaunchesComeOutAtTheWait) {
    SimtDevice later({.workers = 2, .deferred = true});
    launch({"trap", 5, 32, 0, later.stream}, trap_kernel, 4);
    const auto message = message_of([&] { later.runtime->synchronize(later.stream); });
    EXPECT_SAYS(message, "kernel trap, block (4,0,0), thread (3,0,0): __trap()");
    later.runtime->synchronize(later.stream);  // said once
}

TEST_F(SimtChecks, OrderOfThreadsAndBlocks) {
    std::vector<unsigned> zeros(50);
    const auto in_order = device.buffer(zeros);
    launch({"order", 50, 64, 0, device.stream}, order_kernel, in_order.data());
    for (unsigned last : in_order.host()) EXPECT_EQ(last, 63u);
    bool other_thread = false, other_block = false;
    for (uint64_t seed = 1; seed < 5; seed++) {
        SimtDevice shuffled({.workers = 1, .order_seed = seed});
        const auto cells = shuffled.buffer(zeros);
        launch({"order", 50, 64, 0, shuffled.stream}, order_kernel, cells.data());
        for (unsigned last : cells.host()) other_thread |= last != 63;
        launch({"block_order", 7, 1, 0, shuffled.stream}, block_order_kernel, cells.data());
        other_block |= cells.host()[0] != 6;
    }
    EXPECT_TRUE(other_thread);
    EXPECT_TRUE(other_block);
}

// With a seed, barriers shuffle the threads anew.
TEST_F(SimtChecks, OrderAfterABarrier) {
    for (const uint64_t seed : {0, 1, 2}) {
        SimtDevice each({.workers = 1, .order_seed = seed});
        const auto before = each.buffer(std::vector<int>(64)), after = each.buffer(std::vector<int>(64));
        launch({"sequence", 1, 64, 0, each.stream}, sequence_kernel, before.data(), after.data());
        const auto b = before.host(), a = after.host();
        int rotated = 0;
        for (size_t t = 0; t < 64; t++)
            rotated += a[t] == (b[t] + 1) % 64;  // who came last goes on, then who came first
        if (seed == 0)
            EXPECT_EQ(rotated, 64);
        else
            EXPECT_LT(rotated, 20) << seed;
    }
}

TEST_F(SimtChecks, LaunchesThatAGpuRefuses) {
    const auto refused = [&](dim3 grid, dim3 block, size_t shared, std::string_view why) {
        const auto message = message_of([&] {
            launch({"fine", grid, block, shared, device.stream}, fine_kernel, out.data());
        });
        EXPECT_SAYS(message, "kernel fine: ");
        EXPECT_SAYS(message, why);
    };
    refused(dim3(0), 32, 0, "the grid is empty (grid 0x1x1");
    refused(dim3(1, 0), 32, 0, "the grid is empty");
    refused(1, dim3(0), 0, "the block is empty");
    refused(dim3(1u << 31), 32, 0, "the grid is larger than 2147483647x65535x65535 (grid 2147483648x1x1");
    refused(dim3(1, 65536), 32, 0, "the grid is larger");
    refused(dim3(1, 1, 65536), 32, 0, "the grid is larger");
    refused(1, dim3(1025), 0, "the block is larger than 1024x1024x64");
    refused(1, dim3(1, 1, 65), 0, "the block is larger than 1024x1024x64");
    refused(1, dim3(64, 17), 0, "more than 1024 threads (grid 1x1x1, block 64x17x1");
    const auto inner = message_of([&] {
        launch({"launching", 1, 1, 0, device.stream}, launching_kernel, Launch{"inner", 1, 1, 0, device.stream},
               out.data());
    });
    EXPECT_SAYS(inner, "kernel launching, block (0,0,0), thread (0,0,0): [simt] kernel inner is launched by a kernel");
}

TEST_F(SimtChecks, SharedMemoryOfEachArchitecture) {
    for (const auto& [capability, kib] :
         {std::pair{75, 64}, {80, 163}, {86, 99}, {89, 99}, {90, 227}, {100, 227}, {120, 99}}) {
        SimtDevice each({.capability = capability, .workers = 1});
        EXPECT_EQ(each.runtime->properties().capability, capability);
        EXPECT_EQ(each.runtime->properties().shared_per_block, static_cast<size_t>(kib) << 10);
        const auto cells = each.buffer(std::vector<float>(64));
        const size_t most = each.runtime->properties().shared_per_block;
        launch({"unwritten_dynamic", 1, 64, most, each.stream}, unwritten_dynamic_kernel, cells.data());
        const auto message = message_of([&] {
            launch({"unwritten_dynamic", 1, 64, most + 1, each.stream}, unwritten_dynamic_kernel, cells.data());
        });
        EXPECT_SAYS(message, fmt::format("a block may have {} bytes of shared memory", most));
    }
#if !defined(__SANITIZE_ADDRESS__)
    // 16 KiB of static shared memory come on top.
    SimtDevice ampere({.capability = 80, .workers = 1});
    const auto cells = ampere.buffer(std::vector<float>(64));
    const auto run = [&](size_t dynamic) {
        launch({"static_and_dynamic", 1, 64, dynamic, ampere.stream}, static_and_dynamic_kernel, cells.data());
    };
    run(32 << 10);
    run(147 << 10);
    EXPECT_SAYS(
        message_of([&] { run((147 << 10) + 16); }),
        "kernel static_and_dynamic: 166928 bytes of shared memory, 150544 of them dynamic; a block may have 166912");
    EXPECT_SAYS(message_of([&] { run(40 << 10); }),
                "57344 bytes of shared memory, 40960 of them dynamic; a block may have 49152");
#endif
    EXPECT_SAYS(message_of([] { simt_runtime({.capability = 42}); }), "compute capability 42");
}

TEST_F(SimtChecks, ArgumentsPointToDeviceMemory) {
    int host = 0;
    const auto message = message_of([&] { launch({"fine", 1, 32, 0, device.stream}, fine_kernel, &host); });
    EXPECT_SAYS(message, "kernel fine: ");
    EXPECT_SAYS(message, "number 0 of its pointers, is neither device nor pinned memory");
    EXPECT_SAYS(message_of([&] {
                    launch({"fine", 1, 32, 0, nullptr}, fine_kernel, out.data());
                }),
                "is no stream of simt");
}

using SimtDeath = SimtChecks;
#if defined(__SANITIZE_ADDRESS__)
constexpr int kDeep = 14;  // 300 KB: more than the stack has there, less than two stacks
#else
constexpr int kDeep = 4;  // 100 KB
#endif

// Every overrun ends the process instead of writing into something else.
TEST_F(SimtDeath, StackOverflow) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    launch({"deep", 1, 64, 0, device.stream}, deep_kernel, out.data(), 1, false);
    EXPECT_DEATH(launch({"deep", 1, 64, 0, device.stream}, deep_kernel, out.data(), kDeep, true), "");
}
TEST_F(SimtDeath, DynamicSharedMemoryOverrun) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(launch({"shared_overrun", 1, 32, 32 * sizeof(float), device.stream}, shared_overrun_kernel), "");
}
TEST_F(SimtDeath, DeviceMemoryOverrun) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto x = device.buffer(std::vector<float>(64));  // 256 bytes: what an allocation is rounded up to
    EXPECT_DEATH(launch({"overrun", 1, 32, 0, device.stream}, overrun_kernel, x.data(), 64), "");
}
TEST_F(SimtDeath, ReleaseOfWhatIsNoMemory) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(device.runtime->release(reinterpret_cast<std::byte*>(out.data()) + 256),
                 "is released but is no device memory");
}

}  // namespace
}  // namespace cmtl::kernels
