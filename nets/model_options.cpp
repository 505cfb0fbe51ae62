#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "nets/covid_mtl.hpp"

namespace cmtl {
namespace {

constexpr std::string_view tag = "model";

// Takes fields out of a JSON object and complains about what is left over.
class Fields {
  public:
    Fields(const nlohmann::json& json, std::string where) : json_(json), where_(std::move(where)) {
        if (!json.is_object())
            fail(ErrorKind::usage, tag, "{} must be a JSON object", where_.empty() ? "the model" : where_);
    }
    template <class T>
    void take(const std::string& key, T& value) {
        known_.insert(key);
        const auto found = json_.find(key);
        if (found == json_.end()) return;
        bool fits = false;
        if constexpr (std::is_same_v<T, bool>)
            fits = found->is_boolean();
        else if constexpr (std::is_integral_v<T>)
            fits = found->is_number_integer();
        else if constexpr (std::is_floating_point_v<T>)
            fits = found->is_number();
        else
            fits = found->is_string();
        if (!fits)
            fail(ErrorKind::usage, tag, "{}{} is {}: {} is wanted", path(), key, text_of(*found),
                 std::is_same_v<T, bool>       ? "true or false"
                 : std::is_integral_v<T>       ? "a whole number"
                 : std::is_floating_point_v<T> ? "a number"
                                               : "a text");
        value = found->template get<T>();
    }
    // The value for the caller to read itself, or nullptr.
    const nlohmann::json* take(const std::string& key) {
        known_.insert(key);
        const auto found = json_.find(key);
        return found == json_.end() ? nullptr : &*found;
    }
    void finish() const {
        for (const auto& [key, value] : json_.items())
            if (!known_.contains(key))
                fail(ErrorKind::usage, tag, "unknown key {}{}; known: {}", path(), key, fmt::join(known_, ", "));
    }

  private:
    std::string path() const { return where_.empty() ? "" : where_ + "."; }
    static std::string text_of(const nlohmann::json& value) {
        return value.is_structured() ? value.type_name()
                                     : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    const nlohmann::json& json_;
    std::string where_;
    std::set<std::string> known_;
};

}  // namespace

void check(const ModelOptions& options) {
    const auto within = [](const char* name, double value, double low, double high, const char* range) {
        if (!(value >= low && value <= high)) fail(ErrorKind::usage, tag, "{} {} is outside {}", name, value, range);
    };
    if (std::ranges::find(architectures(), options.architecture) == architectures().end())
        fail(ErrorKind::usage, tag, "architecture '{}' is unknown; known: {}", options.architecture,
             fmt::join(architectures(), ", "));
    if (!options.volume && !options.features)
        fail(ErrorKind::usage, tag,
             "a model needs a volume branch or a feature branch: set model.volume or model.features");
    if (options.tasks.empty()) fail(ErrorKind::usage, tag, "a model needs at least one task");
    std::set<std::string> names;
    for (const Task& task : options.tasks) {
        if (task.name.empty() || !names.insert(task.name).second)
            fail(ErrorKind::usage, tag, "task '{}': names must be different and not empty", task.name);
        if (task.classes < 2 || task.classes > 1000)
            fail(ErrorKind::usage, tag, "task '{}' has {} classes: 2 to 1000 are possible", task.name, task.classes);
    }
    if (options.feature_count < 1 || options.feature_count > 1'000'000)
        fail(ErrorKind::usage, tag, "feature_count {} is outside [1, 1000000]", options.feature_count);
    if (!(options.dropout >= 0.0 && options.dropout < 1.0))
        fail(ErrorKind::usage, tag, "dropout {} is outside [0, 1)", options.dropout);
    if (!(options.feature_dropout >= 0.0 && options.feature_dropout < 1.0))
        fail(ErrorKind::usage, tag, "feature_dropout {} is outside [0, 1)", options.feature_dropout);
    if (options.feature_init != "default" && options.feature_init != "xavier")
        fail(ErrorKind::usage, tag, "feature_init '{}' is unknown: use default or xavier", options.feature_init);
    within("shift3d.p", options.shift3d.p, 0.0, 1.0, "[0, 1]");
    within("shift3d.max_shift", options.shift3d.max_shift, 0.0, 1.0, "[0, 1]");
    if (options.shift3d.decay_steps < 0)
        fail(ErrorKind::usage, tag, "shift3d.decay_steps {} is negative", options.shift3d.decay_steps);
}

nlohmann::json to_json(const ModelOptions& options) {
    nlohmann::json tasks = nlohmann::json::array();
    for (const Task& task : options.tasks) tasks.push_back({{"name", task.name}, {"classes", task.classes}});
    const Shift3dOptions& shift = options.shift3d;
    nlohmann::json fill;
    if (shift.fill) fill = *shift.fill;
    return {{"architecture", options.architecture},
            {"tasks", tasks},
            {"volume", options.volume},
            {"features", options.features},
            {"feature_count", options.feature_count},
            {"dropout", options.dropout},
            {"feature_dropout", options.feature_dropout},
            {"feature_init", options.feature_init},
            {"shift3d",
             {{"p", shift.p},
              {"max_shift", shift.max_shift},
              {"whole_batch", shift.whole_batch},
              {"fill", fill},
              {"decay_steps", shift.decay_steps}}}};
}

ModelOptions model_options_from_json(const nlohmann::json& json) {
    ModelOptions options;
    Fields fields(json, "");
    fields.take("architecture", options.architecture);
    fields.take("volume", options.volume);
    fields.take("features", options.features);
    fields.take("feature_count", options.feature_count);
    fields.take("dropout", options.dropout);
    fields.take("feature_dropout", options.feature_dropout);
    fields.take("feature_init", options.feature_init);
    if (const nlohmann::json* tasks = fields.take("tasks")) {
        if (!tasks->is_array()) fail(ErrorKind::usage, tag, "tasks must be a list of {{\"name\", \"classes\"}}");
        options.tasks.clear();
        for (size_t i = 0; i < tasks->size(); ++i) {
            Task task{.name = "", .classes = 0};
            Fields inner((*tasks)[i], fmt::format("tasks[{}]", i));
            inner.take("name", task.name);
            inner.take("classes", task.classes);
            inner.finish();
            options.tasks.push_back(std::move(task));
        }
    }
    if (const nlohmann::json* shift = fields.take("shift3d")) {
        Fields inner(*shift, "shift3d");
        inner.take("p", options.shift3d.p);
        inner.take("max_shift", options.shift3d.max_shift);
        inner.take("whole_batch", options.shift3d.whole_batch);
        inner.take("decay_steps", options.shift3d.decay_steps);
        if (const nlohmann::json* fill = inner.take("fill"); fill && !fill->is_null()) {
            if (!fill->is_number())
                fail(ErrorKind::usage, tag, "shift3d.fill must be a number, or null for a circular shift");
            options.shift3d.fill = fill->get<float>();
        }
        inner.finish();
    }
    fields.finish();
    check(options);
    return options;
}

}  // namespace cmtl
