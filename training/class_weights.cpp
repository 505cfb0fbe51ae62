#include "training/class_weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace cmtl {

using nlohmann::json;

namespace {

constexpr std::string_view tag = "config";

ClassWeights parsed(const std::string& setting, const std::vector<Task>& tasks) {
    const json lists = json::parse(setting, nullptr, false);
    if (!lists.is_array())
        fail(ErrorKind::usage, tag,
             "loss.class_weights is '{}': choose none, balanced, or a list of numbers for each task, for example "
             "[[1,2],[1,1],[1,1,3]]",
             setting);
    if (lists.size() != tasks.size())
        fail(ErrorKind::usage, tag, "loss.class_weights has {} lists for {} tasks: give one for each", lists.size(),
             tasks.size());
    ClassWeights out;
    for (size_t k = 0; k < tasks.size(); ++k) {
        const json& list = lists[k];
        const bool fits = list.is_array() && static_cast<int64_t>(list.size()) == tasks[k].classes &&
                          std::ranges::all_of(list, [](const json& w) {
                              return w.is_number() && w.get<double>() > 0 && std::isfinite(w.get<double>());
                          });
        if (!fits)
            fail(ErrorKind::usage, tag, "loss.class_weights of {} is {}: give {} numbers above 0, one per class",
                 tasks[k].name, list.dump(), tasks[k].classes);
        out.push_back(list.get<std::vector<double>>());
    }
    return out;
}

}  // namespace

void check_class_weights(const std::string& setting, const std::vector<Task>& tasks) {
    if (setting != "none" && setting != "balanced") parsed(setting, tasks);
}

ClassWeights class_weights(const std::string& setting, const std::vector<Task>& tasks,
                           const std::vector<std::vector<int64_t>>& labels) {
    if (setting == "none") return {};
    if (setting != "balanced") return parsed(setting, tasks);
    require(labels.size() == tasks.size(), tag, "labels of {} tasks for {}", labels.size(), tasks.size());
    ClassWeights out;
    for (size_t k = 0; k < tasks.size(); ++k) {
        std::vector<int64_t> counts(static_cast<size_t>(tasks[k].classes));
        int64_t known = 0;
        for (const int64_t label : labels[k])
            if (label >= 0) {
                ++counts.at(static_cast<size_t>(label));
                ++known;
            }
        const auto occurring = static_cast<double>(counts.size()) - static_cast<double>(std::ranges::count(counts, 0));
        auto& weights = out.emplace_back();
        for (const int64_t count : counts)
            weights.push_back(count ? static_cast<double>(known) / (occurring * static_cast<double>(count)) : 1.0);
    }
    return out;
}

}  // namespace cmtl
