#pragma once
// The processor of a simt device: OS threads that share out the blocks of one launch after another.
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/simt/block.hpp"

namespace cmtl::kernels::simt {

class Processor {
  public:
    explicit Processor(int workers);
    Processor(const Processor&) = delete;
    Processor& operator=(const Processor&) = delete;
    ~Processor();

    // Runs every block; the calling thread takes its share. Throws the first failure; blocks that had not started do
    // not run.
    void run(const Grid& grid);
    int workers() const { return static_cast<int>(blocks_.size()); }

  private:
    struct Job {
        const Grid* grid = nullptr;
        uint64_t count = 0, chunk = 1, step = 1, offset = 0;
        std::atomic<uint64_t> next{0};
        std::atomic<bool> failed{false};
        std::exception_ptr failure;  // under mutex_
    };
    void work(Job& job, Block& block);
    void worker_main(size_t index);

    std::vector<std::unique_ptr<Block>> blocks_;  // [0] is the calling thread's
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    Job* job_ = nullptr;
    uint64_t jobs_ = 0;
    int active_ = 0;
    bool stop_ = false;
};

// The limits of CUDA's "Technical specifications per compute capability".
size_t shared_per_block(int capability);
// Throws Error(internal) naming kernel and value when a GPU of that capability would refuse the launch.
void check_launch_limits(int capability, const char* name, dim3 grid, dim3 block, size_t shared_bytes);

}  // namespace cmtl::kernels::simt
