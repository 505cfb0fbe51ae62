#pragma once
// Memory of tensors: freed blocks are kept and handed out again, because a fresh 400 MB block costs more in page faults
// than the operator that fills it.
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace cmtl {

class Allocator : public std::enable_shared_from_this<Allocator> {
  public:
    ~Allocator();
    struct Block {
        std::byte* data;
        size_t capacity;  // at least the bytes asked for
    };
    // 64-byte aligned. Throws Error(resource) naming the request, the bytes in use and the high-water mark.
    Block allocate(size_t bytes);
    void release(Block block) noexcept;
    // Gives every unused block back to the system.
    void trim() noexcept;

    size_t in_use() const { return in_use_; }
    // The most bytes that tensors ever held at one time.
    size_t high_water() const { return high_water_; }
    void reset_high_water() { high_water_ = in_use_; }
    // System allocations made so far: constant over the steps of a training loop that has warmed up.
    size_t system_allocations() const { return system_allocations_; }

  private:
    std::mutex mutex_;
    std::multimap<size_t, std::byte*> unused_;
    size_t in_use_ = 0, high_water_ = 0, system_allocations_ = 0;
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
