#include "engine/allocator.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/error.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)0)
#endif

namespace cmtl {

namespace {

constexpr size_t alignment = 64;
// Under AddressSanitizer every block is followed by poisoned bytes, so that a write behind a tensor is caught inside the arena.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t redzone = 64;
#else
constexpr size_t redzone = 0;
#endif

constexpr size_t small_block = size_t{8} << 20;

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Physical memory, the control group's limit and the soft limits of this process: the smallest.
size_t machine_limit() {
    size_t limit = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
        rlimit r{};
        if (getrlimit(resource, &r) == 0 && r.rlim_cur != RLIM_INFINITY) limit = std::min<size_t>(limit, r.rlim_cur);
    }
    for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
        if (std::FILE* file = std::fopen(path, "r")) {
            unsigned long long bytes = 0;
            if (std::fscanf(file, "%llu", &bytes) == 1 && bytes > 0) limit = std::min<size_t>(limit, bytes);
            std::fclose(file);
        }
    return limit;
}

}  // namespace

HostAllocator::HostAllocator(size_t limit) : limit_(round_up(limit ? limit : machine_limit(), size_t{1} << 21)) {
    for (Arena* arena : {&small_, &large_}) {
        // Address space costs nothing until it is touched; a process under an address limit takes what it can get.
        for (arena->reserved = limit_; arena->reserved >= (size_t{1} << 21); arena->reserved /= 4) {
            void* space = mmap(nullptr, arena->reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (space == MAP_FAILED) continue;
            arena->base = static_cast<std::byte*>(space);
            break;
        }
        if (!arena->base) fail(ErrorKind::resource, "memory", "no address space for tensors: {} bytes were refused", limit_);
        madvise(arena->base, arena->reserved, MADV_HUGEPAGE);
    }
}

HostAllocator::~HostAllocator() {
    for (Arena* arena : {&small_, &large_}) {
        ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->top);
        munmap(arena->base, arena->reserved);
    }
}

HostAllocator::Arena& HostAllocator::arena_for(size_t capacity) { return capacity < small_block ? small_ : large_; }

Allocator::Block HostAllocator::allocate(size_t bytes) {
    std::lock_guard lock(mutex_);
    const auto refuse = [&] {
        fail(ErrorKind::resource, "memory",
             "out of memory: {} bytes were asked for with {} in use (high-water mark {}, limit {}); lower the batch size or the "
             "volume size",
             bytes, in_use_, high_water_, limit_);
    };
    if (bytes > limit_ || in_use_ + bytes > limit_) refuse();
    const size_t capacity = round_up(std::max<size_t>(bytes, 1), alignment), wanted = capacity + redzone;
    Arena& arena = arena_for(capacity);
    // The lowest hole that is large enough: what stays gathers at the bottom, the top stays whole.
    auto hole = std::find_if(arena.free.begin(), arena.free.end(), [&](const auto& f) { return f.second >= wanted; });
    size_t offset;
    if (hole != arena.free.end()) {
        offset = hole->first;
        const size_t rest = hole->second - wanted;
        arena.free.erase(hole);
        if (rest) arena.free.emplace(offset + wanted, rest);
    } else {
        // Grow, from the hole at the very top if there is one.
        offset = arena.top;
        const auto last = arena.free.empty() ? arena.free.end() : std::prev(arena.free.end());
        if (last != arena.free.end() && last->first + last->second == arena.top) offset = last->first;
        if (offset + wanted > arena.reserved) refuse();
        if (offset != arena.top) arena.free.erase(last);
        arena.top = offset + wanted;
        ++growths_;
    }
    in_use_ += capacity;
    high_water_ = std::max(high_water_, in_use_);
    ASAN_UNPOISON_MEMORY_REGION(arena.base + offset, bytes);
    ASAN_POISON_MEMORY_REGION(arena.base + offset + bytes, wanted - bytes);
    return {arena.base + offset, capacity};
}

void HostAllocator::release(Block block) noexcept {
    std::lock_guard lock(mutex_);
    in_use_ -= block.capacity;
    ASAN_POISON_MEMORY_REGION(block.data, block.capacity);
    Arena& arena = arena_for(block.capacity);
    size_t offset = static_cast<size_t>(block.data - arena.base), size = block.capacity + redzone;
    auto next = arena.free.lower_bound(offset);
    if (next != arena.free.end() && offset + size == next->first) {
        size += next->second;
        next = arena.free.erase(next);
    }
    if (next != arena.free.begin()) {
        auto before = std::prev(next);
        if (before->first + before->second == offset) {
            before->second += size;
            return;
        }
    }
    arena.free.emplace_hint(next, offset, size);
}

void HostAllocator::trim() noexcept {
    std::lock_guard lock(mutex_);
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (Arena* arena : {&small_, &large_})
        for (const auto& [offset, size] : arena->free) {
            const size_t begin = round_up(offset, page), end = (offset + size) / page * page;
            if (begin < end) madvise(arena->base + begin, end - begin, MADV_DONTNEED);
        }
}

Storage::Storage(std::shared_ptr<Allocator> allocator, size_t bytes)
    : allocator_(std::move(allocator)), block_(allocator_->allocate(bytes)), bytes_(bytes) {}

Storage::~Storage() { allocator_->release(block_); }

}  // namespace cmtl
