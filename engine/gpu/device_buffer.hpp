#pragma once
// Plain arrays in a context's device memory.
#include <span>
#include <vector>

#include "engine/context.hpp"
#include "engine/gpu/device_queue.hpp"

namespace cmtl {

template <class T>
class DeviceBuffer {
  public:
    DeviceBuffer() = default;
    // Not initialised.
    DeviceBuffer(Context& context, size_t count)
        : context_(&context),
          count_(count),
          memory_(context.empty({static_cast<int64_t>(count * sizeof(T))}, Dtype::u8)) {}
    DeviceBuffer(Context& context, std::span<const T> values) : DeviceBuffer(context, values.size()) {
        context.queue().upload(data(), values.data(), values.size_bytes());
    }

    T* data() const { return count_ ? reinterpret_cast<T*>(memory_.device_data<uint8_t>()) : nullptr; }
    size_t size() const { return count_; }
    void zero() {
        if (count_) context_->queue().runtime().fill(data(), 0, count_ * sizeof(T), context_->stream());
    }
    // Waits for the device.
    std::vector<T> download() const {
        std::vector<T> values(count_);
        if (count_) context_->queue().download(values.data(), data(), count_ * sizeof(T));
        return values;
    }

  private:
    Context* context_ = nullptr;
    size_t count_ = 0;
    Tensor memory_;
};

}  // namespace cmtl
