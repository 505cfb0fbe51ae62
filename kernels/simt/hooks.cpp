#include "kernels/simt/hooks.hpp"

#include "kernels/simt/block.hpp"
#include "kernels/simt/static_shared.hpp"

namespace cmtl::kernels::simt {

namespace detail {
const Hooks* hook_table = nullptr;
}

void set_hooks(const Hooks* table) { __atomic_store_n(&detail::hook_table, table, __ATOMIC_RELEASE); }

Position position() {
    const Block* block = current_block;
    if (!block || !block->in_kernel()) return {};
    return {true,        block->grid().name, block->grid().id,  blockIdx,
            thread_rank, block->threads(),   block->barriers(), block->collectives()};
}

AddressRange dynamic_shared_range() {
    if (!current_block) return {};
    return {current_block->shared_memory(), current_block->grid().shared_bytes};
}

std::vector<AddressRange> static_shared_ranges() {
    std::vector<AddressRange> ranges;
    for (const SharedVariable& each : shared_variables())
        ranges.push_back({static_shared_base() + each.offset, each.bytes});
    return ranges;
}

std::vector<AddressRange> stack_ranges() {
    std::vector<AddressRange> ranges;
    if (current_block)
        for (const FiberPool::Range& r : current_block->fibers().ranges()) ranges.push_back({r.begin, r.bytes});
    return ranges;
}

void Block::own_ranges(std::vector<AddressRange>& ranges) const {
    ranges.push_back({this, sizeof *this});
    ranges.push_back({threads_.data(), threads_.size() * sizeof(Thread)});
    ranges.push_back({warps_.data(), warps_.size() * sizeof(Warp)});
    for (const Warp& warp : warps_)
        for (const auto& each : warp.all) ranges.push_back({each.get(), sizeof *each});
}

std::vector<AddressRange> internal_ranges() {
    std::vector<AddressRange> ranges = {{&threadIdx, sizeof threadIdx},        {&blockIdx, sizeof blockIdx},
                                        {&blockDim, sizeof blockDim},          {&gridDim, sizeof gridDim},
                                        {&thread_rank, sizeof thread_rank},    {&dynamic_shared, sizeof dynamic_shared},
                                        {&current_block, sizeof current_block}};
    if (current_block) current_block->own_ranges(ranges);
    return ranges;
}

}  // namespace cmtl::kernels::simt
