#include "radiomics/glrlm.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "radiomics/settings.hpp"

namespace cmtl {

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

std::vector<SizeCount> glrlm_runs(const LevelCounts& levels, const NeighbourCounts& counts) {
    std::vector<SizeCount> runs;
    for (size_t l = 0; l < levels.voxels.size(); ++l) {
        const uint32_t* at_place = counts.in_run.data() + l * counts.places;
        int64_t reach = levels.voxels[l];  // runs that are p + 1 or more voxels long: at first those that are not
                                           // counted, then the counted ones
        for (size_t p = 1; p < counts.places; ++p) reach -= at_place[p];
        for (size_t p = 0; p < counts.places && reach; ++p) {
            const int64_t further = p + 1 < counts.places ? at_place[p + 1] : 0;
            if (reach != further)
                runs.push_back({static_cast<int>(l) + 1, static_cast<int64_t>(p) + 1, reach - further});
            reach = further;
        }
    }
    return runs;
}

std::vector<double> glrlm_features(const std::vector<std::vector<SizeCount>>& directions) {
    std::vector<double> mean(feature_names(FeatureClass::glrlm).size(), 0);
    int count = 0;
    for (const auto& runs : directions) {
        if (runs.empty()) continue;
        const SizeFeatures f = size_features(runs);
        const double values[] = {f.level_non_uniformity,
                                 f.level_non_uniformity_normalised,
                                 f.level_variance,
                                 f.high_level,
                                 f.large,
                                 f.large_high_level,
                                 f.large_low_level,
                                 f.low_level,
                                 f.entropy,
                                 f.size_non_uniformity,
                                 f.size_non_uniformity_normalised,
                                 f.percentage,
                                 f.size_variance,
                                 f.small,
                                 f.small_high_level,
                                 f.small_low_level};
        for (size_t i = 0; i < mean.size(); ++i) mean[i] += values[i];
        ++count;
    }
    for (double& m : mean) m = count ? m / count : std::numeric_limits<double>::quiet_NaN();
    return mean;
}

}  // namespace cmtl
