#pragma once
// Cases of a run's report: their pictures, and where the network looked.
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/context.hpp"
#include "evaluation/report.hpp"
#include "pipeline/feature_table.hpp"
#include "training/cohort.hpp"

namespace cmtl {

// The cases that choose_gallery() takes of `predictions`, each with three views of its prepared volume, lung outlines,
// and Grad-CAM of the task it is shown for, by the run's chosen weights. `voxels` gives a case's prepared volume;
// `features`: rows of the run's cases, or nullptr. One evaluation pass per case. Empty for models without a volume
// branch.
std::vector<GalleryCase> make_gallery(Context& context, const std::filesystem::path& run,
                                      const std::vector<CohortCase>& cases, const FeatureTable* features,
                                      const Predictions& predictions,
                                      const std::function<std::vector<uint16_t>(const CohortCase&)>& voxels);

}  // namespace cmtl
