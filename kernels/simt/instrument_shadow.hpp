#pragma once
// What is known of every 4 bytes of shared and device memory: who wrote and who read them last, and whether anyone ever
// did.
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace cmtl::kernels::simt {

// 32 bytes. `stamp` is the block (shared memory) or the launch (device memory) that the rest speaks of; only `written`
// of device memory outlives it.
struct Cell {
    uint32_t stamp;
    uint32_t write_block, read_block;
    uint32_t read_lanes;  // of the last warp that read
    uint16_t write_epoch, write_clock;
    uint16_t read_epoch, read_clock;
    uint16_t write_site : 14, counted_load : 1, counted_store : 1;           // counted: among the unique bytes
    uint16_t read_site : 14, read_by_warps : 1, read_by_blocks : 1;          // by more than one of the same moment
    uint16_t write_thread : 10, write_atomic : 1, pending : 1, written : 4;  // written: which bytes hold something
    uint16_t write_bytes : 4, read_bytes : 4, read_warp : 5;                 // which bytes of the 4; 0: none did
};
static_assert(sizeof(Cell) == 32);

// Zeroed memory that takes room only where it is touched.
class Cells {
  public:
    Cells() = default;
    explicit Cells(size_t bytes_covered);
    Cells(Cells&& other) noexcept;
    Cells& operator=(Cells&& other) noexcept;
    ~Cells();
    // Of the 4 bytes at this offset of what is covered.
    Cell& at(size_t offset) { return cells_[offset / 4]; }
    size_t covered() const { return covered_; }

  private:
    Cell* cells_ = nullptr;
    size_t covered_ = 0, mapped_ = 0;
};

// Device and pinned memory that is allocated, and its cells.
class DeviceShadow {
  public:
    struct Range {
        uintptr_t begin;
        size_t bytes;
        bool pinned;  // the host writes there, too: always taken as written
        Cells cells;
    };
    void add(const void* memory, size_t bytes, bool pinned);
    void remove(const void* memory);
    // A copy or a fill of the runtime.
    void wrote(const void* memory, size_t bytes);
    // nullptr where nothing is allocated.
    Range* find(uintptr_t address) {
        if (last_ && address - last_->begin < last_->bytes) return last_;
        return search(address);
    }
    // Where the next allocation below or above `address` lies, for messages.
    const Range* below(uintptr_t address);

  private:
    Range* search(uintptr_t address);
    std::map<uintptr_t, Range> ranges_;
    Range* last_ = nullptr;
    std::mutex mutex_;
};

}  // namespace cmtl::kernels::simt
