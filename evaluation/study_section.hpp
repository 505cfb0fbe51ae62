#pragma once
// Several trainings of one study side by side: folds of a cross-validation, members of an ensemble.
#include <string>
#include <utility>
#include <vector>

#include "evaluation/report.hpp"

namespace cmtl {

// A part's AUCs by task (in the order of its tasks; two classes: DeLong's interval, more: their mean), a row per part;
// mean and sample standard deviation over the parts; the whole. Below it the parts' ROC curves, while the chart's
// colours suffice for them. Parts have the whole's tasks; their cases may be the same or not. Empty without parts.
std::string study_section(const StudyParts& study);

// ROC curves of several models, a card per task that any of them has, for more than two classes one per class. Their
// cases may be the same or not.
using NamedModels = std::vector<std::pair<std::string, const Predictions*>>;
std::string roc_comparison(const NamedModels& models);

}  // namespace cmtl
