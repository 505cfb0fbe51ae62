#include "nets/transfer.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/error.hpp"

namespace cmtl {
namespace {

constexpr std::string_view tag = "weights", head = "classifier";

// The name in the file of what the model calls `name`; empty where the file has no head for the task.
std::string name_in_file(const std::string& name, const std::vector<Task>& tasks, const std::vector<Task>* file_tasks) {
    if (!file_tasks || !name.starts_with(head)) return name;
    size_t number = 0;
    const auto [end, code] = std::from_chars(name.data() + head.size(), name.data() + name.size(), number);
    if (code != std::errc() || number < 1 || number > tasks.size()) return name;
    const auto found = std::ranges::find(*file_tasks, tasks[number - 1].name, &Task::name);
    if (found == file_tasks->end()) return "";
    return fmt::format("{}{}{}", head, found - file_tasks->begin() + 1, end);
}

bool is_floating(Dtype dtype) { return dtype == Dtype::f32 || dtype == Dtype::f64 || dtype == Dtype::bf16; }

}  // namespace

std::string Transfer::text() const {
    std::string text = fmt::format("took {} of {} tensors", taken, tensors);
    if (!fresh.empty()) text += fmt::format("; fresh: {}", fmt::join(fresh, ", "));
    if (!unused.empty()) text += fmt::format("; not used: {}", fmt::join(unused, ", "));
    return text;
}

Transfer transfer_weights(Context& context, const Module& module, const std::vector<Task>& tasks,
                          const NamedTensors& weights, const std::vector<Task>* file_tasks, const std::string& source) {
    std::map<std::string, const Tensor*> given;
    for (const auto& [name, tensor] : weights)
        if (!name.ends_with(".num_batches_tracked")) given.emplace(name, &tensor);

    NamedTensors merged = weights_of(context, module);
    Transfer transfer;
    transfer.tensors = merged.size();
    std::set<std::string> used;
    for (auto& [name, value] : merged) {
        const std::string there = name_in_file(name, tasks, file_tasks);
        const auto found = given.find(there);
        if (found == given.end()) {
            transfer.fresh.push_back(
                fmt::format("{} ({})", name, there.empty() ? "no head of this task in the file" : "not in the file"));
        } else if (found->second->shape() != value.shape()) {
            transfer.fresh.push_back(
                fmt::format("{} ({}, the file has {})", name, value.shape().text(), found->second->shape().text()));
            used.insert(there);
        } else if (!is_floating(found->second->dtype())) {
            transfer.fresh.push_back(fmt::format("{} (the file has {})", name, name_of(found->second->dtype())));
            used.insert(there);
        } else {
            value = *found->second;
            ++transfer.taken;
            used.insert(there);
        }
    }
    if (transfer.taken == 0)
        fail(ErrorKind::input, tag,
             "{}: none of its {} tensors has a name and a shape of this model: nothing to begin with", source,
             given.size());
    for (const auto& [name, tensor] : given)
        if (!used.contains(name)) transfer.unused.push_back(name);
    load_weights(context, module, merged, source);
    return transfer;
}

}  // namespace cmtl
