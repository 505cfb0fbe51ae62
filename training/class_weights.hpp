#pragma once
// Weights of the classes in the training loss.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"
#include "nets/losses.hpp"

namespace cmtl {

// The setting loss.class_weights: none, balanced, or JSON text with a list of positive numbers for each task, one per
// class. Throws Error(usage) naming the task and the list that does not fit.
void check_class_weights(const std::string& setting, const std::vector<Task>& tasks);

// labels[k][n]: those of the training cases, -1 unknown. balanced: n / (C n_c), n the number of known labels, n_c that
// of class c and C the number of classes that occur, as scikit-learn's compute_class_weight; classes that do not occur
// get 1. none: empty.
ClassWeights class_weights(const std::string& setting, const std::vector<Task>& tasks,
                           const std::vector<std::vector<int64_t>>& labels);

}  // namespace cmtl
