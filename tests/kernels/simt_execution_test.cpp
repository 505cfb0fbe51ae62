// Threads, barriers, warp collectives and atomics of simt mean what CUDA says they mean.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/dialect.hpp"
#include "kernels/simt_test.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void indices_kernel(unsigned* out) {
    const unsigned rank = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + rank] += block * 10000 + rank + 1;
}

// Reverses 256 numbers through static, then through dynamic shared memory.
__global__ void reverse_kernel(const float* x, float* y) {
    __shared__ float tile[256];
    CMTL_DYNAMIC_SHARED(float, second);
    const unsigned i = threadIdx.x, n = blockDim.x;
    tile[i] = x[blockIdx.x * n + i];
    __syncthreads();
    second[i] = tile[n - 1 - i] + 1;
    __syncthreads();
    y[blockIdx.x * n + i] = second[(i + 1) % n];
}

// A running sum over all threads of the block, one barrier each step.
__global__ void scan_kernel(const int* x, int* y) {
    __shared__ int values[2][1024];
    int from = 0;
    values[0][threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    for (unsigned d = 1; d < blockDim.x; d *= 2) {
        const int before = threadIdx.x >= d ? values[from][threadIdx.x - d] : 0;
        values[from ^ 1][threadIdx.x] = values[from][threadIdx.x] + before;
        from ^= 1;
        __syncthreads();
    }
    y[threadIdx.x] = values[from][threadIdx.x];
}

__global__ void votes_kernel(int* out) {
    const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
    for (int round = 0; round < 2; round++) {
        int* mine = out + (round * n + t) * 6;
        mine[0] = __syncthreads_count(t % 3 == round);
        mine[1] = __syncthreads_or(t == 5);
        mine[2] = __syncthreads_or(0);
        mine[3] = __syncthreads_and(t >= 0);
        mine[4] = __syncthreads_and(t != 7);
        mine[5] = __syncthreads_count(1);
    }
}

__global__ void shuffle_kernel(int width, int amount, int* out) {
    const int value = static_cast<int>(threadIdx.x) * 100;
    int* mine = out + threadIdx.x * 4;
    mine[0] = __shfl_sync(0xFFFFFFFFu, value, amount, width);
    mine[1] = __shfl_up_sync(0xFFFFFFFFu, value, static_cast<unsigned>(amount), width);
    mine[2] = __shfl_down_sync(0xFFFFFFFFu, value, static_cast<unsigned>(amount), width);
    mine[3] = __shfl_xor_sync(0xFFFFFFFFu, value, amount, width);
}

__global__ void wide_shuffle_kernel(double* d, long long* l, float* f) {
    const unsigned t = threadIdx.x;
    d[t] = __shfl_xor_sync(0xFFFFFFFFu, 0.1 * t, 3);
    l[t] = __shfl_down_sync(0xFFFFFFFFu, (1ll << 40) + t, 1);
    f[t] = __shfl_sync(0xFFFFFFFFu, 0.5f * static_cast<float>(t), 31);
}

// Three groups of lanes, each in loops of different length, meet among themselves only, then all together.
__global__ void groups_kernel(int* out) {
    const unsigned lane = threadIdx.x % 32;
    const unsigned mask = lane < 5 ? 0x1Fu : lane < 20 ? 0xFFFE0u : 0xFFF00000u;
    int sum = 0;
    for (unsigned i = 0; i < (lane < 5 ? 7u : lane < 20 ? 3u : 1u); i++)
        sum += __popc(__ballot_sync(mask, lane % 2 == i % 2));
    out[threadIdx.x] = sum * 1000 + __popc(__ballot_sync(0xFFFFFFFFu, sum > 0));
}

// A pair runs ahead with a mask of its own while other lanes have not read what it showed before.
__global__ void ahead_kernel(int* out) {
    const int lane = static_cast<int>(threadIdx.x);
    int value = __shfl_sync(0xFFFFFFFFu, lane + 1, 0);
    if (lane < 2)
        for (int i = 0; i < 5; i++) value += __shfl_xor_sync(0x3u, 1000 * (i + 1), 1);
    out[lane] = value + __shfl_sync(0xFFFFFFFFu, value, 1);
}

// Lanes return one after another; those that stay go on voting.
__global__ void leaving_kernel(unsigned* out) {
    const unsigned lane = threadIdx.x;
    for (unsigned i = 0; i < lane; i++) out[lane] = __ballot_sync(0xFFFFFFFFu, 1);
}

// The block's last warp is not full.
__global__ void partial_kernel(unsigned* votes, int* next) {
    votes[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, 1);
    next[threadIdx.x] = __shfl_down_sync(0xFFFFFFFFu, static_cast<int>(threadIdx.x), 1);
    if (!__all_sync(0xFFFFFFFFu, 1) || __any_sync(0xFFFFFFFFu, 0)) votes[threadIdx.x] = 0;
}

__global__ void any_order_kernel(int* out) {
    // The last lane comes first: the others wait for it through shared memory and a warp barrier.
    __shared__ int order[32];
    order[threadIdx.x] = static_cast<int>(threadIdx.x) * 3;
    __syncwarp();
    out[threadIdx.x] = order[31 - threadIdx.x];
}

template <class T>
__global__ void atomics_kernel(T* cells) {
    const T t = static_cast<T>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&cells[0], t);
    atomicMin(&cells[1], t);
    atomicMax(&cells[2], t);
    atomicOr(&cells[3], t);
    atomicAnd(&cells[4], t);
    atomicXor(&cells[5], t);
    atomicAdd(&cells[6], atomicExch(&cells[7], t));
    T old = cells[8], seen;
    while ((seen = atomicCAS(&cells[8], old, old + 1)) != old) old = seen;
}
template <class T>
__global__ void float_atomics_kernel(T* cells) {
    atomicAdd(&cells[0], T{1});
    atomicAdd(&cells[1 + threadIdx.x % 3], static_cast<T>(threadIdx.x));
}

}  // namespace CMTL_TARGET

