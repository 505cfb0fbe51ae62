#pragma once
#include <array>
#include <memory>

#include "kernels/runtime.hpp"
#include "kernels/step_state.hpp"

namespace cmtl {

// The one stream on which a context's work runs, and the ways across between host and device: copies go through pinned memory,
// piece by piece, so that any host memory may be their source.
class DeviceQueue {
  public:
    explicit DeviceQueue(std::shared_ptr<kernels::Runtime> runtime);
    ~DeviceQueue();
    DeviceQueue(const DeviceQueue&) = delete;
    DeviceQueue& operator=(const DeviceQueue&) = delete;

    kernels::Runtime& runtime() const { return *runtime_; }
    kernels::Stream stream() const { return stream_; }

    // Returns when `source` may be changed; the device may not have it yet.
    void upload(void* target, const void* source, size_t bytes);
    // Waits for the device.
    void download(void* target, const void* source, size_t bytes);
    void synchronize() { runtime_->synchronize(stream_); }

    // Numbers of the coming training step, for work that was captured. Does not wait.
    void set_step(const kernels::StepState& state);
    // Device memory that holds them; nullptr except between capture() and the end of it: then kernels read it.
    const kernels::StepState* step_state() const { return capturing_ ? state_ : nullptr; }

    // Runs `work`, which enqueues, once now as a recording that runs nothing, and returns the recording.
    template <class Work>
    kernels::Graph capture(Work&& work) {
        runtime_->begin_capture(stream_);
        capturing_ = true;
        try {
            work();
        } catch (...) {
            capturing_ = false;
            if (const kernels::Graph broken = runtime_->end_capture(stream_)) runtime_->destroy(broken);
            throw;
        }
        capturing_ = false;
        return runtime_->end_capture(stream_);
    }
    bool capturing() const { return capturing_; }

  private:
    static constexpr size_t piece = size_t{4} << 20;
    struct Staging {
        std::byte* memory = nullptr;
        kernels::Event free = nullptr;  // passed when the device has read the piece
    };
    std::shared_ptr<kernels::Runtime> runtime_;
    kernels::Stream stream_ = nullptr;
    std::array<Staging, 2> staging_;
    size_t turn_ = 0;
    kernels::StepState* state_ = nullptr;
    bool capturing_ = false;
};

}  // namespace cmtl
