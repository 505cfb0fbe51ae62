#pragma once
// Tens of megabytes that are zero at first: straight from the kernel, in large pages where it has them, so that neither
// filling them nor faulting them in by 4 KiB takes time. Trivial types only.
#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace cmtl {

struct Unmap {
    size_t bytes = 0;
    void operator()(void* memory) const { munmap(memory, bytes); }
};

template <class T>
class LargeArray {
  public:
    LargeArray() = default;
    // Throws std::bad_alloc.
    explicit LargeArray(size_t count) : count_(count) {
        if (count == 0) return;
        const size_t bytes = count * sizeof(T);
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        madvise(memory, bytes, MADV_HUGEPAGE);
        memory_ = std::unique_ptr<void, Unmap>(memory, Unmap{bytes});
    }
    T* data() { return static_cast<T*>(memory_.get()); }
    const T* data() const { return static_cast<const T*>(memory_.get()); }
    std::span<const T> span() const { return {data(), count_}; }
    bool empty() const { return count_ == 0; }

  private:
    std::unique_ptr<void, Unmap> memory_;
    size_t count_ = 0;
};

}  // namespace cmtl
