// The instrumented build finds what is planted here, names it, and leaves correct kernels alone; its counters are
// exact.
#if defined(CMTL_SIMT_COUNTED)

#include "kernels/simt/instrument.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "kernels/dialect.hpp"
#include "kernels/ptx/cp_async.cuh"
#include "kernels/ptx/ldmatrix.cuh"
#include "kernels/ptx/mma.cuh"
#include "kernels/simt_test.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__global__ void neighbour_kernel(bool barrier, int* out) {
    __shared__ int s[64];
    s[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (barrier) __syncthreads();
    out[threadIdx.x] = s[threadIdx.x / 2];
}
// Twice through the same shared memory: without a barrier at the end of a round the next one overwrites what others
// still read.
__global__ void rounds_kernel(bool barrier, int* out) {
    CMTL_DYNAMIC_SHARED(int, s);
    int sum = 0;
    for (int round = 0; round < 2; round++) {
        s[threadIdx.x] = static_cast<int>(threadIdx.x) + round;
        __syncthreads();
        sum += s[(threadIdx.x + 1) % blockDim.x];
        if (barrier) __syncthreads();
    }
    out[threadIdx.x] = sum;
}
// All write the same number.
__global__ void same_value_kernel(int* out) {
    __shared__ int s;
    s = 1;
    __syncthreads();
    out[threadIdx.x] = s;
}
__global__ void warp_pass_kernel(int synchronise, int* out) {
    __shared__ int s[32];
    s[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (synchronise == 1) __syncwarp();
    if (synchronise == 2) __syncwarp(threadIdx.x < 16 ? 0xFFFFu : 0xFFFF0000u);  // halves among themselves
    if (synchronise == 3) __shfl_xor_sync(0xFFFFFFFFu, 1, 1);
    out[threadIdx.x] = s[threadIdx.x % 16];
}
// Lane 0 reads what lanes 1 to 3 wrote: it meets 1, which had met 2, which had met 3.
__global__ void chain_kernel(bool complete, int* out) {
    __shared__ int s[32];
    const unsigned t = threadIdx.x;
    s[t] = 1;
    if (t == 3 || t == 2) __syncwarp(0xCu);
    if (complete && (t == 2 || t == 1)) __syncwarp(0x6u);
    if (t == 1 || t == 0) __syncwarp(0x3u);
    if (t == 0) out[0] = s[3];
}
__global__ void count_kernel(bool atomic, int* out) {
    if (atomic)
        atomicAdd(out, 1);
    else
        *out += 1;
}
__global__ void halo_kernel(const int* in, int* out) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[(i + blockDim.x) % (gridDim.x * blockDim.x)] + 1;
}
__global__ void within_block_kernel(bool barrier, int* memory) {
    memory[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (barrier) __syncthreads();
    memory[64 + threadIdx.x] = memory[threadIdx.x ^ 63];
}
__global__ void mixed_atomic_kernel(int* counter, int* out) {
    if (threadIdx.x < 32)
        atomicAdd(counter, 1);
    else
        out[threadIdx.x] = *counter;
}
__global__ void atomic_load_kernel(bool plain, int* counter, int* out) {
    if (threadIdx.x < 32 && !plain)
        atomicAdd(counter, 1);
    else if (threadIdx.x == 0)
        *counter = 1;
    else if (threadIdx.x >= 32)
        out[blockIdx.x * 64 + threadIdx.x] = atomicLoad(counter);
}
__global__ void float_atomic_kernel(float* sum) { atomicAdd(sum, 0.5f); }
__global__ void bytes_kernel(uint8_t* out) { out[blockIdx.x * 3 + threadIdx.x] = 1; }
__global__ void unwritten_kernel(bool dynamic, int* out) {
    __shared__ int s[64];
    CMTL_DYNAMIC_SHARED(int, d);
    if (threadIdx.x != 5) s[threadIdx.x] = d[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = (dynamic ? d : s)[threadIdx.x];
}
__global__ void read_kernel(const int* in, int* out) { out[threadIdx.x] = in[threadIdx.x]; }
__global__ void beyond_kernel(int* out, unsigned offset) { out[threadIdx.x + offset] = 1; }
__global__ void beyond_shared_kernel(int* out) {
    CMTL_DYNAMIC_SHARED(int, s);
    s[threadIdx.x + 1] = 1;
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x + 1];
}
struct Holder {
    const int* pointer;
};
__global__ void host_kernel(Holder holder, int* out) { out[threadIdx.x] = holder.pointer[threadIdx.x]; }
__global__ void foreign_stack_kernel(int* out) {
    __shared__ int* s;
    int mine[4] = {1, 2, 3, static_cast<int>(threadIdx.x)};
    if (threadIdx.x == 0) s = mine;
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x % 4];
    __syncthreads();
}
// Two buffers filled in turn. faults: 1 no wait before reading, 2 no barrier after the wait, 3 no barrier before a
// buffer is refilled.
__global__ void copies_kernel(int fault, const float* in, float* out, int steps) {
    __shared__ __align__(16) float buffer[2][128];
    const auto fetch = [&](int step) {
        cp_async<16>(buffer[step % 2] + threadIdx.x * 4, in + step * 128 + threadIdx.x * 4);
        cp_async_commit();
    };
    fetch(0);
    float sum = 0;
    for (int step = 0; step < steps; step++) {
        if (step + 1 < steps) fetch(step + 1);
        if (fault != 1) {
            if (step + 1 < steps)
                cp_async_wait<1>();
            else
                cp_async_wait<0>();
        }
        if (fault != 2) __syncthreads();
        sum += buffer[step % 2][threadIdx.x + 4];
        if (fault != 3) __syncthreads();
    }
    out[threadIdx.x] = sum;
    cp_async_wait<0>();
}

