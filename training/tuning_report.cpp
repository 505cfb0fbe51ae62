#include "training/tuning_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "evaluation/report_parts.hpp"
#include "training/training_report.hpp"

namespace cmtl {

namespace {
// {"train": {"lr": 0.1}} as "train.lr=0.1".
std::string settings_text(const std::string& candidate) {
    const auto tree = nlohmann::json::parse(candidate, nullptr, false);
    if (!tree.is_object()) return candidate;
    std::string text;
    for (const auto& [key, value] : flat_settings(tree)) text += (text.empty() ? "" : ", ") + key + "=" + value;
    return text.empty() ? "as given" : text;
}

struct Scores {
    CsvTable csv;
    explicit Scores(const fs::path& file) : csv(read_csv(file)) {}
    std::string score(size_t row, const std::string& column) const {
        return decimal(csv.number_or_nan(row, csv.column(column)));
    }
    bool chosen(size_t row) const { return csv.text(row, csv.column("chosen")) == "1"; }
};
constexpr const char* how = "Mean AUC over the folds of cross-validations within the training cases alone";
}  // namespace

std::vector<ReportTable> tuning_tables(const std::vector<std::pair<std::string, fs::path>>& folders) {
    std::vector<std::pair<std::string, Scores>> found;
    for (const auto& [name, folder] : folders)
        if (std::error_code code; fs::exists(folder / "tuning.csv", code))
            found.emplace_back(name, Scores(folder / "tuning.csv"));
    if (found.empty()) return {};
    const CsvTable& first = found[0].second.csv;
    const size_t settings = first.column("settings");
    ReportTable table{"Candidates", {"Settings"}, {}, ""};
    for (size_t r = 0; r < first.rows.size(); ++r) table.rows.push_back({settings_text(first.text(r, settings))});
    if (folders.size() == 1) {
        // Columns between score and chosen are tasks.
        for (size_t c = first.column("score") + 1; c < first.column("chosen"); ++c) {
            table.header.push_back(first.header[c]);
            for (size_t r = 0; r < table.rows.size(); ++r)
                table.rows[r].push_back(found[0].second.score(r, first.header[c]));
        }
        table.header.insert(table.header.end(), {"mean", ""});
        for (size_t r = 0; r < table.rows.size(); ++r) {
            table.rows[r].push_back(found[0].second.score(r, "score"));
            table.rows[r].push_back(found[0].second.chosen(r) ? "chosen" : "");
        }
        table.note = fmt::format("{}.", how);
        return {table};
    }
    std::vector<int> times(table.rows.size());
    for (const auto& [name, scores] : found) {
        table.header.push_back(name);
        for (size_t r = 0; r < table.rows.size(); ++r) {
            const bool chosen = scores.chosen(r);
            table.rows[r].push_back((chosen ? "* " : "") + scores.score(r, "score"));
            times[r] += chosen;
        }
    }
    table.header.emplace_back("chosen");
    for (size_t r = 0; r < table.rows.size(); ++r) table.rows[r].push_back(std::to_string(times[r]));
    table.note = fmt::format("{} of each fold, then over tasks. *: chosen for that fold.", how);
    return {table};
}

}  // namespace cmtl
