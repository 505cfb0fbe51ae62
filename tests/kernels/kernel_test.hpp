#pragma once
// Kernel tests run the same cases on every device there is: on simt in order and with shuffled starts, on a GPU where one answers.
//
//     template <class Target> class Dropout : public KernelTest<Target> {};
//     TYPED_TEST_SUITE(Dropout, Targets);
//     TYPED_TEST(Dropout, ...) { this->on_devices([&](TestDevice& device) { ... dropout<TypeParam>(device.stream, ...); }); }
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/runtime.hpp"

namespace cmtl::kernels {

// Values in device memory, with a margin before and after them that nobody may write.
template <class T>
class DeviceArray {
  public:
    DeviceArray(Runtime& runtime, Stream stream, const std::vector<T>& values, size_t offset)
        : runtime_(&runtime), stream_(stream), count_(values.size()), offset_(margin / sizeof(T) + offset),
          memory_(runtime.allocate(bytes()), [&runtime](std::byte* p) { runtime.release(p); }) {
        runtime.fill(memory_.get(), 0xA5, bytes(), stream);
        if (count_) runtime.copy(data(), values.data(), count_ * sizeof(T), Runtime::Direction::to_device, stream);
        runtime.synchronize(stream);
    }
    T* data() const { return reinterpret_cast<T*>(memory_.get()) + offset_; }

    // Waits for the stream; fails the test where the margins changed.
    std::vector<T> host() const {
        std::vector<std::byte> all(bytes());
        runtime_->copy(all.data(), memory_.get(), all.size(), Runtime::Direction::to_host, stream_);
        runtime_->synchronize(stream_);
        const size_t begin = offset_ * sizeof(T), end = begin + count_ * sizeof(T);
        for (size_t i = 0; i < all.size(); ++i)
            if ((i < begin || i >= end) && all[i] != std::byte{0xA5}) {
                ADD_FAILURE() << "a kernel wrote " << (i < begin ? "before the first" : "after the last") << " of " << count_ << " values";
                break;
            }
        std::vector<T> values(count_);
        if (count_) std::memcpy(values.data(), all.data() + begin, end - begin);
        return values;
    }

  private:
    static constexpr size_t margin = 64;
    size_t bytes() const { return (offset_ + count_) * sizeof(T) + margin; }
    Runtime* runtime_;
    Stream stream_;
    size_t count_, offset_;
    std::shared_ptr<std::byte> memory_;
};

struct TestDevice {
    explicit TestDevice(std::unique_ptr<Runtime> r) : runtime(std::move(r)), stream(runtime->create_stream()) {}
    ~TestDevice() { runtime->destroy(stream); }
    TestDevice(const TestDevice&) = delete;
    TestDevice& operator=(const TestDevice&) = delete;

    // `offset` elements beyond a multiple of 64 bytes.
    template <class T>
    DeviceArray<T> array(const std::vector<T>& values, size_t offset = 0) {
        return {*runtime, stream, values, offset};
    }
    template <class T>
    DeviceArray<T> array(size_t count, T value, size_t offset = 0) {
        return array(std::vector<T>(count, value), offset);
    }

    std::unique_ptr<Runtime> runtime;
    Stream stream;
};

template <class Target>
class KernelTest : public testing::Test {
  protected:
    void SetUp() override {
        if (std::is_same_v<Target, Cuda> && cuda_device_count() == 0) GTEST_SKIP() << "no GPU answers";
    }
    // Calls `test` on each device; the stream is waited for afterwards.
    void on_devices(const std::function<void(TestDevice&)>& test) {
        const auto run = [&](const char* name, std::unique_ptr<Runtime> runtime) {
            SCOPED_TRACE(name);
            TestDevice device(std::move(runtime));
            test(device);
            device.runtime->synchronize(device.stream);
        };
        if constexpr (std::is_same_v<Target, Simt>) {
            run("simt", simt_runtime());
            run("simt, shuffled", simt_runtime({.order_seed = 20201209}));
        } else {
            run("cuda", cuda_runtime(0));
        }
    }
};

#if CMTL_HAVE_CUDA_KERNELS
using Targets = testing::Types<Simt, Cuda>;
#else
using Targets = testing::Types<Simt>;
#endif

}  // namespace cmtl::kernels