// ---- for the counters ----

__global__ void copy_kernel(const float4* in, float4* out) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    const float4 v = in[i];
    out[i] = make_float4(v.x + 1, v.y, v.z, v.w);
}
__global__ void strided_kernel(const float* in, float* out, int stride, int offset) {
    out[threadIdx.x] = in[static_cast<int>(threadIdx.x) * stride + offset];
}
template <int width>
__global__ void transpose_kernel(const float* in, float* out) {
    __shared__ float tile[32][width];
    tile[threadIdx.y][threadIdx.x] = in[threadIdx.y * 32 + threadIdx.x];
    __syncthreads();
    out[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
template <class T>
__global__ void shared_vectors_kernel(T* out, int stride) {
    __shared__ T s[32 * 4];
    for (int i = 0; i < 4; i++) s[threadIdx.x + 32 * i] = T{};
    __syncwarp();
    out[threadIdx.x] = s[static_cast<int>(threadIdx.x) * stride % 128];
}
__global__ void histogram_kernel(const int* bins, int* out) {
    __shared__ int counts[32];
    counts[threadIdx.x] = 0;
    __syncthreads();
    atomicAdd(&counts[bins[threadIdx.x]], 1);
    __syncthreads();
    atomicAdd(&out[threadIdx.x], counts[threadIdx.x]);
}
__global__ void tensor_kernel(const uint4* in, float* out) {
    __shared__ __align__(16) uint4 s[32];
    s[threadIdx.x] = in[threadIdx.x];
    __syncwarp();
    uint32_t a[4], b[2];
    ldmatrix(a, s + threadIdx.x);
    ldmatrix(b, s + threadIdx.x % 16);
    float d[4] = {};
    mma_bf16(d, a, b);
    mma_tf32(d, a, b);
    for (int i = 0; i < 4; i++) out[threadIdx.x * 4 + static_cast<unsigned>(i)] = d[i];
}

}  // namespace CMTL_TARGET

namespace {

using simt::KernelCounters;

class Instrument : public testing::Test {
  protected:
    SimtDevice device;
    SimtBuffer<int> out = device.buffer(std::vector<int>(256, 0));

    template <class... Arguments>
    void run(dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
        simt::reset_counters();
        launch({"planted", grid, block, shared, device.stream}, arguments...);
        device.runtime->synchronize(device.stream);
    }
    template <class... Arguments>
    void clean(Arguments... arguments) {
        EXPECT_NO_THROW(run(arguments...));
    }
    template <class... Arguments>
    void caught(std::vector<std::string> parts, Arguments... arguments) {
        parts.insert(parts.end(), {"kernel planted, block (", "thread (", "instrument_test.cpp:"});
        const std::string message = message_of([&] { run(arguments...); });
        for (const std::string& part : parts)
            EXPECT_NE(message.find(part), std::string::npos) << part << " is not in\n" << message;
    }
    static const KernelCounters counted() {
        const auto all = simt::counters();
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? KernelCounters{} : all.front();
    }
};

TEST_F(Instrument, RaceInSharedMemory) {
    clean(1, 64, 0, neighbour_kernel, true, out.data());
    caught({"race in shared memory", "reads what thread", "wrote at"}, 1, 64, 0, neighbour_kernel, false, out.data());
}
TEST_F(Instrument, RaceAcrossRounds) {
    clean(1, 64, 256, rounds_kernel, true, out.data());
    caught({"race in dynamic shared memory", "it writes what thread", "read at"}, 1, 64, 256, rounds_kernel, false,
           out.data());
}
TEST_F(Instrument, EqualValuesRaceToo) {
    caught({"race in shared memory", "it writes"}, 1, 32, 0, same_value_kernel, out.data());
}

TEST_F(Instrument, CollectivesOrderTheLanesThatMeet) {
    clean(1, 32, 0, warp_pass_kernel, 1, out.data());
    clean(1, 32, 0, warp_pass_kernel, 3, out.data());
    caught({"race in shared memory"}, 1, 32, 0, warp_pass_kernel, 0, out.data());
    caught({"race in shared memory"}, 1, 32, 0, warp_pass_kernel, 2, out.data());
    clean(1, 32, 0, chain_kernel, true, out.data());
    caught({"race in shared memory", "thread (0,0,0)", "thread (3,0,0)"}, 1, 32, 0, chain_kernel, false, out.data());
}

TEST_F(Instrument, RacesBetweenBlocks) {
    clean(4, 1, 0, count_kernel, true, out.data());
    caught({"race in device memory", "block (0,0,0)", "in the same launch"}, 4, 1, 0, count_kernel, false, out.data());
    const auto other = device.buffer(std::vector<int>(256, 0));
    clean(4, 64, 0, halo_kernel, static_cast<const int*>(other.data()), out.data());
    caught({"race in device memory", "writes what block (0,0,0) read"}, 4, 64, 0, halo_kernel,
           static_cast<const int*>(out.data()), out.data());
    clean(4, 64, 0, halo_kernel, static_cast<const int*>(other.data()), out.data());  // launches follow each other
}
TEST_F(Instrument, RaceWithinABlockInDeviceMemory) {
    clean(1, 64, 0, within_block_kernel, true, out.data());
    caught({"race in device memory", "with no barrier between"}, 1, 64, 0, within_block_kernel, false, out.data());
}
TEST_F(Instrument, AtomicsRaceWithPlainAccesses) {
    const auto counter = device.buffer(std::vector<int>{0});
    caught({"race in device memory"}, 1, 64, 0, mixed_atomic_kernel, counter.data(), out.data());
    clean(4, 64, 0, atomic_load_kernel, false, counter.data(), out.data());
    caught({"race in device memory", "it reads what thread (0,0,0) wrote"}, 1, 64, 0, atomic_load_kernel, true, counter.data(), out.data());
    const auto sum = device.buffer(std::vector<float>{0});
    clean(2, 32, 0, float_atomic_kernel, sum.data());
    EXPECT_EQ(sum.host()[0], 32.0f);
}
TEST_F(Instrument, NeighbouringBytesDoNotRace) {
    const auto bytes = device.buffer(std::vector<uint8_t>(9, 0));
    clean(3, 3, 0, bytes_kernel, bytes.data());
}

TEST_F(Instrument, UnwrittenSharedMemory) {
    caught({"shared memory at", "reads what nobody wrote", "thread (5,0,0)"}, 1, 64, 256, unwritten_kernel, false,
           out.data());
    caught({"dynamic shared memory at", "reads what nobody wrote", "offset 20"}, 1, 64, 256, unwritten_kernel, true,
           out.data());
}
TEST_F(Instrument, UnwrittenDeviceMemory) {
    std::byte* const memory = device.runtime->allocate(256);
    auto* const numbers = reinterpret_cast<int*>(memory);
    caught({"device memory at", "reads what nobody wrote", "offset 0"}, 1, 32, 0, read_kernel,
           static_cast<const int*>(numbers), out.data());
    device.runtime->fill(memory, 0, 64, device.stream);
    caught({"reads what nobody wrote", "thread (16,0,0)", "offset 64"}, 1, 32, 0, read_kernel,
           static_cast<const int*>(numbers), out.data());
    clean(1, 32, 0, beyond_kernel, numbers, 16u);
    clean(1, 32, 0, read_kernel, static_cast<const int*>(numbers), out.data());
    device.runtime->release(memory);
}
TEST_F(Instrument, Bounds) {
    const auto small = device.buffer(std::vector<int>(30, 0));
    caught({"out of bounds", "thread (30,0,0)", "4 bytes beyond an allocation of 120"}, 1, 32, 0, beyond_kernel,
           small.data(), 0u);
    caught({"out of bounds", "thread (31,0,0)", "shared memory, 4 bytes beyond the 128"}, 1, 32, 128,
           beyond_shared_kernel, out.data());
    const std::vector<int> host(32, 1);
    caught({"out of bounds", "no memory of the device"}, 1, 32, 0, host_kernel, Holder{host.data()}, out.data());
    caught({"local memory", "another thread's"}, 1, 4, 0, foreign_stack_kernel, out.data());
    std::byte* const pinned = device.runtime->allocate_pinned(128);
    std::fill_n(reinterpret_cast<int*>(pinned), 32, 7);
    clean(1, 32, 0, host_kernel, Holder{reinterpret_cast<const int*>(pinned)}, out.data());
    device.runtime->release_pinned(pinned);
}
TEST_F(Instrument, AsynchronousCopies) {
    std::vector<float> values(512);
    std::iota(values.begin(), values.end(), 0.0f);
    const auto in = device.buffer(values);
    const auto sums = device.buffer(std::vector<float>(32, 0));
    const float* const source = in.data();
    clean(1, 32, 0, copies_kernel, 0, source, sums.data(), 4);
    for (unsigned t = 0; t < 32; t++) EXPECT_EQ(sums.host()[t], 4 * static_cast<float>(t + 4) + 128 * 6);
    caught({"shared memory at", "the target of an asynchronous copy that was not waited for"}, 1, 32, 0, copies_kernel,
           1, source, sums.data(), 4);
    caught({"shared memory at"}, 1, 32, 0, copies_kernel, 2, source, sums.data(), 4);
    caught({"race in shared memory", "it writes what thread", "read at"}, 1, 32, 0, copies_kernel, 3, source,
           sums.data(), 4);
}

#if defined(__clang__)
#define CMTL_SKIP_COUNTS() \
    GTEST_SKIP() << "figures are exact with g++ alone: clang++ splits vectors into their elements"
#else
#define CMTL_SKIP_COUNTS() static_cast<void>(0)
#endif

TEST_F(Instrument, CountsGlobalTraffic) {
    CMTL_SKIP_COUNTS();
    const auto a = device.buffer(std::vector<float>(4096, 1)), b = device.buffer(std::vector<float>(4096, 0));
    run(4, 256, 0, copy_kernel, reinterpret_cast<const float4*>(a.data()), reinterpret_cast<float4*>(b.data()));
    KernelCounters k = counted();
    EXPECT_EQ(k.name, "planted");
    EXPECT_EQ(k.blocks, 4u);
    EXPECT_EQ(k.threads, 1024u);
    for (const simt::GlobalTraffic& t : {k.traffic.loads, k.traffic.stores}) {
        EXPECT_EQ(t.requests, 32u);
        EXPECT_EQ(t.lanes, 1024u);
        EXPECT_EQ(t.bytes, 16384u);
        EXPECT_EQ(t.unique_bytes, 16384u);
        EXPECT_EQ(t.sectors, 512u);
        EXPECT_EQ(t.ideal_sectors, 512u);
    }
    ASSERT_EQ(k.lines.size(), 2u);
    EXPECT_EQ(k.lines[0].file, "instrument_test.cpp");
    EXPECT_EQ(k.lines[1].line, k.lines[0].line + 1);

    const auto strided = [&](int stride, int offset) {
        run(1, 32, 0, strided_kernel, static_cast<const float*>(a.data()), b.data(), stride, offset);
        return counted().traffic.loads;
    };
    EXPECT_EQ(strided(1, 0).sectors, 4u);
    EXPECT_EQ(strided(1, 1).sectors, 5u);  // 128 bytes over a sector's edge
    EXPECT_EQ(strided(1, 1).ideal_sectors, 4u);
    EXPECT_EQ(strided(2, 0).sectors, 8u);
    EXPECT_EQ(strided(8, 0).sectors, 32u);
    EXPECT_EQ(strided(100, 0).sectors, 32u);
    EXPECT_DOUBLE_EQ(strided(8, 0).efficiency(), 0.125);
    EXPECT_EQ(strided(0, 5).sectors, 1u);  // all lanes one number
    EXPECT_EQ(strided(0, 5).unique_bytes, 4u);
    EXPECT_EQ(strided(-1, 31).sectors, 4u);
}

TEST_F(Instrument, CountsBankConflicts) {
    CMTL_SKIP_COUNTS();
    const auto a = device.buffer(std::vector<float>(1024, 1)), b = device.buffer(std::vector<float>(1024, 0));
    const float* const in = a.data();
    run(1, dim3(32, 32), 0, transpose_kernel<33>, in, b.data());
    EXPECT_EQ(counted().traffic.shared_loads.requests, 32u);
    EXPECT_EQ(counted().traffic.shared_loads.passes, 32u);
    EXPECT_EQ(counted().traffic.shared_stores.conflicts(), 0u);
    EXPECT_EQ(counted().barriers, 1u);
    run(1, dim3(32, 32), 0, transpose_kernel<32>, in, b.data());
    EXPECT_EQ(counted().traffic.shared_loads.passes, 32u * 32);
    run(1, dim3(32, 32), 0, transpose_kernel<34>, in, b.data());
    EXPECT_EQ(counted().traffic.shared_loads.conflicts(), 32u);  // two ways
    const auto pairs = device.buffer(std::vector<float2>(32));
    const auto quads = device.buffer(std::vector<float4>(32));
    const auto passes = [&](auto kernel, auto* target, int stride) {
        run(1, 32, 0, kernel, target, stride);
        return counted().traffic.shared_loads.passes;
    };
    EXPECT_EQ(passes(shared_vectors_kernel<float2>, pairs.data(), 1), 2u);
    EXPECT_EQ(passes(shared_vectors_kernel<float2>, pairs.data(), 2), 4u);
    EXPECT_EQ(passes(shared_vectors_kernel<float4>, quads.data(), 1), 4u);
    EXPECT_EQ(passes(shared_vectors_kernel<float4>, quads.data(), 0), 4u);  // broadcasts
    EXPECT_EQ(passes(shared_vectors_kernel<float4>, quads.data(), 4), 16u);
}

TEST_F(Instrument, CountsAtomicsAndTheTensorPath) {
    std::vector<int> bins(32);
    for (int i = 0; i < 32; i++) bins[static_cast<size_t>(i)] = i / 8;
    const auto b = device.buffer(bins);
    run(1, 32, 0, histogram_kernel, static_cast<const int*>(b.data()), out.data());
    KernelCounters k = counted();
    EXPECT_EQ(k.traffic.shared_atomics.requests, 1u);
    EXPECT_EQ(k.traffic.shared_atomics.rounds, 8u);
    EXPECT_EQ(k.traffic.global_atomics.lanes, 32u);
    EXPECT_EQ(k.traffic.global_atomics.rounds, 1u);
    EXPECT_EQ(k.barriers, 2u);

    const auto counter = device.buffer(std::vector<int>{0});
    run(1, 64, 0, atomic_load_kernel, false, counter.data(), out.data());
    k = counted();
    EXPECT_EQ(k.traffic.global_atomics.lanes, 32u);
    EXPECT_EQ(k.traffic.loads.requests, 1u);  // what atomicLoad moves is what a load moves
    EXPECT_EQ(k.traffic.loads.unique_bytes, 4u);

    const auto in = device.buffer(std::vector<uint4>(32));
    const auto products = device.buffer(std::vector<float>(128, 0));
    run(1, 32, 0, tensor_kernel, static_cast<const uint4*>(in.data()), products.data());
    k = counted();
    EXPECT_EQ(k.mma, 2u);
    EXPECT_EQ(k.tensor_flops, 2u * 16 * 8 * (16 + 8));
    EXPECT_EQ(k.ldmatrix, 2u);
    EXPECT_EQ(k.collectives, 1u);
    EXPECT_EQ(k.traffic.shared_loads.requests, 2u);
    EXPECT_EQ(k.traffic.shared_loads.conflicts(), 0u);
    const std::string text = simt::counters_text({k}, true), json = simt::counters_json({k});
    EXPECT_NE(text.find("2 mma of 6144 flops"), std::string::npos) << text;
    EXPECT_NE(json.find("\"ldmatrix\": 2"), std::string::npos) << json;
}

}  // namespace
}  // namespace cmtl::kernels

#endif  // CMTL_SIMT_COUNTED