namespace {

class SimtExecution : public testing::TestWithParam<uint64_t> {
  protected:
    SimtDevice device{{.workers = 2, .order_seed = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(InOrderAndShuffled, SimtExecution, testing::Values(0, 1, 2, 17),
                         testing::PrintToStringParamName());

TEST_P(SimtExecution, EveryThreadRunsOnceWithItsIndices) {
    for (const auto& [grid, block] : {std::pair{dim3(3, 4, 5), dim3(8, 3, 2)},
                                      {dim3(1), dim3(1)},
                                      {dim3(2), dim3(1024)},
                                      {dim3(1, 1, 7), dim3(1, 5, 64)}}) {
        const size_t per_block = block.x * block.y * block.z, blocks = grid.x * grid.y * grid.z;
        auto out = device.buffer(std::vector<unsigned>(per_block * blocks, 0));
        launch({"indices", grid, block, 0, device.stream}, indices_kernel, out.data());
        const auto values = out.host();
        for (size_t i = 0; i < values.size(); i++) ASSERT_EQ(values[i], i / per_block * 10000 + i % per_block + 1) << i;
    }
}

TEST_P(SimtExecution, SharedMemoryStaticAndDynamic) {
    std::vector<float> x(256 * 9);
    std::iota(x.begin(), x.end(), 0.0f);
    const auto in = device.buffer(x);
    const auto out = device.buffer(std::vector<float>(x.size()));
    launch({"reverse", 9, 256, 256 * sizeof(float), device.stream}, reverse_kernel, in.data(), out.data());
    const auto y = out.host();
    for (size_t i = 0; i < y.size(); i++)
        ASSERT_EQ(y[i], static_cast<float>(i / 256 * 256 + 255 - (i % 256 + 1) % 256 + 1));
}

TEST_P(SimtExecution, ScanThroughBarriers) {
    for (unsigned n : {1u, 2u, 31u, 33u, 100u, 1024u}) {
        std::vector<int> x(n);
        std::iota(x.begin(), x.end(), 1);
        const auto in = device.buffer(x), out = device.buffer(std::vector<int>(n));
        for (int twice = 0; twice < 2; twice++) {
            launch({"scan", 1, n, 0, device.stream}, scan_kernel, in.data(), out.data());
            const auto y = out.host();
            for (unsigned i = 0; i < n; i++) ASSERT_EQ(y[i], static_cast<int>((i + 1) * (i + 2) / 2));
        }
    }
}

TEST_P(SimtExecution, BarriersThatVote) {
    const int n = 70;
    const auto out = device.buffer(std::vector<int>(n * 2 * 6));
    launch({"votes", 1, n, 0, device.stream}, votes_kernel, out.data());
    const auto votes = out.host();
    for (int i = 0; i < n * 2; i++) {
        const int expected[] = {i < n ? 24 : 23, 1, 0, 1, 0, n};
        for (int k = 0; k < 6; k++) ASSERT_EQ(votes[i * 6 + k], expected[k]) << i << ' ' << k;
    }
}

TEST_P(SimtExecution, ShufflesOfEveryWidth) {
    for (int width : {1, 2, 4, 8, 16, 32})
        for (int amount = 0; amount <= 33; amount++) {
            const auto out = device.buffer(std::vector<int>(64 * 4));
            launch({"shuffle", 1, 64, 0, device.stream}, shuffle_kernel, width, amount, out.data());
            const auto got = out.host();
            for (int t = 0; t < 64; t++) {
                // CUDA C++ Programming Guide, "Warp shuffle functions".
                const int lane = t % 32, warp = t - lane, segment = lane / width * width, in = lane % width,
                          by = amount % 32;
                const int index = warp + segment + amount % width;
                const int up = in - by >= 0 ? t - by : t;
                const int down = in + by < width ? t + by : t;
                const int other = lane ^ by, exchanged = other < segment + width ? warp + other : t;
                ASSERT_EQ(got[t * 4 + 0], index * 100) << width << ' ' << amount << ' ' << t;
                ASSERT_EQ(got[t * 4 + 1], up * 100) << width << ' ' << amount << ' ' << t;
                ASSERT_EQ(got[t * 4 + 2], down * 100) << width << ' ' << amount << ' ' << t;
                ASSERT_EQ(got[t * 4 + 3], exchanged * 100) << width << ' ' << amount << ' ' << t;
            }
        }
}

TEST_P(SimtExecution, ShufflesOfEightBytes) {
    const auto d = device.buffer(std::vector<double>(32));
    const auto l = device.buffer(std::vector<long long>(32));
    const auto f = device.buffer(std::vector<float>(32));
    launch({"wide_shuffle", 1, 32, 0, device.stream}, wide_shuffle_kernel, d.data(), l.data(), f.data());
    for (unsigned t = 0; t < 32; t++) {
        EXPECT_EQ(d.host()[t], 0.1 * (t ^ 3));
        EXPECT_EQ(l.host()[t], (1ll << 40) + (t < 31 ? t + 1 : t));
        EXPECT_EQ(f.host()[t], 15.5f);
    }
}

TEST_P(SimtExecution, DisjointMasksInFlight) {
    const auto out = device.buffer(std::vector<int>(96));
    launch({"groups", 1, 96, 0, device.stream}, groups_kernel, out.data());
    const auto got = out.host();
    for (unsigned t = 0; t < 96; t++) {
        const unsigned lane = t % 32;
        // lanes 0-4: 3 even, 2 odd, seven rounds; lanes 5-19: 7 even, 8 odd, three rounds; lanes 20-31: 6 even, one
        // round
        const int sum = lane < 5 ? 4 * 3 + 3 * 2 : lane < 20 ? 7 + 8 + 7 : 6;
        ASSERT_EQ(got[t], sum * 1000 + 32) << t;
    }
}

TEST_P(SimtExecution, APairThatRunsAheadOverwritesNothing) {
    const auto out = device.buffer(std::vector<int>(32));
    for (int twice = 0; twice < 2; twice++) {
        launch({"ahead", 1, 32, 0, device.stream}, ahead_kernel, out.data());
        const auto got = out.host();
        for (int t = 0; t < 32; t++) ASSERT_EQ(got[t], t < 2 ? 2 * 15001 : 15002) << t;
    }
}

TEST_P(SimtExecution, LanesThatReturnedAreNotWaitedFor) {
    const auto out = device.buffer(std::vector<unsigned>(32, 77));
    launch({"leaving", 1, 32, 0, device.stream}, leaving_kernel, out.data());
    const auto got = out.host();
    EXPECT_EQ(got[0], 77u);
    for (unsigned t = 1; t < 32; t++) EXPECT_EQ(got[t], ~0u << t) << t;
}

TEST_P(SimtExecution, WarpsThatAreNotFull) {
    for (unsigned n : {1u, 20u, 33u, 63u}) {
        const auto votes = device.buffer(std::vector<unsigned>(n));
        const auto next = device.buffer(std::vector<int>(n));
        launch({"partial", 2, n, 0, device.stream}, partial_kernel, votes.data(), next.data());
        const auto v = votes.host();
        const auto s = next.host();
        for (unsigned t = 0; t < n; t++) {
            const unsigned lanes = n - t / 32 * 32 >= 32 ? 32 : n - t / 32 * 32;
            EXPECT_EQ(v[t], lanes == 32 ? ~0u : (1u << lanes) - 1);
            const int expected = t % 32 == 31 ? static_cast<int>(t) : t + 1 < n ? static_cast<int>(t) + 1 : -1;
            EXPECT_EQ(s[t], expected) << t;  // a lane that is not there reads as bits of 1
        }
    }
}

TEST_P(SimtExecution, WarpBarriers) {
    const auto out = device.buffer(std::vector<int>(32));
    launch({"any_order", 1, 32, 0, device.stream}, any_order_kernel, out.data());
    for (int t = 0; t < 32; t++) EXPECT_EQ(out.host()[t], (31 - t) * 3);
}

template <class T>
void check_atomics(SimtDevice& device) {
    const unsigned n = 50 * 100;
    std::vector<T> start = {0, 1000, 0, 0, static_cast<T>(~T{0}), 0, 0, 0, 0};
    const auto cells = device.buffer(start);
    launch({"atomics", 50, 100, 0, device.stream}, atomics_kernel<T>, cells.data());
    const auto got = cells.host();
    const T sum = static_cast<T>(static_cast<uint64_t>(n) * (n - 1) / 2);
    T all_or = 0, all_xor = 0;
    for (unsigned i = 0; i < n; i++)
        all_or = static_cast<T>(all_or | static_cast<T>(i)), all_xor = static_cast<T>(all_xor ^ static_cast<T>(i));
    EXPECT_EQ(got[0], sum);
    EXPECT_EQ(got[1], T{0});
    EXPECT_EQ(got[2], T(n - 1));
    EXPECT_EQ(got[3], all_or);
    EXPECT_EQ(got[4], T{0});
    EXPECT_EQ(got[5], all_xor);
    EXPECT_EQ(static_cast<T>(got[6] + got[7]), sum);  // every value but the last was exchanged out
    EXPECT_EQ(got[8], T(n));
}

TEST_P(SimtExecution, Atomics) {
    check_atomics<int>(device);
    check_atomics<unsigned>(device);
    check_atomics<unsigned long long>(device);
    const auto f = device.buffer(std::vector<float>(4, 0));
    launch({"float_atomics", 64, 96, 0, device.stream}, float_atomics_kernel<float>, f.data());
    EXPECT_EQ(f.host()[0], 64.0f * 96);
    EXPECT_EQ(f.host()[1], 64.0f * (93 * 32 / 2));
    const auto d = device.buffer(std::vector<double>(4, 0));
    launch({"float_atomics", 64, 96, 0, device.stream}, float_atomics_kernel<double>, d.data());
    EXPECT_EQ(d.host()[3], 64.0 * (93 * 32 / 2 + 64));
}

}  // namespace
}  // namespace cmtl::kernels
