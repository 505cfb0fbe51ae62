#include "radiomics/glcm.hpp"

#include <algorithm>
#include <cstdlib>

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

template <class Level>
void glcm_counts(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
                 const GlcmUse& use) {
    const auto n = static_cast<size_t>(levels), columns = n + 1;
#pragma omp parallel for schedule(dynamic)
    for (size_t d = 0; d < offsets.size(); ++d) {
        // Neighbours outside of the ROI are level 0 and count in a column that nobody reads, without a branch.
        const int64_t step = volume.step(offsets[d]);
        std::vector<uint32_t> table(n * columns, 0);
        for (const RoiRun& run : roi.runs) {
            const Level* v = volume.at(run.begin, run.j, run.k);
            for (int64_t i = 0; i < run.count(); ++i) ++table[(v[i] - size_t{1}) * columns + v[i + step]];
        }
        std::vector<uint32_t> counts(n * n);
        for (size_t a = 0; a < n; ++a) std::copy_n(table.begin() + a * columns + 1, n, counts.begin() + a * n);
        use(d, counts);
    }
}

template void glcm_counts(const Roi&, const LevelVolume<uint8_t>&, int, const std::vector<Index3>&, const GlcmUse&);
template void glcm_counts(const Roi&, const LevelVolume<uint16_t>&, int, const std::vector<Index3>&, const GlcmUse&);

}  // namespace cmtl
