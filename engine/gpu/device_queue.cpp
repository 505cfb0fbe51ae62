#include "engine/gpu/device_queue.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace cmtl {

using Direction = kernels::Runtime::Direction;

DeviceQueue::DeviceQueue(std::shared_ptr<kernels::Runtime> runtime) : runtime_(std::move(runtime)), stream_(runtime_->create_stream()) {
    for (Staging& staging : staging_) {
        staging.memory = runtime_->allocate_pinned(piece);
        staging.free = runtime_->create_event();
        runtime_->record(staging.free, stream_);
    }
    state_ = reinterpret_cast<kernels::StepState*>(runtime_->allocate(sizeof(kernels::StepState)));
    if (!state_) fail(ErrorKind::resource, "device", "{} has no memory left", runtime_->properties().name);
}

DeviceQueue::~DeviceQueue() {
    try {
        runtime_->synchronize(stream_);
    } catch (const Error&) {
        // Whoever waited last has seen it, or nobody asks any more.
    }
    runtime_->release(reinterpret_cast<std::byte*>(state_));
    for (Staging& staging : staging_) {
        runtime_->destroy(staging.free);
        runtime_->release_pinned(staging.memory);
    }
    runtime_->destroy(stream_);
}

void DeviceQueue::upload(void* target, const void* source, size_t bytes) {
    require(!capturing_, "device", "{} bytes came from the host inside a recorded step", bytes);
    for (size_t done = 0; done < bytes; done += piece) {
        const size_t count = std::min(piece, bytes - done);
        Staging& staging = staging_[turn_++ % staging_.size()];
        runtime_->synchronize(staging.free);
        std::memcpy(staging.memory, static_cast<const std::byte*>(source) + done, count);
        runtime_->copy(static_cast<std::byte*>(target) + done, staging.memory, count, Direction::to_device, stream_);
        runtime_->record(staging.free, stream_);
    }
}

void DeviceQueue::download(void* target, const void* source, size_t bytes) {
    require(!capturing_, "device", "{} bytes were read by the host inside a recorded step", bytes);
    for (size_t done = 0; done < bytes; done += piece) {
        const size_t count = std::min(piece, bytes - done);
        Staging& staging = staging_[turn_++ % staging_.size()];
        runtime_->synchronize(staging.free);
        runtime_->copy(staging.memory, static_cast<const std::byte*>(source) + done, count, Direction::to_host, stream_);
        runtime_->synchronize(stream_);
        std::memcpy(static_cast<std::byte*>(target) + done, staging.memory, count);
    }
}

void DeviceQueue::set_step(const kernels::StepState& state) { upload(state_, &state, sizeof state); }

}  // namespace cmtl
