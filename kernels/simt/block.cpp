#include "kernels/simt/block.hpp"

#include <algorithm>
#include <exception>

#include "kernels/simt/hooks.hpp"

namespace cmtl::kernels {

inline namespace on_simt {
thread_local constinit uint3 threadIdx{};
thread_local constinit uint3 blockIdx{};
thread_local constinit dim3 blockDim{};
thread_local constinit dim3 gridDim{};
}  // namespace on_simt

namespace simt {

thread_local constinit unsigned char* dynamic_shared = nullptr;
thread_local constinit unsigned thread_rank = 0;
thread_local constinit Block* current_block = nullptr;

Block::Block() : ready_(rings_[0]), arrived_(rings_[1]), threads_(kMostThreads) {}

unsigned Block::take_fiber() {
    const unsigned i = free_fibers_.back();
    free_fibers_.pop_back();
    prepare_fiber(fibers_[i], fiber_entry);
    starting_fiber_ = i;
    return i;
}

void Block::fiber_entry() {
    Block& block = *current_block;
    entered_fiber(block.home_.stack ? nullptr : &block.home_);
    block.fiber_main(block.starting_fiber_);
}

void Block::fiber_main(unsigned self) {
    try {
        while (next_ < count_) {
            const unsigned rank = order_.empty() ? next_ : order_[next_];
            next_++;
            threads_[rank].fiber = static_cast<uint16_t>(self);
            set_current(rank);
            grid_->run(grid_->kernel, grid_->arguments);
            if (engaged_) thread_returned();
        }
    } catch (const std::exception& error) {
        failure_ = blame(error.what());
        failed_ = true;
    } catch (...) {
        failure_ = blame("an exception left the kernel");
        failed_ = true;
    }
    if (failed_) leave_fiber(fibers_[self], home_);
    free_fibers_.push_back(static_cast<uint16_t>(self));
    leave_fiber(fibers_[self], next_ready());
}

// From here on who has returned is booked thread by thread. Until now nobody waited: all that started, but the one that
// runs, returned.
void Block::engage() {
    engaged_ = true;
    for (Warp& warp : warps_) warp.returned = 0;
    for (unsigned i = 0; i < count_; i++) threads_[i].returned = false, threads_[i].collectives = 0;
    for (unsigned i = 0; i + 1 < next_; i++) {
        const unsigned rank = order_.empty() ? i : order_[i];
        threads_[rank].returned = true;
        warps_[rank / kWarp].returned |= 1u << rank % kWarp;
    }
    returned_ = next_ - 1;
}

void Block::thread_returned() {
    Thread& me = threads_[thread_rank];
    if (copied_) check_exited_copies();
    if (waiting_)
        abandon([&] {
            return fmt::format("returned while thread {} waits at the barrier {}", place(arrived_[0]),
                               barrier_site_.text());
        });
    me.returned = true;
    returned_++;
    leave(me);
    Warp& warp = warps_[thread_rank / kWarp];
    warp.returned |= 1u << thread_rank % kWarp;
    for (unsigned i = 0; i < warp.open_count;) {
        const Rendezvous& r = *warp.open[i];
        if ((r.mask & warp.valid & ~warp.returned & ~r.arrived) == 0)
            complete(warp, i, thread_rank & ~(kWarp - 1));
        else
            i++;
    }
}

inline void* Block::barrier(const BarrierRequest& request, void* here) {
    if (!engaged_) engage();
    const Site site{request.file, request.line};
    if (waiting_ == 0) {
        barrier_site_ = site;
        barrier_first_ = thread_rank;
        vote_ = request.vote == BarrierVote::all;
    } else if (!(site == barrier_site_)) [[unlikely]] {
        abandon([&] {
            return fmt::format("divergent barriers: it is {}, thread {} waits {}", site.text(), place(barrier_first_),
                               barrier_site_.text());
        });
    }
    if (returned_) [[unlikely]]
        came_after_return(site);
    switch (request.vote) {
        case BarrierVote::none:
            break;
        case BarrierVote::any:
            vote_ |= request.predicate != 0;
            break;
        case BarrierVote::all:
            vote_ &= request.predicate != 0;
            break;
        case BarrierVote::count:
            vote_ += request.predicate != 0;
            break;
    }
    if (waiting_ + 1 < count_) {
        arrived_[waiting_++] = static_cast<uint16_t>(thread_rank);
        return suspend(threads_[thread_rank], here);
    }
    // The last one goes on at once. All others become ready; nobody is now.
    results_[barriers_ & 1] = vote_;
    if (const Hooks* h = hooks()) [[unlikely]]
        if (h->barrier) h->barrier(barriers_);
    barriers_++;
    std::swap(ready_, arrived_);
    ready_head_ = 0;
    ready_tail_ = waiting_;
    waiting_ = 0;
    if (grid_->seed) shuffle(ready_, ready_tail_);
    return go_on(here);
}

void* arrive_at_barrier(void* request, void* here) {
    return current_block->barrier(*static_cast<const BarrierRequest*>(request), here);
}
int barrier_result() { return current_block->barrier_result(); }

void Block::came_after_return(Site site) {
    unsigned other = 0;
    while (!threads_[other].returned) other++;
    abandon([&] { return fmt::format("came to the barrier {} after thread {} returned", site.text(), place(other)); });
}

void Block::check_exited_copies() {
    const DeferredCopies& mine = copies_[thread_rank];
    if (!mine.pending.empty())
        abandon([&] {
            return fmt::format("returned with {} asynchronous copies that it did not wait for", mine.pending.size());
        });
}

void Block::prepare(const Grid& grid) {
    grid_ = &grid;
    count_ = grid.block.x * grid.block.y * grid.block.z;
    blockDim = grid.block;
    gridDim = grid.grid;
    const dim3 b = grid.block;
    if (b.x != prepared_block_.x || b.y != prepared_block_.y || b.z != prepared_block_.z) {
        for (unsigned i = 0; i < count_; i++)
            threads_[i] = {{i % b.x, i / b.x % b.y, i / (b.x * b.y)}, 0, false, 0, nullptr};
        const unsigned warps = (count_ + kWarp - 1) / kWarp;
        if (warps_.size() < warps) warps_.resize(warps);
        for (unsigned w = 0; w < warps_.size(); w++) {
            const unsigned lanes = count_ <= w * kWarp ? 0 : std::min(kWarp, count_ - w * kWarp);
            warps_[w].valid = lanes == kWarp ? ~0u : (1u << lanes) - 1;
        }
        if (fibers_.size() < count_) fibers_.grow(count_);
        if (copies_.size() < count_) copies_.resize(count_);
        prepared_block_ = b;
        reset_after_failure();
    }
    order_.resize(grid.seed ? count_ : 0);
    map_shared(grid.shared_bytes);
    used_ = &usage_[grid.kernel];
    look_ = used_->launches < 16 || used_->launches % 64 == 0;
    used_->launches++;
    dynamic_shared = shared_;
    current_block = this;
}

void Block::finish() {
    current_block = nullptr;
    dynamic_shared = nullptr;
    grid_ = nullptr;
}

void Block::run(uint64_t number) {
    const dim3 g = grid_->grid;
    blockIdx = {static_cast<unsigned>(number % g.x), static_cast<unsigned>(number / g.x % g.y),
                static_cast<unsigned>(number / (static_cast<uint64_t>(g.x) * g.y))};
    next_ = returned_ = waiting_ = barriers_ = 0;
    ready_head_ = ready_tail_ = 0;
    engaged_ = copied_ = false;
    if (grid_->seed) {
        random_ = (grid_->seed ^ (grid_->id << 32) ^ number) * 0x9E3779B97F4A7C15u + 1;
        for (unsigned i = 0; i < count_; i++) order_[i] = static_cast<uint16_t>(i);
        shuffle(order_.data(), count_);
    }
    poison_shared();
    const Hooks* h = hooks();
    if (h && h->block_begin) h->block_begin();
    running_ = true;
    home_.stack = nullptr;  // of the OS thread that this is now
    switch_fiber(home_, fibers_[take_fiber()]);
    running_ = false;
    if (!failed_ && engaged_ && returned_ != count_) {
        failure_ = stuck();
        failed_ = true;
    }
    if (failed_) {
        reset_after_failure();
        throw Error(ErrorKind::internal, "simt", failure_);
    }
    if (look_) see_shared_used();
    if (h && h->block_end) h->block_end();
}

void Block::reset_after_failure() {
    failed_ = false;
    free_fibers_.clear();
    for (size_t i = fibers_.size(); i-- > 0;) free_fibers_.push_back(static_cast<uint16_t>(i));
    for (Thread& thread : threads_) thread.shown = nullptr;
    for (DeferredCopies& each : copies_) each.pending.clear(), each.group = 0;
    for (Warp& warp : warps_) {
        warp.open_count = 0;
        warp.free.clear();
        for (const auto& each : warp.all) warp.free.push_back(each.get());
    }
}

void Block::shuffle(uint16_t* items, unsigned count) {
    for (unsigned i = count; i > 1; i--) {
        random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
        std::swap(items[i - 1], items[static_cast<uint32_t>(random_ >> 32) % i]);
    }
}

}  // namespace simt
}  // namespace cmtl::kernels
