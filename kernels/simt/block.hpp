#pragma once
// One block at a time on one OS thread. Threads that never wait run back to back on one fiber. A thread that waits
// keeps the fiber it is on, and the next one starts on another.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "kernels/simt/execution.hpp"
#include "kernels/simt/fiber.hpp"

namespace cmtl::kernels::simt {

constexpr unsigned kMostThreads = 1024;

// What all blocks of a launch share.
struct Grid {
    const char* name;
    const void* kernel;
    dim3 grid, block;
    size_t shared_bytes;
    size_t shared_limit;  // of the architecture, static and dynamic together
    void (*run)(const void* kernel, const void* arguments);
    const void* arguments;
    uint64_t seed;  // 0: in order
    uint64_t id;    // counts launches
};

struct Site {
    const char* file = nullptr;
    unsigned line = 0;
    bool operator==(const Site& other) const {
        return line == other.line && (file == other.file || std::strcmp(file, other.file) == 0);
    }
    std::string text() const;
};

struct Rendezvous;

struct Thread {
    uint3 index;
    uint16_t fiber;
    bool returned;
    unsigned collectives;  // it took part in
    Rendezvous* shown;     // whose slots it may still read
};

// Lanes of a warp that meet. It is handed out anew once all of them have come to their next collective.
struct Rendezvous : Meeting {
    unsigned readers, bytes;
    const char* what;
    Site site;  // of the lane that came first
};

struct Warp {
    unsigned valid;  // lanes that exist
    unsigned returned;
    unsigned open_count;
    Rendezvous* open[kWarp];
    std::vector<Rendezvous*> free;
    std::vector<std::unique_ptr<Rendezvous>> all;
};

struct DeferredCopy {
    void* target;
    const void* source;
    unsigned bytes, source_bytes, group;
};
struct DeferredCopies {
    std::vector<DeferredCopy> pending;
    unsigned group = 0;  // that the next copy belongs to
};

class Block {
  public:
    Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block();

    // Before the first block of a launch on this OS thread, and after the last.
    void prepare(const Grid& grid);
    void finish();
    // Runs block `number`. Throws Error(internal) with what went wrong; the block is then abandoned where it stands.
    void run(uint64_t number);

    // Called by the thread that runs.
    void* barrier(const BarrierRequest& request, void* here);
    void* exchange(ExchangeRequest& request, void* here);
    int barrier_result() const { return results_[(barriers_ - 1) & 1]; }
    DeferredCopies& copies();  // its own
    // Ends the block with what text() says of the thread that runs. A function, because nothing that is left on this
    // stack is destroyed.
    template <class Text>
    [[noreturn]] void abandon(Text&& text) {
        failure_ = blame(text());
        give_up();
    }

    const Grid& grid() const { return *grid_; }
    unsigned barriers() const { return barriers_; }
    unsigned collectives() const { return threads_[thread_rank].collectives; }
    unsigned threads() const { return count_; }
    unsigned char* shared_memory() const { return shared_; }
    FiberPool& fibers() { return fibers_; }
    bool in_kernel() const { return running_; }
    void own_ranges(std::vector<struct AddressRange>& ranges) const;

  private:
    static void fiber_entry();
    [[noreturn]] void fiber_main(unsigned self);
    // `me` stops until somebody wakes it; says who goes on meanwhile.
    void* suspend(Thread& me, void* here) {
        return go_on_in(next_ < count_ ? fibers_[take_fiber()] : next_ready(), fibers_[me.fiber], here);
    }
    void set_current(unsigned rank) {
        thread_rank = rank;
        threadIdx = threads_[rank].index;
    }
    Fiber& next_ready() {
        if (ready_head_ == ready_tail_) return home_;
        expect_fiber(fibers_[threads_[ready_[(ready_head_ + 2) % kMostThreads]].fiber]);
        const unsigned rank = ready_[ready_head_++ % kMostThreads];
        set_current(rank);
        return fibers_[threads_[rank].fiber];
    }
    void wake(unsigned rank) { ready_[ready_tail_++ % kMostThreads] = static_cast<uint16_t>(rank); }
    unsigned take_fiber();
    void engage();
    void thread_returned();
    // It will not read the slots of its last collective any more.
    void leave(Thread& me) {
        if (me.shown && --me.shown->readers == 0) warps_[thread_rank / kWarp].free.push_back(me.shown);
        me.shown = nullptr;
    }
    Rendezvous& rendezvous(Warp& warp, unsigned mask, const char* what, unsigned bytes, Site site);
    void complete(Warp& warp, unsigned position, unsigned first_lane);
    std::string place(unsigned rank) const;
    std::string stuck() const;
    std::string blame(std::string_view message) const;
    [[noreturn]] void give_up();
    void reset_after_failure();
    void shuffle(uint16_t* items, unsigned count);
    void map_shared(size_t bytes);
    void poison_shared();
    void see_shared_used();
    void check_exited_copies();
    [[noreturn]] void came_after_return(Site site);

    const Grid* grid_ = nullptr;
    unsigned count_ = 0;  // threads
    unsigned next_ = 0;   // to start
    unsigned returned_ = 0;
    unsigned waiting_ = 0;   // at the barrier
    unsigned barriers_ = 0;  // met in this block
    bool engaged_ = false;   // some thread waited or copied: the rest is booked exactly
    bool running_ = false;
    bool failed_ = false;
    bool copied_ = false;
    int vote_ = 0;         // of the barrier that threads arrive at
    int results_[2] = {};  // of the last two
    Site barrier_site_;
    unsigned barrier_first_ = 0;
    unsigned ready_head_ = 0, ready_tail_ = 0;
    uint16_t* ready_;    // a ring of those that may go on
    uint16_t* arrived_;  // those at the barrier
    uint16_t rings_[2][kMostThreads] = {};
    unsigned starting_fiber_ = 0;
    std::vector<uint16_t> free_fibers_;
    std::vector<uint16_t> order_;
    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    std::vector<DeferredCopies> copies_;
    FiberPool fibers_;
    Fiber home_;  // the OS thread's own stack
    // Which __shared__ variables a kernel writes, found by running it: only those are poisoned before each block.
    struct Usage {
        unsigned launches = 0;
        std::vector<unsigned> variables;
    };
    std::unordered_map<const void*, Usage> usage_;
    Usage* used_ = nullptr;
    bool look_ = false;  // at all of them, in the next block
    unsigned char* shared_ = nullptr;
    unsigned char* shared_map_ = nullptr;
    size_t shared_map_bytes_ = 0, shared_size_ = 0;
    uint64_t random_ = 0;
    std::string failure_;
    dim3 prepared_block_{0, 0, 0};
};

// Of this OS thread while it runs a kernel.
CMTL_SIMT_THREAD_LOCAL Block* current_block;

}  // namespace cmtl::kernels::simt
