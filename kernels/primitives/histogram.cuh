#pragma once
// Histograms in shared memory, one per block: counts are integers, so the order of the atomics does not show.
//
// Values that come in runs make neighbouring lanes meet in one bin, and atomics on one address run one after the other. `copies`
// histograms side by side (a power of two, at most 32), lane i counting in copy i % copies, take that apart; copies of one bin
// are neighbours, so they lie in different banks.
#include <type_traits>

#include "kernels/primitives/warp.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

template <int copies = 1>
class BlockHistogram {
    static_assert(copies >= 1 && copies <= warp_size && (copies & (copies - 1)) == 0);

  public:
    // Bytes of shared memory for `bins` bins.
    static constexpr __host__ __device__ size_t bytes(int bins) { return static_cast<size_t>(bins) * copies * sizeof(unsigned); }

    __device__ BlockHistogram(unsigned* counts, int bins) : counts_(counts), bins_(bins) {}

    // All threads; may follow a flush directly.
    __device__ void clear() {
        __syncthreads();  // whoever still reads what is being cleared
        for (int i = thread_rank(); i < bins_ * copies; i += block_threads()) counts_[i] = 0;
        __syncthreads();
    }
    // Any thread, any time between clear and the next collective call. 0 <= bin < bins.
    __device__ void add(int bin, unsigned by = 1) { atomicAdd(counts_ + bin * copies + (thread_rank() & (copies - 1)), by); }

    // All threads: the count of every bin to visit(bin, count), each by one thread.
    template <class Visit>
    __device__ void for_each(Visit visit) const {
        __syncthreads();
        for (int bin = thread_rank(); bin < bins_; bin += block_threads()) {
            unsigned count = 0;
            // Neighbouring lanes begin at copies in different banks.
            for (int c = 0; c < copies; ++c) count += counts_[bin * copies + ((bin * copies / warp_size + c) & (copies - 1))];
            visit(bin, count);
        }
    }
    // All threads: adds the block's counts to `total` in device memory, empty bins left out.
    __device__ void flush(unsigned* total) const {
        for_each([=](int bin, unsigned count) {
            if (count) atomicAdd(total + bin, count);
        });
    }

  private:
    unsigned* counts_;
    int bins_;
};

// Host: run(std::integral_constant<int, copies>) with 32, 8, 2 or 1 copies, the most of which 48 KiB hold for so many bins.
template <class Run>
inline void with_histogram_copies(int64_t bins, Run&& run) {
    const int64_t fit = 48 * 1024 / (4 * (bins < 1 ? 1 : bins));
    if (fit >= 32)
        run(std::integral_constant<int, 32>{});
    else if (fit >= 8)
        run(std::integral_constant<int, 8>{});
    else if (fit >= 2)
        run(std::integral_constant<int, 2>{});
    else
        run(std::integral_constant<int, 1>{});
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
