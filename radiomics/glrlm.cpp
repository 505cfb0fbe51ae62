// No run is ever walked. A voxel's place in its run is one more than its predecessor's when both are of one level, else 1: a comparison
// and an addition for a vector of voxels, out of one row of places into the next. The number of voxels of a level at place n is the
// number of its runs that are n long or longer, so runs are counted by counting places; those at place 1, most of them, follow from
// the number of voxels, and only the others are looked at one by one.
#include "radiomics/glrlm.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "radiomics/settings.hpp"

namespace cmtl {

namespace {

template <class Level, class Place>
[[gnu::always_inline]] inline void places_body(const Level* __restrict level, const Level* __restrict before, const Place* __restrict place_before,
                                               int64_t n, Place* __restrict place) {
    constexpr Place most = std::numeric_limits<Place>::max();
    for (int64_t i = 0; i < n; ++i) {
        const Place next = place_before[i] < most ? static_cast<Place>(place_before[i] + 1) : most;
        place[i] = level[i] == before[i] && level[i] != 0 ? next : Place{1};
    }
}
#define CMTL_PLACES(Level, Place)                                                                                                        \
    CMTL_MULTIARCH void places_of(const Level* level, const Level* before, const Place* place_before, int64_t n, Place* place) {         \
        places_body(level, before, place_before, n, place);                                                                              \
    }
CMTL_PLACES(uint8_t, uint8_t)
CMTL_PLACES(uint8_t, uint16_t)
CMTL_PLACES(uint16_t, uint8_t)
CMTL_PLACES(uint16_t, uint16_t)
#undef CMTL_PLACES

template <class Level, class Place>
class PlaceCounter {
  public:
    PlaceCounter(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& directions)
        : roi_(roi), volume_(volume), directions_(directions), longest_(places(roi)), levels_(static_cast<size_t>(levels)) {
        for (const Index3& d : directions) steps_.push_back(volume.step(d));
    }

    // Places that are told apart: 1 to this. The last one also stands for all beyond.
    static size_t places(const Roi& roi) {
        const auto longest = static_cast<size_t>(std::max({roi.size[0], roi.size[1], roi.size[2]}));
        return std::min<size_t>(longest, std::numeric_limits<Place>::max());
    }

    // Adds the voxels of slices first to last - 1, but those at place 1: counts[(direction * levels + level - 1) * places + place - 1].
    void count(int64_t first, int64_t last, std::vector<uint32_t>& counts) {
        counts.assign(directions_.size() * levels_ * longest_, 0);
        const int64_t plane = volume_.plane();
        std::vector<std::vector<Place>> now(directions_.size()), before(directions_.size());
        for (size_t d = 0; d < directions_.size(); ++d) {
            now[d].assign(static_cast<size_t>(plane) + 64, 0);
            if (directions_[d][2]) before[d].assign(static_cast<size_t>(plane) + 64, 0);
            if (directions_[d][2] && first > 0) walk_back(first - 1, d, before[d]);
        }
        for (int64_t k = first; k < last; ++k) {
            for (int64_t j = 0; j < roi_.size[1]; ++j) {
                const auto runs = roi_.row(j, k);
                if (runs.empty()) continue;
                const int64_t begin = runs.front().begin, n = runs.back().end - begin, at = volume_.offset(begin, j, 0) - volume_.margin() * plane;
                const Level* level = volume_.at(begin, j, k);
                for (size_t d = 0; d < directions_.size(); ++d) {
                    const Index3& o = directions_[d];
                    Place* place = now[d].data() + at;
                    if (o[2] == 0 && o[1] == 0)
                        along_row(level, n, place);
                    else
                        places_of(level, level - steps_[d], (o[2] ? before[d] : now[d]).data() + (at - o[1] * volume_.row() - o[0]), n, place);
                    tally(level, place, n, counts.data() + d * levels_ * longest_);
                }
            }
            for (size_t d = 0; d < directions_.size(); ++d)
                if (directions_[d][2]) std::swap(now[d], before[d]);
        }
    }

  private:
    // The places of slice k's voxels, from the levels alone.
    void walk_back(int64_t k, size_t direction, std::vector<Place>& places) const {
        for (int64_t j = 0; j < roi_.size[1]; ++j)
            for (const RoiRun& run : roi_.row(j, k))
                for (int64_t i = run.begin; i < run.end; ++i) {
                    const Level* level = volume_.at(i, j, k);
                    int64_t place = 1;
                    for (const Level* v = level - steps_[direction]; *v == *level; v -= steps_[direction]) ++place;
                    places[static_cast<size_t>(volume_.offset(i, j, 0) - volume_.margin() * volume_.plane())] =
                        static_cast<Place>(std::min<int64_t>(place, std::numeric_limits<Place>::max()));
                }
    }

    static void along_row(const Level* level, int64_t n, Place* place) {
        constexpr int64_t most = std::numeric_limits<Place>::max();
        int64_t p = 1;
        for (int64_t i = 0; i < n; ++i) {
            p = level[i] == level[i - 1] && level[i] != 0 ? p + 1 : 1;
            place[i] = static_cast<Place>(std::min(p, most));
        }
    }

