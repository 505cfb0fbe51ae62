#pragma once
// Memory of tensors: two arenas of address space per context, one for small blocks (weights, their gradients) and one for large
// ones (activations), in which freed blocks merge with their neighbours. Kept apart, a weight's gradient never splits the hole
// that the next activation needs, so the process grows to the most that tensors held at one time and not much beyond, and a
// step that repeats touches no new page.
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace cmtl {

class Allocator {
  public:
    virtual ~Allocator() = default;

    struct Block {
        std::byte* data;
        size_t capacity;  // the bytes asked for, rounded up
    };
    // 64-byte aligned. Throws Error(resource) naming the request, the bytes in use, the high-water mark and the limit.
    virtual Block allocate(size_t bytes) = 0;
    virtual void release(Block block) noexcept = 0;
    // Gives free blocks back to the system.
    virtual void trim() noexcept = 0;
    // While on, blocks come from memory that nothing else will use afterwards: a recorded graph writes there whenever it is replayed.
    virtual void set_recording(bool) {}

    size_t in_use() const { return in_use_; }
    // The most bytes that tensors ever held at one time.
    size_t high_water() const { return high_water_; }
    void reset_high_water() { high_water_ = in_use_; }
    // How often the system was asked for memory: constant over the steps of a training loop that has warmed up.
    size_t system_allocations() const { return growths_; }

  protected:
    std::mutex mutex_;
    size_t in_use_ = 0, high_water_ = 0, growths_ = 0;
};

// Two arenas of address space, one for small blocks (weights, their gradients) and one for large ones (activations), in which
// freed blocks merge. Kept apart, a weight's gradient never splits the hole that the next activation needs, so the process
// grows to the most that tensors held at one time and not much beyond, and a step that repeats touches no new page.
class HostAllocator : public Allocator {
  public:
    // `limit`: the most bytes to ever hold; 0 means what this machine, its control group and its resource limits allow.
    explicit HostAllocator(size_t limit = 0);
    ~HostAllocator() override;
    HostAllocator(const HostAllocator&) = delete;
    HostAllocator& operator=(const HostAllocator&) = delete;

    Block allocate(size_t bytes) override;
    void release(Block block) noexcept override;
    void trim() noexcept override;

  private:
    struct Arena {
        std::byte* base = nullptr;
        size_t reserved = 0, top = 0;   // bytes of address space; bytes of it ever handed out
        std::map<size_t, size_t> free;  // offset -> bytes, neighbours merged, all below top
    };
    Arena& arena_for(size_t capacity);

    size_t limit_;
    Arena small_, large_;
};

// A block of an allocator, returned to it when the last tensor that shares it goes.
class Storage {
  public:
    Storage(std::shared_ptr<Allocator> allocator, size_t bytes);
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;
    std::byte* data() const { return block_.data; }
    size_t bytes() const { return bytes_; }

  private:
    std::shared_ptr<Allocator> allocator_;
    Allocator::Block block_;
    size_t bytes_;
};

}  // namespace cmtl
