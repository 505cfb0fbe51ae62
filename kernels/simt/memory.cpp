#include "kernels/simt/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/simt/fiber.hpp"
#include "kernels/simt/hooks.hpp"

namespace cmtl::kernels::simt {
namespace {

constexpr size_t kAlignment = 256;
// Fresh device memory holds bits of 1, so that NaN shows where a kernel reads what nobody wrote. Larger allocations are
// arenas, whose pages would all be touched for it.
constexpr size_t kPoisoned = 64 << 20;

uint64_t leaked = 0;

size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

void announce(const void* memory, size_t bytes, bool pinned) {
    if (const Hooks* h = hooks(); memory && h && h->allocated) h->allocated(memory, bytes, pinned);
}

}  // namespace

uint64_t leaked_allocations() noexcept { return __atomic_load_n(&leaked, __ATOMIC_RELAXED); }

std::byte* Memory::take(Allocations& all, size_t bytes) {
    if (bytes > SIZE_MAX / 2) return nullptr;
#if defined(CMTL_SIMT_ASAN)
    void* memory = nullptr;
    if (posix_memalign(&memory, kAlignment, bytes ? bytes : 1) != 0) return nullptr;
    const Allocation allocation{bytes, memory, 0};
#else
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), inside = round_up(bytes ? bytes : 1, kAlignment);
    const size_t usable = round_up(inside, page), mapped = usable + page;
    void* map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return nullptr;
    mprotect(static_cast<char*>(map) + usable, page, PROT_NONE);
    void* memory = static_cast<char*>(map) + (usable - inside);
    const Allocation allocation{bytes, map, mapped};
#endif
    if (bytes <= kPoisoned) std::memset(memory, 0xFF, bytes);
    std::byte* result = static_cast<std::byte*>(memory);
    all.emplace(result, allocation);
    return result;
}

void Memory::give_back(Allocations& all, std::byte* memory, const char* what) noexcept {
    const auto it = all.find(memory);
    if (it == all.end()) {
        std::fprintf(stderr, "[simt] %p is released but is no %s memory\n", static_cast<void*>(memory), what);
        std::abort();
    }
    if (const Hooks* h = hooks(); h && h->released) h->released(memory);
#if defined(CMTL_SIMT_ASAN)
    std::free(it->second.mapped);
#else
    munmap(it->second.mapped, it->second.mapped_bytes);
#endif
    all.erase(it);
}

std::byte* Memory::allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > limit_ - used_) return nullptr;
    std::byte* memory = take(device_, bytes);
    if (memory) used_ += bytes;
    announce(memory, bytes, false);
    return memory;
}

std::byte* Memory::allocate_pinned(size_t bytes) {
    const std::lock_guard lock(mutex_);
    std::byte* memory = take(pinned_, bytes);
    announce(memory, bytes, true);
    return memory;
}

void Memory::release(std::byte* memory) noexcept {
    if (!memory) return;
    const std::lock_guard lock(mutex_);
    if (const auto it = device_.find(memory); it != device_.end()) used_ -= it->second.bytes;
    give_back(device_, memory, "device");
}

void Memory::release_pinned(std::byte* memory) noexcept {
    if (!memory) return;
    const std::lock_guard lock(mutex_);
    give_back(pinned_, memory, "pinned");
}

size_t Memory::available() const {
    const std::lock_guard lock(mutex_);
    return limit_ - used_;
}

const Memory::Allocations::value_type* Memory::find(const Allocations& all, const void* p) {
    auto it = all.upper_bound(static_cast<const std::byte*>(p));
    if (it == all.begin()) return nullptr;
    --it;
    return static_cast<const std::byte*>(p) <= it->first + it->second.bytes ? &*it : nullptr;
}

bool Memory::on_device(const void* p, size_t bytes) const {
    const std::lock_guard lock(mutex_);
    const auto* found = find(device_, p);
    return found && bytes <= static_cast<size_t>(found->first + found->second.bytes - static_cast<const std::byte*>(p));
}

bool Memory::touches_device(const void* p, size_t bytes) const {
    const std::lock_guard lock(mutex_);
    const std::byte *begin = static_cast<const std::byte*>(p), *end = begin + bytes;
    const auto it = device_.lower_bound(end);  // the first that starts at or after the end
    return it != device_.begin() && std::prev(it)->first + std::prev(it)->second.bytes > begin;
}

bool Memory::pinned(const void* p) const {
    const std::lock_guard lock(mutex_);
    return find(pinned_, p) != nullptr;
}

Memory::~Memory() {
    const auto report = [](Allocations& all, const char* what) {
        if (all.empty()) return;
        size_t bytes = 0;
        for (const auto& each : all) bytes += each.second.bytes;
        std::fprintf(stderr, "[simt] %zu allocations of %s memory, %zu bytes, were never released\n", all.size(), what,
                     bytes);
        __atomic_fetch_add(&leaked, all.size(), __ATOMIC_RELAXED);
        while (!all.empty()) give_back(all, const_cast<std::byte*>(all.begin()->first), what);
    };
    report(device_, "device");
    report(pinned_, "pinned");
}

}  // namespace cmtl::kernels::simt
