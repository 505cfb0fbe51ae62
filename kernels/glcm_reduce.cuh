#pragma once
// Sums over GLCMs: a warp takes one row of one direction's triangle. First the sums of integers, by atomics whose order
// does not show; neighbouring lanes add to neighbouring places. Then those with logarithms, which need px: partial sums
// of rows, added in order by one block per direction. Counts are read twice, 4 bytes a bin. HXY2 takes a logarithm for
// each pair of levels that have pairs, some thirty operations in double: at a lung's 105 levels nothing, at 4096 as
// much as counting.
#include "kernels/glcm.hpp"
#include "kernels/glcm_reduce.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/clear.cuh"
#include "kernels/primitives/exact_math.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace glcm_sums {

constexpr int threads = 128, warps = threads / warp_size;

struct Integers {
    uint64_t total, row, product, most;
    __device__ Integers operator+(const Integers& o) const {
        return {total + o.total, row + o.row, product + o.product, most > o.most ? most : o.most};
    }
};
struct Doubles {
    double energy, entropy, entropy1, entropy2;
    __device__ Doubles operator+(const Doubles& o) const {
        return {energy + o.energy, entropy + o.entropy, entropy1 + o.entropy1, entropy2 + o.entropy2};
    }
};

__device__ __forceinline__ void add(uint64_t* to, uint64_t by) {
    atomicAdd(reinterpret_cast<unsigned long long*>(to), by);
}

// log2(x + 2^-52), x from 0 to 1.
__device__ __forceinline__ double logarithm(double x) {
    return draws::product(draws::exact_log(x + 0x1p-52), 1.4426950408889634);
}

}  // namespace glcm_sums

// The higher level of a warp's pairs, from 0; beyond the last one in some warps of the last block. blockIdx.y:
// direction.
__device__ __forceinline__ int64_t warp_row() {
    return static_cast<int64_t>(blockIdx.x) * glcm_sums::warps + thread_rank() / warp_size;
}

// integers: cleared.
static __global__ void __launch_bounds__(glcm_sums::threads)
    glcm_integers_kernel(GlcmIntegers at, const uint32_t* counts, uint64_t* integers) {
    using namespace glcm_sums;
    const int64_t high = warp_row();
    if (high >= at.levels) return;
    const uint32_t* const row = counts + blockIdx.y * glcm_bins(at.levels) + glcm_bin<int64_t>(high + 1, 1);
    uint64_t* const mine = integers + blockIdx.y * at.count();
    Integers sum{};
    for (int64_t low = lane_rank(); low <= high; low += warp_size) {
        const uint64_t count = row[low], both = 2 * count;  // C(high, low) + C(low, high), or C on the diagonal
        if (!count) continue;
        if (low < high) add(mine + at.marginal() + low, count);
        add(mine + at.sums() + high + low, both);
        add(mine + at.differences() + high - low, both);
        const uint64_t one = low < high ? count : both;
        sum = sum + Integers{both, one, both * static_cast<uint64_t>((high + 1) * (low + 1)), one};
    }
    sum = warp_reduce(sum, Sum());
    if (lane_rank() || !sum.total) return;
    add(mine + at.marginal() + high, sum.row);
    add(mine + at.total(), sum.total);
    add(mine + at.product(), sum.product);
    atomicMax(reinterpret_cast<unsigned long long*>(mine + at.most()), sum.most);
}

// The same warps. partial: (directions, levels).
static __global__ void __launch_bounds__(glcm_sums::threads)
    glcm_entropies_kernel(GlcmIntegers at, const uint32_t* counts, const uint64_t* integers,
                          glcm_sums::Doubles* partial) {
    using namespace glcm_sums;
    using draws::product;
    const int64_t high = warp_row();
    if (high >= at.levels) return;
    const uint32_t* const row = counts + blockIdx.y * glcm_bins(at.levels) + glcm_bin<int64_t>(high + 1, 1);
    const uint64_t* const mine = integers + blockIdx.y * at.count();
    const uint64_t* const marginal = mine + at.marginal();
    const auto total = static_cast<double>(mine[at.total()]);
    const uint64_t mine_of_row = marginal[high];
    Doubles sum{};
    if (mine_of_row) {
        const double of_row = static_cast<double>(mine_of_row) / total;
        for (int64_t low = lane_rank(); low <= high; low += warp_size) {
            if (!marginal[low]) continue;
            const double twice = low < high ? 2 : 1;  // (high, low) and (low, high)
            const double independent = product(of_row, static_cast<double>(marginal[low]) / total),
                         log_independent = logarithm(independent);
            sum.entropy2 -= product(twice, product(independent, log_independent));
            const uint64_t count = row[low];
            if (!count) continue;
            const double p = static_cast<double>(low < high ? count : 2 * count) / total, weighted = product(twice, p);
            sum.energy += product(weighted, p);
            sum.entropy -= product(weighted, logarithm(p));
            sum.entropy1 -= product(weighted, log_independent);
        }
    }
    sum = warp_reduce(sum, Sum());
    if (lane_rank() == 0) partial[blockIdx.y * at.levels + high] = sum;
}

// blockIdx.x: direction.
static __global__ void __launch_bounds__(glcm_sums::threads)
    glcm_finish_kernel(GlcmIntegers at, const uint64_t* integers, const glcm_sums::Doubles* partial,
                       GlcmDoubles* doubles) {
    using namespace glcm_sums;
    Doubles sum{};
    for (int64_t level = threadIdx.x; level < at.levels; level += threads)
        sum = sum + partial[blockIdx.x * at.levels + level];
    sum = block_reduce(sum, Sum());
    if (threadIdx.x) return;
    const uint64_t* const mine = integers + blockIdx.x * at.count();
    const uint64_t total = mine[at.total()];
    const double most = total ? static_cast<double>(mine[at.most()]) / static_cast<double>(total) : 0.0;
    doubles[blockIdx.x] = {sum.energy, most, sum.entropy, sum.entropy1, sum.entropy2};
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
