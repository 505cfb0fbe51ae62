// No run is ever walked, and nothing is counted twice. Of each voxel and direction there is a code: the level of its
// predecessor where that is another one (0 outside of the ROI), and beyond the levels its place in its run where it is
// the same: levels + 1 for the second voxel of a run, one more for each further. Codes follow from the levels and the
// predecessors' codes by a comparison, a maximum, an addition and a minimum for a whole vector of voxels. One increment
// of a table of level and code then counts both: the pairs are the low columns, their diagonal the sum of the high
// ones, and the number of runs of n or more voxels is that of the voxels at place n.
//
// The tables of up to sixteen directions lie in each other, a cache line for each level and code: neighbours in
// different directions often have the same level, and a counter's next increment is far enough away for the last to be
// stored.
#include "radiomics/neighbours.hpp"

#include <algorithm>
#include <limits>

#include "base/cpu_dispatch.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {

namespace {

constexpr size_t together = 16;                  // directions in one table
constexpr size_t most_table = size_t{64} << 20;  // bytes; above it directions are counted one by one
constexpr int64_t vector_voxels = 64;            // codes are made for a multiple of so many voxels, whatever lies there

template <class Level, class Code>
[[gnu::always_inline]] inline void codes_body(const Level* __restrict level, const Level* __restrict before,
                                              const Code* code_before, int64_t n, Code levels, Code most,
                                              Code* __restrict code) {
    for (int64_t i = 0; i < n / vector_voxels * vector_voxels; ++i) {
        const Code place = code_before[i] > levels ? code_before[i] : levels;
        const Code next = place < most ? static_cast<Code>(place + 1) : most;
        code[i] = level[i] == before[i] ? next : static_cast<Code>(before[i]);
    }
}
#define CMTL_CODES(Level, Code)                                                                               \
    CMTL_MULTIARCH void codes_of(const Level* level, const Level* before, const Code* code_before, int64_t n, \
                                 Code levels, Code most, Code* code) {                                        \
        codes_body(level, before, code_before, n, levels, most, code);                                        \
    }
CMTL_CODES(uint8_t, uint8_t)
CMTL_CODES(uint8_t, uint16_t)
CMTL_CODES(uint16_t, uint16_t)
#undef CMTL_CODES

template <class Level, class Code, size_t width>
class Sweep {
  public:
    Sweep(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets)
        : roi_(roi), volume_(volume), offsets_(offsets), levels_(static_cast<Code>(levels)) {
        for (const Index3& o : offsets) steps_.push_back(volume.step(o));
        const int64_t last =
            levels + std::max({roi.size[0], roi.size[1], roi.size[2]}) - 1;  // a run as long as the box
        most_ = static_cast<Code>(std::min<int64_t>(last, std::numeric_limits<Code>::max()));
        saturates_ = last > most_;
        // Odd: rows a power of two apart would meet in the same sets of the caches.
        columns_ = (static_cast<size_t>(most_) + 1) | 1;
    }

    static size_t table_bytes(const Roi& roi, int levels) {
        const auto n = static_cast<size_t>(levels);
        const size_t codes =
            std::min<size_t>(n + static_cast<size_t>(std::max({roi.size[0], roi.size[1], roi.size[2]})),
                             size_t{std::numeric_limits<Code>::max()} + 1);
        return (n + 1) * (codes + 1) * width * sizeof(uint32_t);
    }

    // false: a run is longer than a code can tell, and `use` was not called.
    bool run(size_t first_direction, const std::function<void(const NeighbourCounts&)>& use) const {
        const int threads = omp_get_max_threads();
        const auto slabs = roi_.slabs(threads);
        std::vector<std::vector<uint32_t>> tables(static_cast<size_t>(threads));
#pragma omp parallel for schedule(static, 1)
        for (int t = 0; t < threads; ++t) {
            tables[static_cast<size_t>(t)].assign((static_cast<size_t>(levels_) + 1) * columns_ * width, 0);
            count(slabs[static_cast<size_t>(t)], slabs[static_cast<size_t>(t) + 1],
                  tables[static_cast<size_t>(t)].data());
        }
        if (saturates_)
            for (const auto& table : tables)
                for (size_t level = 1; level <= levels_; ++level)
                    for (size_t d = 0; d < offsets_.size(); ++d)
                        if (table[(level * columns_ + most_) * width + d]) return false;
#pragma omp parallel for schedule(dynamic)
        for (size_t d = 0; d < offsets_.size(); ++d) use(gathered(tables, d, first_direction + d));
        return true;
    }

  private:
    NeighbourCounts gathered(const std::vector<std::vector<uint32_t>>& tables, size_t d, size_t direction) const {
        const size_t n = levels_;
        NeighbourCounts out;
        out.direction = direction;
        out.places = static_cast<size_t>(most_ - levels_) + 1;
        out.pairs.assign(n * n, 0);
        out.in_run.assign(n * out.places, 0);
        for (const auto& table : tables)
            for (size_t a = 1; a <= n; ++a) {
                const uint32_t* row = table.data() + a * columns_ * width + d;
                for (size_t b = 1; b <= n; ++b)
                    if (const uint32_t count = row[b * width]) out.pairs[(b - 1) * n + a - 1] += count;
                for (size_t p = 1; p < out.places; ++p) {
                    const uint32_t count = row[(n + p) * width];
                    out.in_run[(a - 1) * out.places + p] += count;
                    out.pairs[(a - 1) * n + a - 1] += count;
                }
            }
        return out;
    }

