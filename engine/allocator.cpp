#include "engine/allocator.hpp"

#include <cstdlib>

#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr size_t alignment = 64;
constexpr size_t round_up(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }
// A kept block serves requests down to about 7/8 of its size: the layers of one network differ by more than that, so
// blocks find their layer again in the next step and little is wasted.
constexpr size_t largest_fit(size_t bytes) { return bytes + bytes / 7 + 4096; }
}  // namespace

Allocator::~Allocator() { trim(); }

Allocator::Block Allocator::allocate(size_t bytes) {
    const size_t wanted = round_up(bytes ? bytes : 1);
    Block block{nullptr, wanted};
    {
        std::lock_guard lock(mutex_);
        auto it = unused_.lower_bound(wanted);
        if (it != unused_.end() && it->first <= largest_fit(wanted)) {
            block = {it->second, it->first};
            unused_.erase(it);
        }
    }
    bool fresh = false;
    if (!block.data) {
        fresh = true;
        block.data = static_cast<std::byte*>(std::aligned_alloc(alignment, wanted));
        if (!block.data) {
            trim();
            block.data = static_cast<std::byte*>(std::aligned_alloc(alignment, wanted));
        }
    }
    std::lock_guard lock(mutex_);
    if (!block.data)
        fail(ErrorKind::resource, "memory",
             "out of memory: {} bytes were asked for with {} in use (high-water mark {}); lower the batch size or the "
             "volume size",
             wanted, in_use_, high_water_);
    if (fresh) ++system_allocations_;
    in_use_ += block.capacity;
    if (in_use_ > high_water_) high_water_ = in_use_;
    return block;
}

void Allocator::release(Block block) noexcept {
    std::lock_guard lock(mutex_);
    in_use_ -= block.capacity;
    try {
        unused_.emplace(block.capacity, block.data);
    } catch (...) {
        std::free(block.data);
    }
}

void Allocator::trim() noexcept {
    std::lock_guard lock(mutex_);
    for (auto& [size, data] : unused_) std::free(data);
    unused_.clear();
}

Storage::Storage(std::shared_ptr<Allocator> allocator, size_t bytes)
    : allocator_(std::move(allocator)), block_(allocator_->allocate(bytes)), bytes_(bytes) {}

Storage::~Storage() { allocator_->release(block_); }

}  // namespace cmtl
