#include "kernels/simt/instrument_shadow.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace cmtl::kernels::simt {

Cells::Cells(size_t bytes_covered) : covered_(bytes_covered), mapped_((bytes_covered / 4 + 2) * sizeof(Cell)) {
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        fail(ErrorKind::resource, "simt", "no address space for the shadow of {} bytes", bytes_covered);
    cells_ = static_cast<Cell*>(memory);
}

Cells::Cells(Cells&& other) noexcept
    : cells_(std::exchange(other.cells_, nullptr)),
      covered_(std::exchange(other.covered_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Cells& Cells::operator=(Cells&& other) noexcept {
    std::swap(cells_, other.cells_);
    std::swap(covered_, other.covered_);
    std::swap(mapped_, other.mapped_);
    return *this;
}

Cells::~Cells() {
    if (cells_) munmap(cells_, mapped_);
}

void DeviceShadow::add(const void* memory, size_t bytes, bool pinned) {
    const std::lock_guard lock(mutex_);
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    ranges_[begin] = Range{begin, bytes, pinned, Cells(bytes)};
}

void DeviceShadow::remove(const void* memory) {
    const std::lock_guard lock(mutex_);
    last_ = nullptr;
    ranges_.erase(reinterpret_cast<uintptr_t>(memory));
}

DeviceShadow::Range* DeviceShadow::search(uintptr_t address) {
    const std::lock_guard lock(mutex_);
    auto it = ranges_.upper_bound(address);
    if (it == ranges_.begin()) return nullptr;
    Range& range = std::prev(it)->second;
    if (address - range.begin >= range.bytes) return nullptr;
    return last_ = &range;
}

const DeviceShadow::Range* DeviceShadow::below(uintptr_t address) {
    const std::lock_guard lock(mutex_);
    const auto it = ranges_.upper_bound(address);
    return it == ranges_.begin() ? nullptr : &std::prev(it)->second;
}

void DeviceShadow::wrote(const void* memory, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    Range* range = search(begin);
    if (!range) return;
    for (size_t offset = begin - range->begin, end = offset + bytes; offset < end;) {
        const size_t first = offset % 4, last = std::min<size_t>(4, first + (end - offset));
        range->cells.at(offset).written |= ((1u << last) - 1) & ~((1u << first) - 1) & 0xF;
        offset += last - first;
    }
}

}  // namespace cmtl::kernels::simt
