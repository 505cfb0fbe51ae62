#pragma once
#include <span>
#include <string>
#include <vector>

#include "evaluation/report.hpp"
#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

// Who took part, by split: cases by label, with patients and sites where the manifest tells them; lungs (litres,
// quality flags) where there are `volumes`, one per case; cases that were left out ("ID: why").
std::vector<ReportTable> cohort_tables(const Cohort& cohort, std::span<const CachedVolume> volumes,
                                       const std::vector<std::string>& left_out);

}  // namespace cmtl