    // Counts the voxels at places above 1, eight bytes of places at a time.
    void tally(const Level* level, const Place* place, int64_t n, uint32_t* counts) const {
        constexpr int64_t each = 8 / sizeof(Place);
        constexpr int bits = 8 * sizeof(Place);
        constexpr uint64_t ones = sizeof(Place) == 1 ? 0x0101010101010101u : 0x0001000100010001u;
        const auto add = [&](int64_t i) { ++counts[(level[i] - 1u) * longest_ + place[i] - 1u]; };
        int64_t i = 0;
        for (; i + each <= n; i += each) {
            uint64_t word;
            std::memcpy(&word, place + i, 8);
            for (uint64_t above = word ^ ones; above;) {  // not 1
                const int lane = std::countr_zero(above) / bits;
                add(i + lane);
                above &= lane + 1 == each ? 0 : ~uint64_t{0} << (lane + 1) * bits;
            }
        }
        for (; i < n; ++i)
            if (place[i] != 1) add(i);
    }

    const Roi& roi_;
    const LevelVolume<Level>& volume_;
    const std::vector<Index3>& directions_;
    const size_t longest_, levels_;
    std::vector<int64_t> steps_;
};

// Counts over all slices; empty where Place cannot hold a place that occurs.
template <class Level, class Place>
std::vector<uint32_t> count_places(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& directions) {
    const auto slabs = roi.slabs(omp_get_max_threads());
    std::vector<std::vector<uint32_t>> parts(slabs.size() - 1);
#pragma omp parallel for schedule(static, 1)
    for (size_t t = 0; t < parts.size(); ++t)
        PlaceCounter<Level, Place>(roi, volume, levels, directions).count(slabs[t], slabs[t + 1], parts[t]);
    for (size_t t = 1; t < parts.size(); ++t)
        for (size_t i = 0; i < parts[0].size(); ++i) parts[0][i] += parts[t][i];
    const size_t places = PlaceCounter<Level, Place>::places(roi);
    if (places == std::numeric_limits<Place>::max())
        for (size_t i = places - 1; i < parts[0].size(); i += places)
            if (parts[0][i]) return {};
    return std::move(parts[0]);
}

}  // namespace

bool has_line_of_two(const Roi& roi, const Index3& d) {
    // A line is known by where it meets the plane or the axis that it is not parallel to.
    std::vector<std::pair<int64_t, int64_t>> lines;
    const auto any_twice = [&] {
        auto sorted = lines;
        std::sort(sorted.begin(), sorted.end());
        return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
    };
    size_t look_at = 1024;  // and whenever there are twice as many: the answer is nearly always yes, and early
    for (const RoiRun& run : roi.runs)
        for (int64_t i = run.begin; i < run.end; ++i) {
            if (d[2])
                lines.emplace_back(i - d[0] * run.k, run.j - d[1] * run.k);
            else if (d[1])
                lines.emplace_back(i - d[0] * run.j, run.k);
            else
                lines.emplace_back(run.j, run.k);
            if (lines.size() < look_at) continue;
            if (any_twice()) return true;
            look_at *= 2;
        }
    return any_twice();
}

template <class Level>
std::vector<std::vector<SizeCount>> glrlm_runs(const Roi& roi, const LevelVolume<Level>& volume, const LevelCounts& levels,
                                               const std::vector<Index3>& directions) {
    size_t places = PlaceCounter<Level, uint8_t>::places(roi);
    std::vector<uint32_t> counts = count_places<Level, uint8_t>(roi, volume, levels.highest, directions);
    if (counts.empty()) {
        places = PlaceCounter<Level, uint16_t>::places(roi);
        counts = count_places<Level, uint16_t>(roi, volume, levels.highest, directions);
    }
    std::vector<std::vector<SizeCount>> runs(directions.size());
    for (size_t d = 0; d < directions.size(); ++d) {
        if (!has_line_of_two(roi, directions[d])) continue;
        for (size_t l = 0; l < levels.voxels.size(); ++l) {
            uint32_t* at_place = counts.data() + (d * levels.voxels.size() + l) * places;
            int64_t first = levels.voxels[l];
            for (size_t p = 1; p < places; ++p) first -= at_place[p];
            at_place[0] = static_cast<uint32_t>(first);
            for (size_t p = 0; p < places; ++p)
                if (const int64_t n = int64_t{at_place[p]} - (p + 1 < places ? at_place[p + 1] : 0))
                    runs[d].push_back({static_cast<int>(l) + 1, static_cast<int64_t>(p) + 1, n});
        }
    }
    return runs;
}

template std::vector<std::vector<SizeCount>> glrlm_runs(const Roi&, const LevelVolume<uint8_t>&, const LevelCounts&, const std::vector<Index3>&);
template std::vector<std::vector<SizeCount>> glrlm_runs(const Roi&, const LevelVolume<uint16_t>&, const LevelCounts&, const std::vector<Index3>&);

std::vector<double> glrlm_features(const std::vector<std::vector<SizeCount>>& directions) {
    std::vector<double> mean(feature_names(FeatureClass::glrlm).size(), 0);
    int count = 0;
    for (const auto& runs : directions) {
        if (runs.empty()) continue;
        const SizeFeatures f = size_features(runs);
        const double values[] = {f.level_non_uniformity, f.level_non_uniformity_normalised, f.level_variance, f.high_level, f.large,
                                 f.large_high_level, f.large_low_level, f.low_level, f.entropy, f.size_non_uniformity,
                                 f.size_non_uniformity_normalised, f.percentage, f.size_variance, f.small, f.small_high_level,
                                 f.small_low_level};
        for (size_t i = 0; i < mean.size(); ++i) mean[i] += values[i];
        ++count;
    }
    for (double& m : mean) m = count ? m / count : std::numeric_limits<double>::quiet_NaN();
    return mean;
}

}  // namespace cmtl