    // Slices first to last - 1.
    void count(int64_t first, int64_t last, uint32_t* table) const {
        const int64_t plane = volume_.plane();
        std::vector<std::vector<Code>> now(offsets_.size(),
                                           std::vector<Code>(static_cast<size_t>(plane + 2 * vector_voxels), 0)),
            before(now);
        for (size_t d = 0; d < offsets_.size(); ++d)
            if (offsets_[d][2] && first > 0) walk_back(first - 1, d, before[d]);
        for (int64_t k = first; k < last; ++k) {
            for (int64_t j = 0; j < roi_.size[1]; ++j)
                for (const RoiRun& run : roi_.row(j, k)) {
                    const int64_t at = in_plane(run.begin, j), n = run.count();
                    const Level* level = volume_.at(run.begin, j, k);
                    const Code* codes[together];
                    for (size_t d = 0; d < offsets_.size(); ++d) {
                        Code* code = now[d].data() + at;
                        codes[d] = code;
                        if (offsets_[d][2] == 0 && offsets_[d][1] == 0) {
                            along_row(level, n, code);
                            continue;
                        }
                        const Code* code_before = (offsets_[d][2] ? before[d] : now[d]).data() +
                                                  (at - offsets_[d][1] * volume_.row() - offsets_[d][0]);
                        codes_of(level, level - steps_[d], code_before,
                                 (n + vector_voxels - 1) / vector_voxels * vector_voxels, levels_, most_, code);
                    }
                    tally(level, codes, n, table);
                }
            for (size_t d = 0; d < offsets_.size(); ++d)
                if (offsets_[d][2]) std::swap(now[d], before[d]);
        }
    }

    int64_t in_plane(int64_t i, int64_t j) const {
        return volume_.offset(i, j, 0) - volume_.margin() * volume_.plane();
    }

    // The codes of slice k's voxels that are in a run, from the levels alone.
    void walk_back(int64_t k, size_t direction, std::vector<Code>& codes) const {
        for (int64_t j = 0; j < roi_.size[1]; ++j)
            for (const RoiRun& run : roi_.row(j, k))
                for (int64_t i = run.begin; i < run.end; ++i) {
                    const Level* level = volume_.at(i, j, k);
                    int64_t code = levels_;
                    for (const Level* v = level - steps_[direction]; *v == *level; v -= steps_[direction]) ++code;
                    codes[static_cast<size_t>(in_plane(i, j))] = static_cast<Code>(std::min<int64_t>(code, most_));
                }
    }

    void along_row(const Level* level, int64_t n, Code* code) const {
        int place = levels_;
        for (int64_t i = 0; i < n; ++i) {
            const bool same = level[i] == level[i - 1];
            place = same ? std::min<int>(place + 1, most_) : levels_;
            code[i] = same ? static_cast<Code>(place) : static_cast<Code>(level[i - 1]);
        }
    }

    template <size_t count>
    void tally_some(const Level* level, const Code* const* codes, int64_t n, uint32_t* table) const {
        const Code* code[count];
        std::copy_n(codes, count, code);
        const size_t row = columns_ * width;
        for (int64_t i = 0; i < n; ++i) {
            uint32_t* counters = table + level[i] * row;
            for (size_t d = 0; d < count; ++d) ++counters[code[d][i] * width + d];
        }
    }
    void tally(const Level* level, const Code* const* codes, int64_t n, uint32_t* table) const {
        size_t d = 0;
        // As many as the registers hold pointers for.
        for (; d + 5 <= offsets_.size(); d += 5) tally_some<5>(level, codes + d, n, table + d);
        for (; d < offsets_.size(); ++d) tally_some<1>(level, codes + d, n, table + d);
    }

    const Roi& roi_;
    const LevelVolume<Level>& volume_;
    const std::vector<Index3>& offsets_;
    std::vector<int64_t> steps_;
    Code levels_, most_ = 0;
    size_t columns_ = 0;
    bool saturates_ = false;
};

template <class Level, class Code>
bool sweep(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
           const std::function<void(const NeighbourCounts&)>& use) {
    if (offsets.size() <= together && Sweep<Level, Code, together>::table_bytes(roi, levels) <= most_table)
        return Sweep<Level, Code, together>(roi, volume, levels, offsets).run(0, use);
    for (size_t d = 0; d < offsets.size(); ++d)
        if (!Sweep<Level, Code, 1>(roi, volume, levels, {offsets[d]}).run(d, use)) return false;
    return true;
}

}  // namespace

template <class Level>
void count_neighbours(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
                      const std::function<void(const NeighbourCounts&)>& use) {
    if constexpr (sizeof(Level) == 1) {
        // Narrow codes hold twice as many to a vector; runs are hardly ever longer than they can tell.
        constexpr int places = 16;
        if (levels + places <= std::numeric_limits<uint8_t>::max() &&
            sweep<Level, uint8_t>(roi, volume, levels, offsets, use))
            return;
    }
    if (!sweep<Level, uint16_t>(roi, volume, levels, offsets, use))
        fail(ErrorKind::input, "radiomics", "a run of equal grey levels is longer than {} voxels",
             std::numeric_limits<uint16_t>::max() - levels);
}

template void count_neighbours(const Roi&, const LevelVolume<uint8_t>&, int, const std::vector<Index3>&,
                               const std::function<void(const NeighbourCounts&)>&);
template void count_neighbours(const Roi&, const LevelVolume<uint16_t>&, int, const std::vector<Index3>&,
                               const std::function<void(const NeighbourCounts&)>&);

}  // namespace cmtl
