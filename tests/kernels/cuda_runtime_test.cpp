// A GPU behind the Runtime interface. What needs one is skipped where none answers; an interpreter of PTX counts as one.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/runtime.hpp"

namespace cmtl::kernels {

void check_launch(const char* kernel, int code);  // kernels/dialect.hpp, which only nvcc reads

namespace {

std::string message_of(const auto& call, ErrorKind kind) {
    try {
        call();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(CudaRuntime, WithoutAGpuOneLineSaysWhy) {
    if (cuda_device_count() > 0) GTEST_SKIP() << "a GPU answers";
    const std::string text = message_of([] { cuda_runtime(0); }, ErrorKind::resource);
    EXPECT_EQ(text.find("[cuda] cuda:0: "), 0u) << text;
    EXPECT_TRUE(has(text, "--device cpu")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

#ifdef CMTL_HAVE_CUDA_KERNELS

// Status codes as the CUDA runtime's manual numbers them.
constexpr int memory_allocation = 2, invalid_configuration = 9, illegal_address = 700;

TEST(CudaRuntime, LaunchErrorsNameTheKernel) {
    EXPECT_NO_THROW(check_launch("first", 0));
    std::string text = message_of([] { check_launch("second", invalid_configuration); }, ErrorKind::internal);
    EXPECT_EQ(text.find("[cuda] second: "), 0u) << text;
    text = message_of([] { check_launch("third", memory_allocation); }, ErrorKind::resource);
    EXPECT_EQ(text.find("[cuda] third: "), 0u) << text;
    // A fault is noticed late: the kernels before it are under suspicion as well.
    text = message_of([] { check_launch("fourth", illegal_address); }, ErrorKind::internal);
    EXPECT_TRUE(has(text, "first, second, third, fourth")) << text;
    EXPECT_TRUE(has(text, "CUDA_LAUNCH_BLOCKING=1")) << text;
    text = message_of([] { check_launch("fifth", illegal_address); }, ErrorKind::internal);
    EXPECT_TRUE(has(text, ": second, third, fourth, fifth")) << text;
}

class OnGpu : public ::testing::Test {
  protected:
    void SetUp() override {
        if (cuda_device_count() == 0) GTEST_SKIP() << "no GPU answers";
        runtime = cuda_runtime(0);
        stream = runtime->create_stream();
    }
    void TearDown() override {
        if (!runtime) return;
        for (std::byte* memory : held) runtime->release(memory);
        runtime->destroy(stream);
    }

    template <class T>
    T* device(size_t count) {
        held.push_back(runtime->allocate(count * sizeof(T)));
        return reinterpret_cast<T*>(held.back());
    }
    template <class T>
    T* device(const std::vector<T>& values) {
        T* memory = device<T>(values.size());
        runtime->copy(memory, values.data(), values.size() * sizeof(T), Runtime::Direction::to_device, stream);
        runtime->synchronize(stream);
        return memory;
    }
    template <class T>
    std::vector<T> host(const T* memory, size_t count) {
        std::vector<T> values(count);
        runtime->copy(values.data(), memory, count * sizeof(T), Runtime::Direction::to_host, stream);
        runtime->synchronize(stream);
        return values;
    }

    std::unique_ptr<Runtime> runtime;
    Stream stream = nullptr;
    std::vector<std::byte*> held;
};

TEST_F(OnGpu, TellsWhatItIs) {
    const DeviceProperties& p = runtime->properties();
    EXPECT_FALSE(p.name.empty());
    EXPECT_GE(p.capability, 75);
    EXPECT_GT(p.processors, 0);
    EXPECT_GE(p.shared_per_block, 48u * 1024);
    EXPECT_LE(runtime->available(), p.memory);
}

TEST_F(OnGpu, AnIndexBeyondTheLastGpuIsRefused) {
    const std::string text = message_of([] { cuda_runtime(cuda_device_count()); }, ErrorKind::resource);
    EXPECT_TRUE(has(text, "this machine has ")) << text;
    message_of([] { cuda_runtime(-1); }, ErrorKind::resource);
}

TEST_F(OnGpu, MemoryIsAlignedAndItsEndIsNoError) {
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{257}}) {
        std::byte* memory = runtime->allocate(bytes);
        EXPECT_NE(memory, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
        runtime->release(memory);
    }
    // A refusal must not surface at the next launch.
    float* x = device(std::vector<float>{-1, 2});
    EXPECT_EQ(runtime->allocate(size_t{1} << 52), nullptr);
    relu_forward<Cuda>(stream, 2, x, x);
    message_of([&] { runtime->allocate_pinned(size_t{1} << 52); }, ErrorKind::resource);
    relu_forward<Cuda>(stream, 2, x, x);
    EXPECT_EQ(host(x, 2), (std::vector<float>{0, 2}));
}

TEST_F(OnGpu, CopiesAndFills) {
    std::vector<uint8_t> values(1000);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i * 7);
    uint8_t* a = device(values);
    uint8_t* b = device<uint8_t>(values.size());
    runtime->fill(b, 0xab, values.size(), stream);
    runtime->copy(b + 1, a, 10, Runtime::Direction::on_device, stream);
    runtime->copy(b, nullptr, 0, Runtime::Direction::on_device, stream);
    const std::vector<uint8_t> seen = host(b, values.size());
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(seen[i], i >= 1 && i < 11 ? values[i - 1] : 0xab) << i;

    std::byte* pinned = runtime->allocate_pinned(1000);
    runtime->copy(pinned, a, 1000, Runtime::Direction::to_host, stream);
    Event event = runtime->create_event();
    runtime->record(event, stream);
    runtime->synchronize(event);
    EXPECT_TRUE(runtime->ready(event));
    EXPECT_EQ(std::memcmp(pinned, values.data(), 1000), 0);
    runtime->destroy(event);
    runtime->release_pinned(pinned);
}

TEST_F(OnGpu, AStreamWaitsForAnEventOfAnother) {
    const size_t count = 1 << 20;
    float* x = device<float>(count);
    float* y = device<float>(count);
    Stream other = runtime->create_stream();
    Event filled = runtime->create_event();
    runtime->fill(x, 0x40, count * sizeof(float), stream);  // 0x40404040 is 3.0039...
    runtime->record(filled, stream);
    runtime->wait(other, filled);
    relu_forward<Cuda>(other, count, x, y);
    runtime->synchronize(other);
    const std::vector<float> seen = host(y, count);
    EXPECT_EQ(seen.front(), std::bit_cast<float>(0x40404040));
    EXPECT_EQ(seen, std::vector<float>(count, seen.front()));
    runtime->destroy(filled);
    runtime->destroy(other);
}

TEST_F(OnGpu, ElementwiseKernels) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    for (const size_t count : {size_t{1}, size_t{31}, size_t{257}, size_t{100003}}) {
        std::vector<float> values(count), upstream(count);
        for (size_t i = 0; i < count; ++i) {
            values[i] = static_cast<float>(static_cast<int>(i * 37 % 201) - 100) / 8;
            upstream[i] = static_cast<float>(i % 11) - 5;
        }
        if (count > 3) values[1] = nan, values[2] = infinity, values[3] = -infinity;
        float* x = device(values);
        float* dy = device(upstream);
        float* y = device<float>(count + 1);
        float* dx = device<float>(count + 1);
        runtime->fill(y, 0x7b, (count + 1) * sizeof(float), stream);
        runtime->fill(dx, 0x7b, (count + 1) * sizeof(float), stream);
        relu_forward<Cuda>(stream, static_cast<int64_t>(count), x, y);
        relu_backward<Cuda>(stream, static_cast<int64_t>(count), y, dy, dx);
        const std::vector<float> forward = host(y, count + 1), backward = host(dx, count + 1);
        for (size_t i = 0; i < count; ++i) {
            const float v = values[i];
            if (std::isnan(v)) {
                EXPECT_TRUE(std::isnan(forward[i]));
            } else {
                ASSERT_EQ(forward[i], v > 0 ? v : 0) << i;
            }
            ASSERT_EQ(backward[i], v <= 0 ? 0 : upstream[i]) << i;  // where y is NaN, dy passes
        }
        EXPECT_EQ(forward[count], std::bit_cast<float>(0x7b7b7b7b));
        EXPECT_EQ(backward[count], std::bit_cast<float>(0x7b7b7b7b));
    }
}

TEST_F(OnGpu, KernelsThatRanAreNotSuspectedAnyMore) {
    float* x = device(std::vector<float>{-1, 2});
    relu_forward<Cuda>(stream, 2, x, x);
    std::string text = message_of([] { check_launch("next", illegal_address); }, ErrorKind::internal);
    EXPECT_TRUE(has(text, "relu_forward, next")) << text;
    runtime->synchronize(stream);
    text = message_of([] { check_launch("next", illegal_address); }, ErrorKind::internal);
    EXPECT_FALSE(has(text, "relu_forward")) << text;
}

TEST_F(OnGpu, AGraphIsReplayedOnWhatTheMemoryHoldsThen) {
    if (!runtime->graphs()) {
        const std::string text = message_of([&] { runtime->begin_capture(stream); }, ErrorKind::resource);
        EXPECT_EQ(text.find("[cuda_graph] "), 0u) << text;
        return;
    }
    float* x = device(std::vector<float>{-1, 1});
    float* y = device(std::vector<float>{9, 9});
    relu_forward<Cuda>(stream, 0, x, y);  // loads the kernel, which a capture may not
    runtime->begin_capture(stream);
    relu_forward<Cuda>(stream, 2, x, y);
    Graph graph = runtime->end_capture(stream);
    EXPECT_EQ(host(y, 2), (std::vector<float>{9, 9}));  // kept, not run
    runtime->replay(graph, stream);
    EXPECT_EQ(host(y, 2), (std::vector<float>{0, 1}));
    const std::vector<float> other{5, -5};
    runtime->copy(x, other.data(), 2 * sizeof(float), Runtime::Direction::to_device, stream);
    runtime->replay(graph, stream);
    EXPECT_EQ(host(y, 2), (std::vector<float>{5, 0}));
    runtime->destroy(graph);
}

#endif

}  // namespace
}  // namespace cmtl::kernels
