#include "nets/named_models.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "nets/covid_mtl.hpp"

namespace cmtl {

using nlohmann::json;

const std::vector<NamedModel>& named_models() {
    static const std::vector<NamedModel> all{
        {"covid_mtl", "volumes and features, all tasks", false,
         R"({"architecture": "covid_mtl", "volume": true, "features": true})"},
        {"covid_mtl_volume", "volumes only, all tasks", false,
         R"({"architecture": "covid_mtl", "volume": true, "features": false})"},
        {"covid_mtl_features", "features only, all tasks", false,
         R"({"architecture": "covid_mtl", "volume": false, "features": true})"},
        {"shiftnet3d", "volumes, one task, Shift3D", true,
         R"({"architecture": "covid_mtl", "volume": true, "features": false, "shift3d": {"p": 0.25}})"},
        {"squeezenet3d", "the same without Shift3D", true,
         R"({"architecture": "covid_mtl", "volume": true, "features": false, "shift3d": {"p": 0}})"},
        {"resnet3d34", "3-D ResNet-34, volumes, one task", true,
         R"({"architecture": "resnet3d34", "volume": true, "features": false, "shift3d": {"p": 0}})"},
        {"resnet3d34_shift", "the same with Shift3D", true,
         R"({"architecture": "resnet3d34", "volume": true, "features": false, "shift3d": {"p": 0.25}})"},
        // The authors' code keeps all channels in front of its last convolution.
        {"decovnet", "DeCoVNet, volumes, one task", true,
         R"({"architecture": "decovnet", "volume": true, "features": false, "dropout": 0, "shift3d": {"p": 0}})"}};
    return all;
}

json single_task_options(const std::string& task) {
    const std::vector<Task> all = ModelOptions{}.tasks;
    const auto found = std::ranges::find(all, task, &Task::name);
    if (found == all.end()) {
        std::vector<std::string> names;
        for (const Task& one : all) names.push_back(one.name);
        fail(ErrorKind::usage, "model", "task '{}' is unknown: choose {}", task, fmt::join(names, ", "));
    }
    return {{"tasks", json::array({{{"name", found->name}, {"classes", found->classes}}})}};
}

json named_model_options(const std::string& name, const std::string& task) {
    const size_t colon = name.find(':');
    const std::string model = name.substr(0, colon), in_name = colon == std::string::npos ? "" : name.substr(colon + 1);
    if (colon != std::string::npos && !task.empty() && task != in_name)
        fail(ErrorKind::usage, "model", "model '{}' and task '{}' contradict each other: leave one of them out", name,
             task);
    const std::string chosen = task.empty() ? in_name : task;
    const auto found = std::ranges::find(named_models(), model, &NamedModel::name);
    if (found == named_models().end()) {
        std::vector<std::string_view> names;
        for (const NamedModel& one : named_models()) names.push_back(one.name);
        fail(ErrorKind::usage, "model", "model '{}' is unknown: choose {}", model, fmt::join(names, ", "));
    }
    if (found->single_task && chosen.empty() && colon == std::string::npos)
        fail(ErrorKind::usage, "model", "{} predicts one task: choose it with --task CT, NAT or Severity, or as {}:CT",
             model, model);
    json options = json::parse(found->options);
    if (!chosen.empty() || colon != std::string::npos) options.update(single_task_options(chosen));
    return options;
}

}  // namespace cmtl
