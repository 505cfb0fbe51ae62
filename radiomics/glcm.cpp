// Counting. Sixteen directions share one table whose cell (a, b) is one cache line: a voxel's thirteen neighbours are
// of few levels, so its thirteen increments fall on few lines; and two increments of one counter are thirteen apart,
// which hides the time a store needs before it can be loaded again. Voxels outside of the ROI are level 0 and count in
// a column that nobody reads, without a branch.
#include "radiomics/glcm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.hpp"

namespace cmtl {

std::vector<Index3> glcm_offsets(const std::vector<int>& distances, const Index3& box) {
    std::vector<Index3> offsets;
    std::vector<int> sorted = distances;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const int d : sorted)
        for (int64_t z = 0; z <= d; ++z)
            for (int64_t y = -d; y <= d; ++y)
                for (int64_t x = -d; x <= d; ++x) {
                    if (z == 0 && (y < 0 || (y == 0 && x <= 0))) continue;  // its opposite is there
                    if (std::max({std::abs(x), std::abs(y), z}) != d) continue;
                    if (std::abs(x) < box[0] && std::abs(y) < box[1] && z < box[2]) offsets.push_back({x, y, z});
                }
    return offsets;
}

namespace {

constexpr size_t together = 16;  // directions in one table
constexpr size_t most_table =
    size_t{64} << 20;  // bytes of a thread's table; above it directions are counted one by one

template <size_t count, size_t width, class Level>
[[gnu::always_inline]] inline void count_run(const Level* v, int64_t n, const int64_t* steps, size_t columns,
                                             uint32_t* table) {
    for (int64_t i = 0; i < n; ++i) {
        uint32_t* const row = table + v[i] * columns * width;
        for (size_t d = 0; d < count; ++d) ++row[v[i + steps[d]] * width + d];
    }
}

template <class Level, size_t width>
void count_runs(const Roi& roi, const LevelVolume<Level>& volume, size_t first, size_t last,
                const std::vector<int64_t>& steps, size_t columns, uint32_t* table) {
    for (size_t r = first; r < last; ++r) {
        const RoiRun& run = roi.runs[r];
        const Level* v = volume.at(run.begin, run.j, run.k);
        if (steps.size() == 13 && width == together)
            count_run<13, width>(v, run.count(), steps.data(), columns, table);
        else
            for (size_t d = 0; d < steps.size(); ++d)
                count_run<1, width>(v, run.count(), steps.data() + d, columns, table + d);
    }
}

template <class Level, size_t width>
void count_group(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<int64_t>& steps,
                 size_t first_direction, const GlcmUse& use) {
    const size_t columns = static_cast<size_t>(levels) + 1;
    const auto shares = roi.shares(omp_get_max_threads());
    std::vector<std::vector<uint32_t>> tables(shares.size() - 1);
#pragma omp parallel for schedule(static, 1)
    for (size_t t = 0; t < tables.size(); ++t) {
        tables[t].assign(columns * columns * width, 0);
        count_runs<Level, width>(roi, volume, shares[t], shares[t + 1], steps, columns, tables[t].data());
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t d = 0; d < steps.size(); ++d) {
        std::vector<uint32_t> counts(static_cast<size_t>(levels) * static_cast<size_t>(levels), 0);
        for (const auto& table : tables)
            for (size_t a = 1; a < columns; ++a)
                for (size_t b = 1; b < columns; ++b)
                    counts[(a - 1) * (columns - 1) + b - 1] += table[(a * columns + b) * width + d];
        use(first_direction + d, counts);
    }
}

}  // namespace

template <class Level>
void glcm_counts(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
                 const GlcmUse& use) {
    const size_t columns = static_cast<size_t>(levels) + 1;
    const bool grouped = columns * columns * together * sizeof(uint32_t) <= most_table;
    const size_t group = grouped ? together : 1;
    for (size_t d = 0; d < offsets.size(); d += group) {
        std::vector<int64_t> steps;
        for (size_t e = d; e < std::min(d + group, offsets.size()); ++e) steps.push_back(volume.step(offsets[e]));
        if (grouped)
            count_group<Level, together>(roi, volume, levels, steps, d, use);
        else
            count_group<Level, 1>(roi, volume, levels, steps, d, use);
    }
}

template void glcm_counts(const Roi&, const LevelVolume<uint8_t>&, int, const std::vector<Index3>&, const GlcmUse&);
template void glcm_counts(const Roi&, const LevelVolume<uint16_t>&, int, const std::vector<Index3>&, const GlcmUse&);

}  // namespace cmtl
