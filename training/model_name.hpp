#pragma once
#include "training/config_tree.hpp"

namespace cmtl {

// Sets what makes the model of this name (nets/named_models.hpp): "resnet3d34:CT", or the task beside it; or xgboost,
// boosted trees. An empty name sets the task alone. Throws Error(usage) for names and tasks there are not.
void apply_model_name(ConfigTree& tree, const std::string& name, const std::string& task = "");

}  // namespace cmtl
