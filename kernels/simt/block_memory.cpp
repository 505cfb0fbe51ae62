// Dynamic shared memory of a block, and the copies that its threads defer.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "kernels/simt/block.hpp"
#include "kernels/simt/hooks.hpp"
#include "kernels/simt/static_shared.hpp"

namespace cmtl::kernels::simt {

constexpr size_t kSharedByDefault = 48 << 10;

// Its end lies at a page that may not be touched, so that what runs over it faults. AddressSanitizer gets an allocation
// of the exact size instead.
void Block::map_shared(size_t bytes) {
    if (bytes == shared_size_) return;
#if defined(CMTL_SIMT_ASAN)
    std::free(shared_map_);
    shared_map_ = shared_ = nullptr;
    shared_size_ = bytes;
    if (bytes == 0) return;
    void* memory = nullptr;
    if (posix_memalign(&memory, 128, bytes) != 0)
        fail(ErrorKind::resource, "simt", "no memory for {} bytes of shared memory", bytes);
    shared_map_ = shared_ = static_cast<unsigned char*>(memory);
#else
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), rounded = (bytes + 127) / 128 * 128;
    const size_t usable = (rounded + page - 1) / page * page;
    if (usable + page > shared_map_bytes_) {
        void* memory = mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || mprotect(static_cast<char*>(memory) + usable, page, PROT_NONE) != 0)
            fail(ErrorKind::resource, "simt", "no memory for {} bytes of shared memory", bytes);
        if (shared_map_) munmap(shared_map_, shared_map_bytes_);
        shared_map_ = static_cast<unsigned char*>(memory);
        shared_map_bytes_ = usable + page;
    }
    shared_ = shared_map_ + (shared_map_bytes_ - page - rounded);
    shared_size_ = bytes;
#endif
}

Block::~Block() {
#if defined(CMTL_SIMT_ASAN)
    std::free(shared_map_);
#else
    if (shared_map_) munmap(shared_map_, shared_map_bytes_);
#endif
}

// Shared memory is what the block before left there. Bits of 1, NaN in floats, show whoever reads what this block did
// not write.
void Block::poison_shared() {
    if (shared_size_) std::memset(shared_, 0xFF, shared_size_);
    const auto& all = shared_variables();
    unsigned char* const base = all.empty() ? nullptr : static_shared_base();
    if (look_)
        for (const SharedVariable& each : all) std::memset(base + each.offset, 0xFF, each.bytes);
    else
        for (const unsigned i : used_->variables) std::memset(base + all[i].offset, 0xFF, all[i].bytes);
}

void Block::see_shared_used() {
    look_ = false;
    const auto& all = shared_variables();
    size_t total = shared_size_;
    auto& known = used_->variables;
    for (unsigned i = 0; i < all.size(); i++) {
        const unsigned char* memory = static_shared_base() + all[i].offset;
        const bool untouched =
            all[i].bytes == 0 || (*memory == 0xFF && std::memcmp(memory, memory + 1, all[i].bytes - 1) == 0);
        const bool listed = std::find(known.begin(), known.end(), i) != known.end();
        if (!untouched && !listed) known.push_back(i);
        if (!untouched) total += all[i].bytes;
    }
    // launch() asks for more than the default only where the dynamic part needs it.
    const size_t limit = shared_size_ > kSharedByDefault ? grid_->shared_limit : kSharedByDefault;
    if (total > limit)
        fail(ErrorKind::internal, "simt", "kernel {}: {} bytes of shared memory, {} of them dynamic; a block may have {}",
             grid_->name, total, shared_size_, limit);
}

namespace {

void make(const DeferredCopy& copy) {
    if (const Hooks* h = hooks()) [[unlikely]]
        if (h->async_copy) h->async_copy(copy.target, copy.source, copy.bytes);
    std::memcpy(copy.target, copy.source, copy.source_bytes);
    std::memset(static_cast<char*>(copy.target) + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
}

void make_all_but(DeferredCopies& copies, unsigned kept_from_group) {
    auto& pending = copies.pending;
    size_t done = 0;
    while (done < pending.size() && pending[done].group < kept_from_group) make(pending[done++]);
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace

DeferredCopies& Block::copies() {
    if (!engaged_) engage();
    copied_ = true;
    return copies_[thread_rank];
}

void async_copy(void* shared, const void* global, unsigned bytes, unsigned source_bytes) {
    const auto aligned = [bytes](const void* p) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; };
    if ((bytes != 4 && bytes != 8 && bytes != 16) || source_bytes > bytes || !aligned(shared) ||
        (source_bytes && !aligned(global)))
        current_block->abandon([&] {
            return fmt::format("cp.async of {} bytes ({} read) to {} from {}: 4, 8 or 16 bytes, aligned to as many",
                               bytes, source_bytes, shared, global);
        });
    if (const Hooks* h = hooks(); h && h->async_begin)
        h->async_begin(shared, global, bytes, source_bytes, __builtin_return_address(0));
    DeferredCopies& mine = current_block->copies();
    std::memset(shared, 0xFF, bytes);
    mine.pending.push_back({shared, global, bytes, source_bytes, mine.group});
}

void async_commit() { current_block->copies().group++; }

void async_wait(int groups) {
    DeferredCopies& mine = current_block->copies();
    const unsigned kept = groups < 0 ? 0 : static_cast<unsigned>(groups);
    make_all_but(mine, mine.group > kept ? mine.group - kept : 0);
}

void async_wait_all() {
    DeferredCopies& mine = current_block->copies();
    make_all_but(mine, mine.group + 1);
    mine.group++;
}

}  // namespace cmtl::kernels::simt
