#pragma once
// Grey level co-occurrence, and the sums of a GLCM that its features are made of.
#include <cmath>
#include <cstdlib>

#include "reference/level_volume.hpp"

namespace cmtl::reference {

// counts[(a - 1) * highest + b - 1]: voxels of level a whose neighbour at `offset` has level b.
inline std::vector<int64_t> glcm(const Sizes& sizes, const std::vector<int>& levels, int highest,
                                 const Offset& offset) {
    std::vector<int64_t> counts(static_cast<size_t>(highest) * static_cast<size_t>(highest));
    each_voxel(sizes, levels, [&](int64_t z, int64_t y, int64_t x, int a) {
        const int b = level_at(sizes, levels, z + offset[0], y + offset[1], x + offset[2]);
        if (b) ++counts[static_cast<size_t>((a - 1) * highest + b - 1)];
    });
    return counts;
}

// Of the symmetric C = counts + their transpose and p = C / total.
struct GlcmSums {
    int64_t total = 0, product = 0, most = 0;          // sums of C and of i j C, largest C
    std::vector<int64_t> marginal, sums, differences;  // of C over j by i, by i + j, by |i - j|; from the lowest
    double energy = 0, entropy = 0, entropy1 = 0, entropy2 = 0;  // p^2; -p log2 p; -p log2(px py); -px py log2(px py)
};
inline GlcmSums glcm_sums(const std::vector<int64_t>& counts, int highest) {
    GlcmSums s;
    s.marginal.resize(static_cast<size_t>(highest));
    s.sums.resize(static_cast<size_t>(2 * highest - 1));
    s.differences.resize(static_cast<size_t>(highest));
    const auto C = [&](int i, int j) {
        return counts[static_cast<size_t>((i - 1) * highest + j - 1)] +
               counts[static_cast<size_t>((j - 1) * highest + i - 1)];
    };
    for (int i = 1; i <= highest; ++i)
        for (int j = 1; j <= highest; ++j) {
            s.total += C(i, j);
            s.product += i * j * C(i, j);
            s.most = std::max(s.most, C(i, j));
            s.marginal[static_cast<size_t>(i - 1)] += C(i, j);
            s.sums[static_cast<size_t>(i + j - 2)] += C(i, j);
            s.differences[static_cast<size_t>(std::abs(i - j))] += C(i, j);
        }
    if (s.total == 0) return s;
    long double energy = 0, entropy = 0, entropy1 = 0, entropy2 = 0;
    const auto part = [&](int64_t count) {
        return static_cast<long double>(count) / static_cast<long double>(s.total);
    };
    const auto log2_of = [](long double p) { return std::log2(p + 0x1p-52L); };
    for (int i = 1; i <= highest; ++i)
        for (int j = 1; j <= highest; ++j) {
            const long double p = part(C(i, j));
            const long double independent =
                part(s.marginal[static_cast<size_t>(i - 1)]) * part(s.marginal[static_cast<size_t>(j - 1)]);
            energy += p * p;
            entropy -= p * log2_of(p);
            entropy1 -= p * log2_of(independent);
            entropy2 -= independent * log2_of(independent);
        }
    s.energy = static_cast<double>(energy);
    s.entropy = static_cast<double>(entropy);
    s.entropy1 = static_cast<double>(entropy1);
    s.entropy2 = static_cast<double>(entropy2);
    return s;
}

}  // namespace cmtl::reference
