#pragma once
// Device and pinned memory of a simt device. Every allocation ends at memory that may not be touched: a page without
// rights, or AddressSanitizer's redzone.
#include <cstddef>
#include <map>
#include <mutex>

namespace cmtl::kernels::simt {

class Memory {
  public:
    explicit Memory(size_t limit) : limit_(limit) {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    // Says on stderr what was not released.
    ~Memory();

    std::byte* allocate(size_t bytes);  // nullptr beyond the limit
    std::byte* allocate_pinned(size_t bytes);
    void release(std::byte* memory) noexcept;
    void release_pinned(std::byte* memory) noexcept;

    size_t limit() const { return limit_; }
    size_t available() const;
    // Whether all of [p, p + bytes) is in one allocation of device memory; `bytes` may be 0 at its end.
    bool on_device(const void* p, size_t bytes) const;
    bool touches_device(const void* p, size_t bytes) const;
    bool pinned(const void* p) const;

  private:
    struct Allocation {
        size_t bytes;
        void* mapped;
        size_t mapped_bytes;
    };
    using Allocations = std::map<const std::byte*, Allocation>;
    static const Allocations::value_type* find(const Allocations& all, const void* p);
    static std::byte* take(Allocations& all, size_t bytes);
    static void give_back(Allocations& all, std::byte* memory, const char* what) noexcept;

    const size_t limit_;
    size_t used_ = 0;
    Allocations device_, pinned_;
    mutable std::mutex mutex_;
};

}  // namespace cmtl::kernels::simt
