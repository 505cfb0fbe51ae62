#include "training/epoch_notes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace cmtl {

std::string text_of(const EpochNote& note, const std::vector<Task>& tasks) {
    std::string parts;
    for (size_t k = 0; k < tasks.size() && k < note.tasks.size(); ++k)
        parts += fmt::format("{}{} {:.3f} x {:.2f}", k ? ", " : "", tasks[k].name, note.tasks[k], note.weights[k]);
    return fmt::format("epoch {}/{} loss {:.4f} ({}) lr {:.3g}{}", note.epoch, note.epochs, note.loss, parts, note.rate,
                       note.auc ? fmt::format(" AUC {:.4f}", *note.auc) : "");
}

Scalars scalars_of(const nlohmann::ordered_json& line) {
    Scalars out;
    const auto add = [&](const std::string& tag, const auto& value) {
        if (value.is_number()) out.emplace_back(tag, value.template get<double>());
    };
    for (const auto& [key, value] : line.items())
        if (key != "epoch" && key != "step") add("train/" + key, value);
    if (const auto val = line.find("val"); val != line.end())
        for (const auto& [task, values] : val->items()) {
            add("val/" + task, values);  // mean_auc
            if (values.is_object()) {
                for (const auto& [measure, value] : values.items()) add("val/" + measure + "_" + task, value);
            }
        }
    return out;
}

}  // namespace cmtl
