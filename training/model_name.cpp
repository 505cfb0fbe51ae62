#include "training/model_name.hpp"

#include "nets/named_models.hpp"
#include "training/config.hpp"

namespace cmtl {

void apply_model_name(ConfigTree& tree, const std::string& name, const std::string& task) {
    if (name.empty() && task.empty()) return;
    nlohmann::json options;
    if (name == boosted_trees_architecture) {
        options = {{"architecture", name}, {"volume", false}, {"features", true}};
        if (!task.empty()) options.update(single_task_options(task));
    } else {
        options = name.empty() ? single_task_options(task) : named_model_options(name, task);
    }
    tree.merge({{"model", options}}, name.empty() ? "--task" : "--model " + name);
}

}  // namespace cmtl
