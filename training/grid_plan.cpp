#include "training/grid_plan.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <set>

#include "base/error.hpp"
#include "training/config.hpp"

namespace cmtl {

using nlohmann::ordered_json;

namespace {
struct Setting {
    std::string name;
    ordered_json values = ordered_json::object();
};

std::string text_of(const ordered_json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// The part of a key that is enough to know it by: model.shift3d.p as shift3d.p, loss.name as loss.
std::string short_key(const std::string& key) {
    std::string out = key;
    for (const char* group : {"model.", "train.", "augment.", "data.", "preparation."})
        if (out.starts_with(group)) out.erase(0, std::string(group).size());
    if (out.ends_with(".name")) out.resize(out.size() - 5);
    return out;
}

// Fit for a folder: no separators, blanks or brackets.
std::string file_name(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) || (c != '\0' && std::strchr("=,.+-_", c));
        if (plain)
            out += c;
        else if (c != '"' && c != '[' && c != ']')
            out += '_';
    }
    if (out.empty() || out[0] == '.') out.insert(out.begin(), '_');
    return out;
}

class Reader {
  public:
    Reader(const ordered_json& grid, const std::string& source) : grid_(grid), source_(source) {}

    template <class... Args>
    [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::usage, "grid", "{}: {}", source_, fmt::format(format, std::forward<Args>(args)...));
    }

    const ordered_json& part(const char* key, ordered_json::value_t type, const ordered_json& absent) const {
        const auto it = grid_.find(key);
        if (it == grid_.end()) return absent;
        if (it->type() != type)
            refuse("'{}' must be {}", key, type == ordered_json::value_t::array ? "a list" : "an object of settings");
        return *it;
    }

    std::vector<Setting> settings() const {
        static const ordered_json none = ordered_json::object(), empty = ordered_json::array();
        const ordered_json& axes = part("axes", ordered_json::value_t::object, none);
        const ordered_json& list = part("runs", ordered_json::value_t::array, empty);
        std::vector<Setting> all;
        if (!axes.empty() || list.empty()) all = product(axes);
        for (const ordered_json& run : list) {
            if (!run.is_object() || !run.contains("name") || !run["name"].is_string() || !run.contains("set") ||
                !run["set"].is_object() || run.size() != 2)
                refuse("a run is {{\"name\": NAME, \"set\": {{KEY: VALUE, ...}}}}, not {}", run.dump());
            all.push_back({file_name(run["name"].get<std::string>()), run["set"]});
        }
        std::set<std::string> names;
        for (const Setting& one : all)
            if (!names.insert(one.name).second) refuse("two settings are called '{}'", one.name);
        return all;
    }

    std::vector<uint64_t> seeds(uint64_t without) const {
        static const ordered_json empty = ordered_json::array();
        if (!grid_.contains("seeds")) return {without};
        std::vector<uint64_t> out;
        for (const ordered_json& seed : part("seeds", ordered_json::value_t::array, empty)) {
            if (!seed.is_number_unsigned()) refuse("'seeds' are whole numbers from 0, not {}", seed.dump());
            if (std::find(out.begin(), out.end(), seed.get<uint64_t>()) != out.end())
                refuse("seed {} stands twice", seed.dump());
            out.push_back(seed.get<uint64_t>());
        }
        if (out.empty()) refuse("'seeds' is empty: name one, or leave the list out");
        return out;
    }

  private:
    std::vector<Setting> product(const ordered_json& axes) const {
        std::map<std::string, int> uses;  // of a short key
        for (const auto& [key, values] : axes.items()) ++uses[short_key(key)];
        std::vector<Setting> all{{}};
        for (const auto& [key, values] : axes.items()) {
            if (!values.is_array() || values.empty()) refuse("axis '{}' must be a list of values", key);
            const std::string shown = uses[short_key(key)] > 1 ? key : short_key(key);
            std::vector<Setting> next;
            for (const Setting& one : all)
                for (const ordered_json& value : values) {
                    Setting more = one;
                    more.name += (one.name.empty() ? "" : ",") + file_name(shown + "=" + text_of(value));
                    more.values[key] = value;
                    next.push_back(std::move(more));
                }
            all = std::move(next);
        }
        if (all[0].name.empty()) all[0].name = "base";
        return all;
    }

    const ordered_json& grid_;
    const std::string& source_;
};

// One setting of a run, as the command line would give it.
void apply(TrainRequest& request, const std::string& key, const ordered_json& value) {
    if (key == "preset")
        request.preset = text_of(value);
    else if (key == "model")
        request.model = text_of(value);
    else if (key == "task")
        request.task = text_of(value);
    else
        request.settings.push_back(key + "=" + text_of(value));
}
}  // namespace

GridPlan plan_grid(const ordered_json& grid, const std::string& source, const TrainRequest& request) {
    const Reader reader(grid, source);
    if (!grid.is_object()) reader.refuse("a grid is a JSON object with base, axes, runs, seeds and folds");
    for (const auto& [key, value] : grid.items())
        if (key != "base" && key != "axes" && key != "runs" && key != "seeds" && key != "folds")
            reader.refuse("unknown part '{}': a grid has base, axes, runs, seeds and folds", key);
    GridPlan plan;
    if (grid.contains("folds")) {
        const ordered_json& folds = grid["folds"];
        if (!folds.is_number_unsigned() || folds.get<uint64_t>() == 1 || folds.get<uint64_t>() > 1000)
            reader.refuse("'folds' is {}: it must be 0 or a number from 2 to 1000", folds.dump());
        plan.folds = folds.get<int>();
    }
    static const ordered_json none = ordered_json::object();
    const auto settings = reader.settings();
    const auto seeds = reader.seeds(request.seed.value_or(0));
    TrainRequest base = request;
    base.tree = reader.part("base", ordered_json::value_t::object, none);
    base.tree_source = source;
    // All seeds are measured on the same cases, whose probabilities can then be averaged.
    if (!base.tree.contains("data") || !base.tree["data"].is_object() || !base.tree["data"].contains("split_seed"))
        base.settings.insert(base.settings.begin(), fmt::format("data.split_seed={}", seeds.front()));
    std::set<std::string> given;
    for (const std::string& setting : request.settings) given.insert(setting.substr(0, setting.find('=')));
    for (const Setting& setting : settings) {
        GridRun run;
        run.setting = setting.name;
        run.values = setting.values;
        run.request = base;
        for (const auto& [key, value] : setting.values.items()) {
            if (given.contains(key)) reader.refuse("'{}' is given by --set, too: leave it out there", key);
            apply(run.request, key, value);
            if (std::find(plan.varying.begin(), plan.varying.end(), key) == plan.varying.end())
                plan.varying.push_back(key);
        }
        try {
            run.config = resolve_settings(run.request, default_preset(run.request.manifest)).tree();
            config_from_json(run.config);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::usage) throw;
            reader.refuse("{}: {}", run.setting, error.message());
        }
        for (const uint64_t seed : seeds) {
            run.seed = seed;
            run.request.seed = seed;
            run.folder = fmt::format("{}/seed{}", run.setting, seed);
            plan.runs.push_back(run);
        }
    }
    return plan;
}

}  // namespace cmtl
