#include "kernels/simt/device.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/simt/hooks.hpp"

namespace cmtl::kernels::simt {
namespace {

#if defined(CMTL_SIMT_ASAN) || defined(CMTL_SIMT_COUNTED)
std::mutex one_at_a_time;  // __shared__ variables are plain statics, or one shadow serves all blocks
#endif

}  // namespace

size_t shared_per_block(int capability) {
    switch (capability) {
        case 70:
            return 96 << 10;
        case 75:
            return 64 << 10;
        case 80:
        case 87:
            return 163 << 10;
        case 86:
        case 89:
        case 120:
        case 121:
            return 99 << 10;
        case 90:
        case 100:
        case 101:
        case 103:
            return 227 << 10;
        default:
            fail(ErrorKind::internal, "simt",
                 "compute capability {} is not known: 70 75 80 86 87 89 90 100 101 103 120 121", capability);
    }
}

void check_launch_limits(int capability, const char* name, dim3 grid, dim3 block, size_t shared_bytes) {
    const auto refuse = [&](std::string_view why) {
        fail(ErrorKind::internal, "simt",
             "kernel {}: {} (grid {}x{}x{}, block {}x{}x{}, {} bytes of dynamic shared memory, sm_{})", name, why,
             grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes, capability);
    };
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) refuse("the grid is empty");
    if (block.x == 0 || block.y == 0 || block.z == 0) refuse("the block is empty");
    if (grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535)
        refuse("the grid is larger than 2147483647x65535x65535");
    if (block.x > 1024 || block.y > 1024 || block.z > 64) refuse("the block is larger than 1024x1024x64");
    if (static_cast<uint64_t>(block.x) * block.y * block.z > 1024) refuse("the block has more than 1024 threads");
    if (shared_bytes > shared_per_block(capability))
        refuse(fmt::format("a block may have {} bytes of shared memory", shared_per_block(capability)));
}

Processor::Processor(int workers) {
#if defined(CMTL_SIMT_ASAN) || defined(CMTL_SIMT_COUNTED)
    workers = 1;
#endif
    for (int i = 0; i < std::max(workers, 1); i++) blocks_.push_back(std::make_unique<Block>());
}

Processor::~Processor() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Processor::work(Job& job, Block& block) {
    try {
        block.prepare(*job.grid);
        for (uint64_t begin;
             !job.failed && (begin = job.next.fetch_add(job.chunk, std::memory_order_relaxed)) < job.count;) {
            const uint64_t end = std::min(begin + job.chunk, job.count);
            for (uint64_t i = begin; i < end; i++) {
                __extension__ using wide = unsigned __int128;
                block.run(job.step == 1
                              ? i
                              : static_cast<uint64_t>((static_cast<wide>(i) * job.step + job.offset) % job.count));
            }
        }
    } catch (...) {
        job.failed = true;
        const std::lock_guard lock(mutex_);
        if (!job.failure) job.failure = std::current_exception();
    }
    block.finish();
}

void Processor::worker_main(size_t index) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return stop_ || (job_ && jobs_ != seen); });
        if (stop_) return;
        seen = jobs_;
        Job& job = *job_;
        active_++;
        lock.unlock();
        work(job, *blocks_[index]);
        lock.lock();
        if (--active_ == 0) idle_.notify_one();
    }
}

void Processor::run(const Grid& grid) {
#if defined(CMTL_SIMT_ASAN) || defined(CMTL_SIMT_COUNTED)
    const std::lock_guard alone(one_at_a_time);
#endif
    Job job;
    job.grid = &grid;
    job.count = static_cast<uint64_t>(grid.grid.x) * grid.grid.y * grid.grid.z;
    const uint64_t workers = blocks_.size();
    job.chunk = std::clamp<uint64_t>(job.count / (workers * 16), 1, 64);
    if (grid.seed && job.count > 1) {  // i * step + offset visits every block once
        const uint64_t random = (grid.seed + grid.id) * 0x9E3779B97F4A7C15u;
        job.offset = (random >> 7) % job.count;
        job.step = job.count == 2 ? 3 : (random >> 3) % job.count;  // 1 would mean in order
        while (std::gcd(job.step, job.count) != 1 || job.step == 1) job.step = job.step % job.count + 1;
    }
    const LaunchInfo info{grid.name, grid.kernel, grid.grid, grid.block, grid.shared_bytes, grid.id};
    const Hooks* h = hooks();
    if (h && h->launch_begin) h->launch_begin(info);
    const bool shared = workers > 1 && job.count > 1;
    if (shared) {
        {
            const std::lock_guard lock(mutex_);
            while (threads_.size() + 1 < workers)
                threads_.emplace_back([this, i = threads_.size() + 1] { worker_main(i); });
            job_ = &job;
            jobs_++;
        }
        if (job.count >= workers)
            wake_.notify_all();
        else
            for (uint64_t i = 1; i < job.count; i++) wake_.notify_one();
    }
    work(job, *blocks_[0]);
    if (shared) {
        std::unique_lock lock(mutex_);
        job_ = nullptr;  // who has not begun need not
        idle_.wait(lock, [&] { return active_ == 0; });
    }
    if (h && h->launch_end) h->launch_end(info);
    if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace cmtl::kernels::simt
