#pragma once
// Launcher of the sums that GLCM features are made of. Pointers are device memory.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// One direction's sums of integers, in this order. C(i, j) = counts of (i, j) + counts of (j, i), i and j from 1.
struct GlcmIntegers {
    int64_t levels;
    constexpr int64_t total() const { return 0; }          // sum of C
    constexpr int64_t product() const { return 1; }        // sum of i j C
    constexpr int64_t most() const { return 2; }           // largest C
    constexpr int64_t marginal() const { return 3; }       // [i - 1]: sum over j of C(i, j); px is this by total
    constexpr int64_t sums() const { return 3 + levels; }  // [k - 2]: sum of C where i + j = k
    constexpr int64_t differences() const { return 2 + 3 * levels; }  // [k]: sum of C where |i - j| = k
    constexpr int64_t count() const { return 2 + 4 * levels; }
};

// One direction's sums over i and j where p(i, j) = C(i, j) / total; all 0 for a direction without pairs. Logarithms
// are those of PyRadiomics: log2(x + 2^-52). Levels that have no pairs add nothing.
struct GlcmDoubles {
    double energy;    // p^2
    double most;      // largest p
    double entropy;   // -p log2(p): HXY
    double entropy1;  // -p log2(px py): HXY1
    double entropy2;  // -px py log2(px py): HXY2
};

// Bytes of 8-byte aligned scratch memory.
inline size_t glcm_reduce_scratch(int64_t levels, int directions) {
    return static_cast<size_t>(levels) * static_cast<size_t>(directions) * 4 * sizeof(double);
}

// counts: (directions, glcm_bins(levels)), as kernels/glcm.hpp leaves them. integers: (directions,
// GlcmIntegers{levels}.count()). Doubles are added in an order that depends on `levels` alone, with the logarithm of
// primitives/exact_math.hpp: the same bits on every device. directions: at most 65535.
template <class Target>
void glcm_reduce(Stream stream, int64_t levels, int directions, const uint32_t* counts, uint64_t* integers,
                 GlcmDoubles* doubles, void* scratch);

}  // namespace cmtl::kernels
