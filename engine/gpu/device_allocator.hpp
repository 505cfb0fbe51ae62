#pragma once
#include <vector>

#include "engine/allocator.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {

// Memory of tensors on a device. Chunks are asked of the runtime, which waits for the device, and kept; blocks are cut from them
// and merge when they are freed. A block is handed out again at once: whatever still uses it was enqueued earlier on the same
// stream than whatever will use it next, so nothing waits.
class DeviceAllocator : public Allocator {
  public:
    // `limit`: the most bytes to ask of the device; 0: all it has.
    explicit DeviceAllocator(std::shared_ptr<kernels::Runtime> runtime, size_t limit = 0);
    ~DeviceAllocator() override;
    DeviceAllocator(const DeviceAllocator&) = delete;
    DeviceAllocator& operator=(const DeviceAllocator&) = delete;

    Block allocate(size_t bytes) override;
    void release(Block block) noexcept override;
    void trim() noexcept override;
    void set_recording(bool on) override { recording_ = on; }
    // Bytes asked of the device and not given back.
    size_t reserved() const { return reserved_; }

  private:
    struct Chunk {
        std::byte* base;
        size_t bytes;
        std::map<size_t, size_t> free;  // offset -> bytes, neighbours merged
    };
    using Chunks = std::vector<Chunk>;
    std::byte* cut(Chunks& chunks, size_t wanted);
    bool grow(Chunks& chunks, size_t wanted, size_t bytes);
    static void join(Chunk& chunk, size_t offset, size_t bytes);
    void give_back_unused() noexcept;
    [[noreturn]] void refuse(size_t bytes) const;

    std::shared_ptr<kernels::Runtime> runtime_;
    size_t limit_, reserved_ = 0;
    bool recording_ = false;
    Chunks recorded_;       // kept for recorded graphs
    Chunks small_, large_;  // as in HostAllocator: weights and activations do not split each other's holes
};

}  // namespace cmtl
