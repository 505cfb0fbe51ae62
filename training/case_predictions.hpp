#pragma once
// Cases through a network in training: probabilities, and how far they are from the labels.
#include <vector>

#include "evaluation/predictions.hpp"
#include "training/learner.hpp"
#include "training/training_data.hpp"

namespace cmtl {

// In evaluation mode, cases in the order given.
Predictions predict_cases(Learner& learner, const TrainingData& data, const Config& config,
                          const std::vector<size_t>& cases);

// Mean cross-entropy over the known labels; NaN where none is known.
double mean_loss(const TaskPredictions& task);

}  // namespace cmtl
