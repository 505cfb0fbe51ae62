#pragma once
// The models of COVID-MTL's comparisons by name: each is a set of ModelOptions.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

struct NamedModel {
    std::string_view name, what;
    bool single_task;          // predicts one task, which has to be chosen
    std::string_view options;  // the fields of ModelOptions that it fixes, as JSON
};

const std::vector<NamedModel>& named_models();

// The options that make the model of this name, in the form of to_json(ModelOptions). "NAME:TASK" chooses the task, CT,
// NAT or Severity, in the name; `task` does so beside it. A name without a task leaves the tasks alone.
// Throws Error(usage) for unknown names and tasks, listing those there are, two different tasks, and a single-task
// model without one.
nlohmann::json named_model_options(const std::string& name, const std::string& task = "");

// One task's options, {"tasks": [...]}; Error(usage) as above.
nlohmann::json single_task_options(const std::string& task);

}  // namespace cmtl
