#include "radiomics/roi.hpp"

#include <algorithm>
#include <cstring>

#include "base/parallel.hpp"

namespace cmtl {

namespace {

// Appends the runs of ones in a row of n bytes; the row ends with eight bytes more, all 0.
void append_runs(const uint8_t* row, int64_t n, int32_t j, int32_t k, std::vector<RoiRun>& runs) {
    constexpr uint64_t ones = 0x0101010101010101u;
    int64_t i = 0, begin = -1;
    while (i < n) {
        uint64_t word;
        std::memcpy(&word, row + i, 8);
        if (word == (begin < 0 ? 0 : ones)) {  // eight voxels that change nothing
            i += 8;
            continue;
        }
        if (row[i] && begin < 0) begin = i;
        if (!row[i] && begin >= 0) {
            runs.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(i), j, k, 0});
            begin = -1;
        }
        ++i;
    }
    if (begin >= 0) runs.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(n), j, k, 0});
}

}  // namespace

Roi find_roi(const Index3& image, const RowTest& inside) {
    std::vector<std::vector<RoiRun>> slices(static_cast<size_t>(image[2]));
    parallel_ranges(image[2], [&](int64_t first, int64_t last) {
        std::vector<uint8_t> row(static_cast<size_t>(image[0]) + 16, 0);
        for (int64_t k = first; k < last; ++k)
            for (int64_t j = 0; j < image[1]; ++j) {
                inside(j, k, row.data());
                append_runs(row.data(), image[0], static_cast<int32_t>(j), static_cast<int32_t>(k),
                            slices[static_cast<size_t>(k)]);
            }
    });
    Roi roi;
    roi.image = image;
    Index3 high{-1, -1, -1};
    roi.low = image;
    for (const auto& slice : slices)
        for (const RoiRun& run : slice) {
            roi.low = {std::min<int64_t>(roi.low[0], run.begin), std::min<int64_t>(roi.low[1], run.j),
                       std::min<int64_t>(roi.low[2], run.k)};
            high = {std::max<int64_t>(high[0], run.end - 1), std::max<int64_t>(high[1], run.j),
                    std::max<int64_t>(high[2], run.k)};
            roi.voxels += run.count();
        }
    if (roi.voxels == 0) {
        roi.low = {0, 0, 0};
        roi.row_start = {0};
        return roi;
    }
    for (size_t a = 0; a < 3; ++a) roi.size[a] = high[a] - roi.low[a] + 1;
    roi.row_start.assign(static_cast<size_t>(roi.size[1] * roi.size[2]) + 1, 0);
    int64_t voxels = 0;
    for (const auto& slice : slices)
        for (RoiRun run : slice) {
            run.begin -= static_cast<int32_t>(roi.low[0]);
            run.end -= static_cast<int32_t>(roi.low[0]);
            run.j -= static_cast<int32_t>(roi.low[1]);
            run.k -= static_cast<int32_t>(roi.low[2]);
            run.first = voxels;
            voxels += run.count();
            roi.runs.push_back(run);
            ++roi.row_start[static_cast<size_t>(run.k * roi.size[1] + run.j) + 1];
        }
    for (size_t r = 1; r < roi.row_start.size(); ++r) roi.row_start[r] += roi.row_start[r - 1];
    return roi;
}

std::vector<size_t> Roi::shares(int parts) const {
    std::vector<size_t> cuts(static_cast<size_t>(parts) + 1, runs.size());
    for (int p = 0; p < parts; ++p) {
        const int64_t voxel = voxels * p / parts;
        const auto at = std::lower_bound(runs.begin(), runs.end(), voxel,
                                         [](const RoiRun& run, int64_t v) { return run.first < v; });
        cuts[static_cast<size_t>(p)] = static_cast<size_t>(at - runs.begin());
    }
    return cuts;
}

std::vector<int64_t> Roi::slabs(int parts) const {
    std::vector<int64_t> cuts;
    for (const size_t run : shares(parts)) cuts.push_back(run < runs.size() ? runs[run].k : size[2]);
    cuts.front() = 0;
    cuts.back() = size[2];
    return cuts;
}

}  // namespace cmtl
