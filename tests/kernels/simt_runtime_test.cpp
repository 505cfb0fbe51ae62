// Streams, events, graphs and memory of the device that the CPU plays.
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "kernels/dialect.hpp"
#include "kernels/simt/hooks.hpp"
#include "kernels/simt_test.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

struct Affine {
    float factor, offset;
};
__global__ void affine_kernel(int64_t count, const float* x, float* y, Affine f) {
    for (int64_t i = first_item(); i < count; i += item_stride()) y[i] = f.factor * x[i] + f.offset;
}
__global__ void add_one_kernel(int* x) { x[threadIdx.x]++; }
__global__ void spread_kernel(float* x) {
    __shared__ float tile[32];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, tile[0], 3);
    __syncthreads();
}

// Its own idea of where its variables are: in the ranges that the hooks give?
__global__ void ranges_kernel(int* answers) {
    __shared__ int fixed[40];
    CMTL_DYNAMIC_SHARED(int, dynamic);
    int local = 0;
    const auto inside = [](const simt::AddressRange& range, const void* p) {
        return p >= range.begin && p < static_cast<const char*>(range.begin) + range.bytes;
    };
    const auto any = [&](const std::vector<simt::AddressRange>& ranges, const void* p) {
        for (const auto& range : ranges)
            if (inside(range, p)) return 1;
        return 0;
    };
    fixed[threadIdx.x] = dynamic[threadIdx.x] = local;
    int* mine = answers + threadIdx.x * 6;
    mine[0] = any(simt::static_shared_ranges(), &fixed[threadIdx.x]);
    mine[1] = inside(simt::dynamic_shared_range(), &dynamic[threadIdx.x]);
    mine[2] = any(simt::stack_ranges(), &local);
    mine[3] = any(simt::internal_ranges(), &threadIdx.x);
    mine[4] = any(simt::static_shared_ranges(), &local) + any(simt::stack_ranges(), dynamic) +
              any(simt::internal_ranges(), answers);
    mine[5] = static_cast<int>(simt::position().thread);
}

// How many pieces of bookkeeping there are after 100 and after 200 collectives.
__global__ void bookkeeping_kernel(int* pieces) {
    for (int i = 0; i < 200; i++) {
        __shfl_xor_sync(0xFFFFFFFFu, i, 1);
        if (threadIdx.x == 0 && i % 100 == 99) pieces[i / 100] = static_cast<int>(simt::internal_ranges().size());
    }
}

}  // namespace CMTL_TARGET

namespace {

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)
using Direction = Runtime::Direction;

void affine(Stream stream, const SimtBuffer<float>& x, const SimtBuffer<float>& y, Affine f) {
    launch({"affine", blocks_for(1000, 128), 128, 0, stream}, affine_kernel, 1000, x.data(), y.data(), f);
}

