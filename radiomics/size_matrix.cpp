#include "radiomics/size_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cmtl {

namespace {

// Pieces by one of their properties, in ascending order.
std::vector<std::pair<double, double>> totals(std::vector<std::pair<int64_t, int64_t>> entries) {
    std::sort(entries.begin(), entries.end());
    std::vector<std::pair<double, double>> out;
    for (size_t i = 0; i < entries.size();) {
        int64_t count = 0;
        const int64_t key = entries[i].first;
        for (; i < entries.size() && entries[i].first == key; ++i) count += entries[i].second;
        out.emplace_back(static_cast<double>(key), static_cast<double>(count));
    }
    return out;
}

double variance(const std::vector<std::pair<double, double>>& pieces, double n) {
    double mean = 0, sum = 0;
    for (const auto& [value, count] : pieces) mean += value * (count / n);
    for (const auto& [value, count] : pieces) sum += (value - mean) * (value - mean) * (count / n);
    return sum;
}

}  // namespace

SizeFeatures size_features(const std::vector<SizeCount>& matrix) {
    SizeFeatures f{};
    std::vector<std::pair<int64_t, int64_t>> by_level, by_size;
    int64_t pieces = 0, voxels = 0;
    for (const SizeCount& e : matrix) {
        by_level.emplace_back(e.level, e.count);
        by_size.emplace_back(e.size, e.count);
        pieces += e.count;
        voxels += e.size * e.count;
    }
    const auto n = static_cast<double>(pieces);
    for (const SizeCount& e : matrix) {
        const auto count = static_cast<double>(e.count), level = static_cast<double>(e.level),
                   size = static_cast<double>(e.size);
        const double level2 = level * level, size2 = size * size, p = count / n;
        f.entropy -= p * std::log2(p + 0x1p-52);
        f.small_low_level += count / (level2 * size2);
        f.small_high_level += count * level2 / size2;
        f.large_low_level += count * size2 / level2;
        f.large_high_level += count * size2 * level2;
    }
    const auto levels = totals(std::move(by_level)), sizes = totals(std::move(by_size));
    for (const auto& [level, count] : levels) {
        f.level_non_uniformity += count * count;
        f.low_level += count / (level * level);
        f.high_level += count * level * level;
    }
    for (const auto& [size, count] : sizes) {
        f.size_non_uniformity += count * count;
        f.small += count / (size * size);
        f.large += count * size * size;
    }
    f.level_non_uniformity_normalised = f.level_non_uniformity / (n * n);
    f.size_non_uniformity_normalised = f.size_non_uniformity / (n * n);
    for (double* sum : {&f.level_non_uniformity, &f.size_non_uniformity, &f.low_level, &f.high_level, &f.small,
                        &f.large, &f.small_low_level, &f.small_high_level, &f.large_low_level, &f.large_high_level})
        *sum /= n;
    f.level_variance = variance(levels, n);
    f.size_variance = variance(sizes, n);
    f.percentage = n / static_cast<double>(voxels);
    return f;
}

}  // namespace cmtl
