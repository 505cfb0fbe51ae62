#pragma once
// The features that matter most, as HTML: a table and box plots by class.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/csv.hpp"
#include "evaluation/feature_tests.hpp"

namespace cmtl {

// What trees made of a feature: mean gain, mean cover, number of splits, and the share of the task's total gain.
struct Importance {
    std::string feature;
    double gain, cover, splits, share;
};
using Importances = std::map<std::string, std::vector<Importance>>;  // by task, largest share first

// A table `task,feature,gain,cover,weight,share`. Throws Error(input) as CsvTable does.
Importances importances_of(const CsvTable& table);

struct TopFeatureOptions {
    size_t rows = 10, boxes = 6;
    bool pairs = false;  // of more than two classes: those that differ (post-hoc p < 0.05)
    const std::vector<Importance>* importances = nullptr;  // rank by these; else by Welch's F
};

// Of task number `task` of the tests; empty where the task has no test that is defined and no importances.
std::string top_features_html(const FeatureTests& tests, size_t task, const TopFeatureOptions& options);

}  // namespace cmtl
