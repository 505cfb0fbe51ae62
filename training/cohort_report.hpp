#pragma once
#include <span>
#include <string>
#include <vector>

#include "evaluation/report.hpp"
#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

// Columns of a cohort's table: of_case[i] is the number of its group.
struct CohortGroups {
    std::vector<std::string> names;
    std::vector<int> of_case;
};

// Who took part, by split, or by `folds` where there are any: cases by label, with patients and sites where the manifest
// tells them; lungs (litres, quality flags) where there are `volumes`, one per case; cases that were left out ("ID:
// why").
std::vector<ReportTable> cohort_tables(const Cohort& cohort, std::span<const CachedVolume> volumes,
                                       const std::vector<std::string>& left_out, const CohortGroups& folds = {});

}  // namespace cmtl
