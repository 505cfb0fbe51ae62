#pragma once
// A simt device with one stream and typed buffers, for tests of simt itself.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/error.hpp"
#include "kernels/runtime.hpp"

namespace cmtl::kernels {

template <class T>
class SimtBuffer {
  public:
    SimtBuffer(Runtime& runtime, Stream stream, const std::vector<T>& values)
        : runtime_(&runtime),
          stream_(stream),
          count_(values.size()),
          memory_(runtime.allocate(values.size() * sizeof(T)), [&runtime](std::byte* p) { runtime.release(p); }) {
        runtime.copy(memory_.get(), values.data(), count_ * sizeof(T), Runtime::Direction::to_device, stream);
        runtime.synchronize(stream);
    }
    T* data() const { return reinterpret_cast<T*>(memory_.get()); }
    // Waits for the stream.
    std::vector<T> host() const {
        std::vector<T> values(count_);
        runtime_->copy(values.data(), memory_.get(), count_ * sizeof(T), Runtime::Direction::to_host, stream_);
        runtime_->synchronize(stream_);
        return values;
    }

  private:
    Runtime* runtime_;
    Stream stream_;
    size_t count_;
    std::shared_ptr<std::byte> memory_;
};

struct SimtDevice {
    explicit SimtDevice(const SimtOptions& options = {})
        : runtime(simt_runtime(options)), stream(runtime->create_stream()) {}
    ~SimtDevice() { runtime->destroy(stream); }
    SimtDevice(const SimtDevice&) = delete;
    SimtDevice& operator=(const SimtDevice&) = delete;

    template <class T>
    SimtBuffer<T> buffer(const std::vector<T>& values) {
        return {*runtime, stream, values};
    }

    std::unique_ptr<Runtime> runtime;
    Stream stream;
};

// What() of the cmtl::Error(internal) that `body` throws; a test failure and "" when it throws nothing.
template <class Body>
std::string message_of(Body&& body) {
    try {
        body();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::internal) << error.what();
        return error.what();
    }
    ADD_FAILURE() << "no error was thrown";
    return {};
}

}  // namespace cmtl::kernels
