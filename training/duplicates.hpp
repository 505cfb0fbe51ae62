#pragma once
// Scans that are in a cohort more than once.
#include <span>
#include <string>
#include <vector>

#include "pipeline/feature_table.hpp"
#include "training/cohort.hpp"
#include "training/volume_cache.hpp"

namespace cmtl {

// What identical scans are recognised by, one text per case: number, sums and CRC of the prepared voxels, or, where
// there are none, the bytes of the feature row. Empty: nothing is known of the case.
std::vector<std::string> scan_contents(const Cohort& cohort, const std::vector<CachedVolume>& volumes,
                                       const FeatureTable* features);

// A line for each set of identical scans that are in different splits, or whose known labels contradict: "the same
// scan in different splits: p3 (train), p9 (test)". Beyond `most` lines a last one tells how many more there are.
std::vector<std::string> duplicate_warnings(const Cohort& cohort, std::span<const std::string> contents,
                                            size_t most = 20);

}  // namespace cmtl
