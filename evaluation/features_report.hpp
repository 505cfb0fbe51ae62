#pragma once
// report.html of cmtl_evaluate features.
#include <string>
#include <vector>

#include "evaluation/feature_tests.hpp"

namespace cmtl {

// One self-contained page: per task the features with the largest F, their tests, means, the pairs of classes that
// differ, and box plots. `subtitle`: what was read; `notes`: cases left out; `program` is the footer.
std::string features_report_html(const FeatureTests& tests, const FeatureTestOptions& options,
                                 const std::string& subtitle, const std::vector<std::string>& notes,
                                 const std::string& program);

}  // namespace cmtl
