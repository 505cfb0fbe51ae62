#include "engine/gpu/device_allocator.hpp"

#include <algorithm>

#include "base/error.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cmtl {

namespace {

constexpr size_t alignment = 256;
constexpr size_t small_block = size_t{1} << 20;
constexpr size_t small_chunk = size_t{8} << 20, large_chunk = size_t{64} << 20;  // at most, but for larger blocks

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Under AddressSanitizer simt's device memory is host memory: what no tensor holds is poisoned, and so are some bytes between blocks.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t redzone = alignment;
void poison(const kernels::Runtime& runtime, std::byte* data, size_t bytes) {
    if (runtime.properties().name == "simt") ASAN_POISON_MEMORY_REGION(data, bytes);
}
void unpoison(const kernels::Runtime& runtime, std::byte* data, size_t bytes) {
    if (runtime.properties().name == "simt") ASAN_UNPOISON_MEMORY_REGION(data, bytes);
}
#else
constexpr size_t redzone = 0;
void poison(const kernels::Runtime&, std::byte*, size_t) {}
void unpoison(const kernels::Runtime&, std::byte*, size_t) {}
#endif

}  // namespace

DeviceAllocator::DeviceAllocator(std::shared_ptr<kernels::Runtime> runtime, size_t limit)
    : runtime_(std::move(runtime)), limit_(limit ? limit : runtime_->properties().memory) {}

DeviceAllocator::~DeviceAllocator() {
    for (Chunks* chunks : {&small_, &large_, &recorded_})
        for (Chunk& chunk : *chunks) {
            unpoison(*runtime_, chunk.base, chunk.bytes);
            runtime_->release(chunk.base);
        }
}

// The lowest hole of the first chunk that has one.
std::byte* DeviceAllocator::cut(Chunks& chunks, size_t wanted) {
    for (Chunk& chunk : chunks)
        for (auto hole = chunk.free.begin(); hole != chunk.free.end(); ++hole) {
            if (hole->second < wanted) continue;
            const auto [offset, size] = *hole;
            chunk.free.erase(hole);
            if (size > wanted) chunk.free.emplace(offset + wanted, size - wanted);
            return chunk.base + offset;
        }
    return nullptr;
}

bool DeviceAllocator::grow(Chunks& chunks, size_t wanted, size_t bytes) {
    if (reserved_ + bytes > limit_) return false;
    std::byte* base = runtime_->allocate(bytes);
    if (!base) return false;
    poison(*runtime_, base, bytes);
    reserved_ += bytes;
    ++growths_;
    chunks.push_back({base, bytes, {{0, bytes}}});
    return wanted <= bytes;
}

void DeviceAllocator::give_back_unused() noexcept {
    for (Chunks* chunks : {&small_, &large_})
        std::erase_if(*chunks, [&](Chunk& chunk) {
            if (chunk.free.size() != 1 || chunk.free.begin()->second != chunk.bytes) return false;
            unpoison(*runtime_, chunk.base, chunk.bytes);
            runtime_->release(chunk.base);
            reserved_ -= chunk.bytes;
            return true;
        });
}

void DeviceAllocator::refuse(size_t bytes) const {
    fail(ErrorKind::resource, "memory",
         "out of memory on {}: {} bytes were asked for with {} in use (high-water mark {}, {} reserved, limit {}); lower the batch size "
         "or the volume size",
         runtime_->properties().name, bytes, in_use_, high_water_, reserved_, limit_);
}

Allocator::Block DeviceAllocator::allocate(size_t bytes) {
    std::lock_guard lock(mutex_);
    if (bytes > limit_) refuse(bytes);
    const size_t capacity = round_up(std::max<size_t>(bytes, 1), alignment), wanted = capacity + redzone;
    const bool small = capacity < small_block;
    Chunks& chunks = recording_ ? recorded_ : small ? small_ : large_;
    std::byte* data = cut(chunks, wanted);
    if (!data) {
        // A chunk with room for more (as much as there is already, so that small work stays small), one of just this size, and
        // that again once everything unused is given back.
        const size_t spare = std::clamp(reserved_, small_block, small ? small_chunk : large_chunk);
        const size_t roomy = round_up(std::max(wanted, spare), small_block);
        bool grown = grow(chunks, wanted, roomy) || grow(chunks, wanted, wanted);
        if (!grown && !recording_) {  // what waits for the device cannot happen inside a recording
            give_back_unused();
            grown = grow(chunks, wanted, wanted);
        }
        if (!grown) refuse(bytes);
        data = cut(chunks, wanted);
    }
    in_use_ += capacity;
    high_water_ = std::max(high_water_, in_use_);
    unpoison(*runtime_, data, bytes);
    return {data, capacity};
}

void DeviceAllocator::release(Block block) noexcept {
    std::lock_guard lock(mutex_);
    in_use_ -= block.capacity;
    poison(*runtime_, block.data, block.capacity);
    const size_t bytes = block.capacity + redzone;
    for (Chunks* chunks : {&small_, &large_, &recorded_})
        for (Chunk& chunk : *chunks)
            if (block.data >= chunk.base && block.data < chunk.base + chunk.bytes)
                return join(chunk, static_cast<size_t>(block.data - chunk.base), bytes);
}

// Adds a hole and merges it with its neighbours.
void DeviceAllocator::join(Chunk& chunk, size_t offset, size_t bytes) {
    const auto here = chunk.free.emplace(offset, bytes).first;
    if (const auto next = std::next(here); next != chunk.free.end() && offset + bytes == next->first) {
        here->second += next->second;
        chunk.free.erase(next);
    }
    if (here == chunk.free.begin()) return;
    const auto before = std::prev(here);
    if (before->first + before->second == offset) {
        before->second += here->second;
        chunk.free.erase(here);
    }
}

void DeviceAllocator::trim() noexcept {
    std::lock_guard lock(mutex_);
    give_back_unused();
}

}  // namespace cmtl
