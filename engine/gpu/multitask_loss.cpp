#include "engine/operators/multitask_loss_problem.hpp"

namespace cmtl {

std::vector<DirichletWeights> gpu_dirichlet_weights() { return {}; }
std::vector<WeightedSumForward> gpu_weighted_sum_forward() { return {}; }
std::vector<WeightedSumBackward> gpu_weighted_sum_backward() { return {}; }
std::vector<UncertaintySumForward> gpu_uncertainty_sum_forward() { return {}; }
std::vector<UncertaintySumBackward> gpu_uncertainty_sum_backward() { return {}; }
std::vector<UncertaintyWeights> gpu_uncertainty_weights() { return {}; }
std::vector<TrackLosses> gpu_track_losses() { return {}; }

}  // namespace cmtl