class SimtStreams : public testing::TestWithParam<bool> {
  protected:
    SimtDevice device{{.workers = 2, .deferred = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(EagerAndDeferred, SimtStreams, testing::Bool(), testing::PrintToStringParamName());

TEST_P(SimtStreams, OneStreamKeepsItsOrder) {
    const auto x = device.buffer(std::vector<float>(1000, 1)), y = device.buffer(std::vector<float>(1000));
    for (int i = 0; i < 10; i++) {
        affine(device.stream, x, y, {2, 1});  // arguments are copied when it is launched
        affine(device.stream, y, x, {1, -1});
    }
    device.runtime->fill(y.data(), 0, 500 * sizeof(float), device.stream);
    EXPECT_EQ(x.host()[999], 1024);
    EXPECT_EQ(y.host()[499], 0);
    EXPECT_EQ(y.host()[500], 1025);
}

TEST_P(SimtStreams, DeviceToDeviceAndBack) {
    std::vector<float> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    const auto x = device.buffer(numbers), y = device.buffer(std::vector<float>(1000));
    device.runtime->copy(y.data() + 10, x.data(), 990 * sizeof(float), Direction::on_device, device.stream);
    EXPECT_EQ(y.host()[999], 989);
    device.runtime->copy(nullptr, nullptr, 0, Direction::to_device, device.stream);
    std::byte* pinned = device.runtime->allocate_pinned(64);
    device.runtime->copy(pinned, x.data() + 5, 64, Direction::to_host, device.stream);
    device.runtime->synchronize(device.stream);
    EXPECT_EQ(reinterpret_cast<float*>(pinned)[3], 8);
    device.runtime->release_pinned(pinned);
}

TEST_P(SimtStreams, CopiesAreChecked) {
    const auto x = device.buffer(std::vector<float>(100));
    std::vector<float> host(200);
    const auto copy = [&](void* to, const void* from, size_t count, Direction direction) {
        return message_of([&] { device.runtime->copy(to, from, count * sizeof(float), direction, device.stream); });
    };
    EXPECT_SAYS(copy(x.data(), host.data(), 101, Direction::to_device), "copy of 404 bytes: the target");
    EXPECT_SAYS(copy(host.data(), x.data() + 1, 100, Direction::to_host), "not all in one allocation of device memory");
    EXPECT_SAYS(copy(host.data(), host.data() + 100, 10, Direction::to_host), "the source");
    EXPECT_SAYS(copy(x.data(), x.data() + 50, 10, Direction::to_device), "is device memory");
    EXPECT_SAYS(copy(x.data(), x.data() + 5, 10, Direction::on_device), "they overlap");
    EXPECT_SAYS(message_of([&] { device.runtime->fill(x.data(), 0, 401, device.stream); }), "fill of 401 bytes");
}

TEST_P(SimtStreams, EventsOrderStreamsAndTellTheHost) {
    Runtime& runtime = *device.runtime;
    const Stream other = runtime.create_stream();
    const Event event = runtime.create_event();
    EXPECT_TRUE(runtime.ready(event));  // never recorded
    runtime.wait(other, event);
    const auto x = device.buffer(std::vector<float>(1000, 1)), y = device.buffer(std::vector<float>(1000));
    for (int i = 0; i < 50; i++) {
        affine(device.stream, x, y, {1, 1});
        runtime.record(event, device.stream);
        runtime.wait(other, event);
        affine(other, y, x, {1, 1});
        runtime.record(event, other);
        runtime.wait(device.stream, event);
    }
    int asked = 0;
    while (!runtime.ready(event)) ASSERT_LT(++asked, 1000);
    runtime.synchronize(event);
    EXPECT_TRUE(runtime.ready(event));
    EXPECT_EQ(x.host()[7], 101);
    runtime.destroy(event);
    runtime.destroy(other);
}

TEST_P(SimtStreams, GraphsKeepTheirArguments) {
    Runtime& runtime = *device.runtime;
    const auto x = device.buffer(std::vector<float>(1000, 1)), y = device.buffer(std::vector<float>(1000)),
               z = device.buffer(std::vector<float>(1000));
    runtime.synchronize(device.stream);
    runtime.begin_capture(device.stream);
    Affine f{2, 0};
    affine(device.stream, x, y, f);
    f.factor = 1000;  // too late
    runtime.copy(z.data(), y.data(), 4000, Direction::on_device, device.stream);
    runtime.fill(y.data(), 0, 4000, device.stream);
    affine(device.stream, z, x, {1, 1});
    EXPECT_SAYS(message_of([&] { runtime.synchronize(device.stream); }),
                "the host waits for a stream while a stream is captured");
    EXPECT_SAYS(message_of([&] { runtime.begin_capture(device.stream); }), "is captured already");
    EXPECT_SAYS(message_of([&] {
                    launch({"affine", 0, 1, 0, device.stream}, affine_kernel, 0, x.data(), y.data(), f);
                }),
                "the grid is empty");
    const Graph graph = runtime.end_capture(device.stream);
    EXPECT_SAYS(message_of([&] { runtime.end_capture(device.stream); }), "not begun");
    EXPECT_EQ(x.host()[0], 1);  // nothing ran
    runtime.replay(graph, device.stream);
    EXPECT_EQ(x.host()[999], 3);
    const Stream other = runtime.create_stream();
    for (int i = 0; i < 3; i++) runtime.replay(graph, other);
    runtime.synchronize(other);
    EXPECT_EQ(x.host()[999], 31);
    EXPECT_EQ(y.host()[999], 0);
    runtime.replay(graph, other);
    runtime.destroy(graph);  // what is on its way keeps what it needs
    runtime.destroy(other);
    EXPECT_EQ(x.host()[999], 63);
}

TEST_P(SimtStreams, AGraphWhoseMemoryIsGoneIsRefused) {
    Runtime& runtime = *device.runtime;
    const auto x = device.buffer(std::vector<float>(1000, 1));
    auto y = std::make_unique<SimtBuffer<float>>(device.buffer(std::vector<float>(1000)));
    runtime.begin_capture(device.stream);
    affine(device.stream, x, *y, {2, 0});
    const Graph graph = runtime.end_capture(device.stream);
    y.reset();
    const auto message = message_of([&] {
        runtime.replay(graph, device.stream);
        runtime.synchronize(device.stream);
    });
    EXPECT_SAYS(message, "kernel affine: ");
    EXPECT_SAYS(message, "number 1 of its pointers, is neither device nor pinned memory");
    runtime.destroy(graph);
}

// A forgotten wait between two streams must show for some seed, one that is there for none.
TEST(SimtDeferred, AMissingWaitGivesAWrongResult) {
    const auto result = [](uint64_t seed, bool wait) {
        SimtDevice device({.workers = 1, .order_seed = seed, .deferred = true});
        Runtime& runtime = *device.runtime;
        const Stream other = runtime.create_stream();
        const Event event = runtime.create_event();
        const auto x = device.buffer(std::vector<float>(1000, 1)), y = device.buffer(std::vector<float>(1000));
        affine(device.stream, x, y, {3, 0});
        runtime.record(event, device.stream);
        if (wait) runtime.wait(other, event);
        affine(other, y, x, {1, 1});
        runtime.synchronize(other);
        const float got = x.host()[0];
        runtime.destroy(event);
        runtime.destroy(other);
        return got;
    };
    std::set<float> with, without;
    for (uint64_t seed = 0; seed < 16; seed++) with.insert(result(seed, true)), without.insert(result(seed, false));
    EXPECT_EQ(with, std::set<float>{4});
    EXPECT_EQ(without, (std::set<float>{1, 4}));
}

TEST(SimtDeferred, HostMemoryIsReadWhenTheStreamGetsThere) {
    SimtDevice device({.workers = 1, .deferred = true});
    const auto x = device.buffer(std::vector<int>(32, 0));
    std::vector<int> host(32, 1);
    device.runtime->copy(x.data(), host.data(), 128, Direction::to_device, device.stream);
    host.assign(32, 5);  // a bug: it must stay untouched
    EXPECT_EQ(x.host()[0], 5);
}

TEST(SimtDeferred, AnEventThatIsNotRecordedYetIsNotWaitedFor) {
    SimtDevice device({.workers = 1, .deferred = true});
    Runtime& runtime = *device.runtime;
    const Stream other = runtime.create_stream();
    const Event first = runtime.create_event(), second = runtime.create_event();
    runtime.record(first, device.stream);
    runtime.synchronize(first);
    runtime.wait(other, second);  // not recorded yet: no wait
    runtime.record(second, other);
    runtime.wait(device.stream, second);
    runtime.synchronize(device.stream);
    EXPECT_TRUE(runtime.ready(second));
    for (const Event event : {first, second}) runtime.destroy(event);
    runtime.destroy(other);
}

TEST(SimtMemory, LimitAlignmentAndPoison) {
    SimtDevice device({.workers = 1, .memory = 1 << 20});
    Runtime& runtime = *device.runtime;
    EXPECT_EQ(runtime.properties().memory, 1u << 20);
    EXPECT_EQ(runtime.properties().name, "simt");
    std::byte* a = runtime.allocate(1000);
    std::byte* b = runtime.allocate((1 << 20) - 1000);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 256, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b) % 256, 0u);
    EXPECT_EQ(runtime.available(), 0u);
    EXPECT_EQ(runtime.allocate(1), nullptr);
    EXPECT_EQ(a[0], std::byte{0xFF});
    EXPECT_EQ(b[(1 << 20) - 1001], std::byte{0xFF});
    runtime.release(a);
    EXPECT_EQ(runtime.available(), 1000u);
    EXPECT_EQ(runtime.allocate(1001), nullptr);
    runtime.release(b);
    runtime.release(nullptr);
    EXPECT_EQ(runtime.available(), 1u << 20);
}

TEST(SimtMemory, LeaksAreReported) {
    const uint64_t before = simt::leaked_allocations();
    testing::internal::CaptureStderr();
    {
        SimtDevice device({.workers = 1});
        device.runtime->allocate(100);
        device.runtime->allocate(28);
        device.runtime->allocate_pinned(5);
        device.runtime->release(device.runtime->allocate(7));
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_SAYS(said, "[simt] 2 allocations of device memory, 128 bytes, were never released");
    EXPECT_SAYS(said, "[simt] 1 allocations of pinned memory, 5 bytes, were never released");
    EXPECT_EQ(simt::leaked_allocations() - before, 3u);
}

TEST(SimtDevices, AreIndependent) {
    SimtDevice a({.workers = 2}), b({.workers = 1});
    const auto x = a.buffer(std::vector<int>(32, 0));
    EXPECT_SAYS(message_of([&] { b.runtime->fill(x.data(), 0, 4, b.stream); }), "not all in one allocation");
    EXPECT_SAYS(message_of([&] { a.runtime->synchronize(b.stream); }), "a stream of another device");
    launch({"add_one", 1, 32, 0, a.stream}, add_one_kernel, x.data());
    EXPECT_EQ(x.host()[31], 1);
}

TEST(SimtDevices, AreUsedFromSeveralThreads) {
    SimtDevice device({.workers = 2});
    std::vector<SimtBuffer<float>> cells;
    for (int i = 0; i < 4; i++) cells.push_back(device.buffer(std::vector<float>(32, static_cast<float>(i + 1))));
    std::vector<std::thread> hosts;
    for (int i = 0; i < 4; i++)
        hosts.emplace_back([&, i] {
            for (int k = 0; k < 50; k++)
                launch({"spread", 1, 32, 0, device.stream}, spread_kernel, cells[static_cast<size_t>(i)].data());
        });
    for (auto& host : hosts) host.join();
    for (int i = 0; i < 4; i++)
        for (float v : cells[static_cast<size_t>(i)].host()) ASSERT_EQ(v, static_cast<float>(i + 1));
}

// What the hooks were told.
struct Told {
    int launches = 0, ended = 0;
    std::atomic<int> blocks{0}, barriers{0}, collectives{0}, wrong{0};
} told;

TEST(SimtHooks, TellWhatHappensAndWhere) {
    simt::Hooks hooks{};
    hooks.launch_begin = [](const simt::LaunchInfo& info) {
        told.launches++, told.wrong += info.block.x != 32 || std::string_view(info.name) != "spread";
    };
    hooks.launch_end = [](const simt::LaunchInfo&) { told.ended++; };
    hooks.block_begin = [] { told.blocks++; };
    hooks.barrier = [](unsigned epoch) {
        const simt::Position at = simt::position();
        told.barriers++;
        told.wrong += !at.in_kernel || std::string_view(at.kernel) != "spread" || at.barriers != epoch ||
                      at.threads != 32 || at.thread >= 32;
        told.wrong += at.collectives != epoch;
    };
    hooks.collective = [](unsigned warp, unsigned lanes, bool, const char*) {
        told.collectives++, told.wrong += warp != 0 || lanes != 0xFFFFFFFFu;
    };
    SimtDevice device({.workers = 2});
    const auto x = device.buffer(std::vector<float>(32, 1));
    simt::set_hooks(&hooks);
    launch({"spread", 5, 32, 0, device.stream}, spread_kernel, x.data());
    simt::set_hooks(nullptr);
    launch({"spread", 5, 32, 0, device.stream}, spread_kernel, x.data());
    EXPECT_EQ(told.launches, 1);
    EXPECT_EQ(told.ended, 1);
    EXPECT_EQ(told.blocks, 5);
    EXPECT_EQ(told.barriers, 10);
    EXPECT_EQ(told.collectives, 5);
    EXPECT_EQ(told.wrong, 0);
    EXPECT_FALSE(simt::position().in_kernel);
}

TEST(SimtHooks, BookkeepingDoesNotGrow) {
    SimtDevice device({.workers = 1});
    const auto pieces = device.buffer(std::vector<int>(2));
    launch({"bookkeeping", 1, 32, 0, device.stream}, bookkeeping_kernel, pieces.data());
    EXPECT_GT(pieces.host()[0], 0);
    EXPECT_EQ(pieces.host()[0], pieces.host()[1]);
}

TEST(SimtHooks, RangesOfMemory) {
    SimtDevice device({.workers = 2});
    const auto answers = device.buffer(std::vector<int>(33 * 6));
    launch({"ranges", 1, 33, 256, device.stream}, ranges_kernel, answers.data());
    const auto got = answers.host();
    for (int t = 0; t < 33; t++) {
#if !defined(__SANITIZE_ADDRESS__)  // whose build has neither thread-local shared memory nor all locals on the stack
        EXPECT_EQ(got[t * 6 + 0], 1);
        EXPECT_EQ(got[t * 6 + 2], 1);
#endif
        EXPECT_EQ(got[t * 6 + 1], 1);
        EXPECT_EQ(got[t * 6 + 3], 1);
        EXPECT_EQ(got[t * 6 + 4], 0);
        EXPECT_EQ(got[t * 6 + 5], t);
    }
}

}  // namespace
}  // namespace cmtl::kernels
