#include "training/cohort_volumes.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace cmtl {

CohortPreparation prepare_cohort(const VolumeCache& cache, const std::vector<CohortCase>& cases, bool quiet) {
    CohortPreparation result;
    result.volumes.resize(cases.size());
    result.failed.resize(cases.size());
    std::vector<size_t> missing;
    for (size_t i = 0; i < cases.size(); ++i)
        if (const auto entry = cache.find(cases[i]))
            result.volumes[i] = *entry;
        else
            missing.push_back(i);
    if (missing.empty()) return result;
    Progress progress("prepare", static_cast<int64_t>(missing.size()), quiet);
    for (const size_t i : missing) {
        if (interrupted()) {
            result.interrupted = true;
            return result;
        }
        try {
            result.volumes[i] = cache.prepare(cases[i]);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::input) throw;
            result.failed[i] = error.what();
        }
        progress.advance(cases[i].id);
    }
    return result;
}

IntensityStatistics intensity_statistics(const std::vector<CachedVolume>& volumes, std::span<const size_t> cases) {
    // Whole numbers until the end: 10^12 voxels of at most 4095 fit.
    unsigned __int128 voxels = 0, sum = 0, squares = 0;
    for (const size_t i : cases) {
        voxels += volumes[i].voxels;
        sum += volumes[i].sum;
        squares += volumes[i].sum_of_squares;
    }
    const unsigned __int128 scatter = voxels * squares - sum * sum;  // n^2 times the variance
    if (scatter == 0)
        fail(ErrorKind::input, "train",
             "the training cases' volumes are constant: no intensity statistics can be taken from them");
    const auto n = static_cast<double>(voxels);
    return {static_cast<double>(sum) / n, std::sqrt(static_cast<double>(scatter)) / n};
}

}  // namespace cmtl
