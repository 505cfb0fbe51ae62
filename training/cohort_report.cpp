#include "training/cohort_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "evaluation/box_plot.hpp"

namespace cmtl {

namespace {
// Case numbers under the heading of each column: the splits that have any, and all of them.
using Columns = std::vector<std::pair<std::string, std::vector<size_t>>>;

Columns columns_of(const Cohort& cohort) {
    Columns columns;
    std::vector<size_t> all;
    for (const auto& [name, split] :
         {std::pair{"training", Split::train}, {"validation", Split::val}, {"test", Split::test}}) {
        std::vector<size_t> members;
        for (size_t i = 0; i < cohort.cases.size(); ++i)
            if (cohort.cases[i].split == split || (split == Split::train && cohort.cases[i].split == Split::unassigned))
                members.push_back(i);
        all.insert(all.end(), members.begin(), members.end());
        if (!members.empty()) columns.emplace_back(name, std::move(members));
    }
    columns.emplace_back("all", std::move(all));
    return columns;
}

Columns columns_of(const CohortGroups& groups) {
    Columns columns;
    std::vector<size_t> all(groups.of_case.size());
    std::iota(all.begin(), all.end(), size_t(0));
    // More would not be read, nor printed.
    if (groups.names.size() <= 12)
        for (const std::string& name : groups.names) columns.emplace_back(name, std::vector<size_t>());
    for (const size_t i : all)
        if (!columns.empty()) columns[size_t(groups.of_case[i])].second.push_back(i);
    columns.emplace_back("all", std::move(all));
    return columns;
}

struct Table {
    const Columns& columns;
    ReportTable table;
    Table(const Columns& c, std::string title) : columns(c), table{std::move(title), {""}, {}, ""} {
        for (const auto& column : c) table.header.push_back(column.first);
    }
    void row(std::string name, const std::function<std::string(const std::vector<size_t>&)>& cell) {
        table.rows.push_back({std::move(name)});
        for (const auto& column : columns) table.rows.back().push_back(cell(column.second));
    }
    void counts(std::string name, const std::function<bool(size_t)>& is) {
        row(std::move(name), [&](const auto& members) { return std::to_string(std::ranges::count_if(members, is)); });
    }
};

// Different patients and sites, where the manifest names them.
void people_rows(Table& t, const std::vector<CohortCase>& cases) {
    const auto different = [&](std::string name, std::string CohortCase::*field, bool shown) {
        if (!shown) return;
        t.row(std::move(name), [&](const auto& members) {
            std::set<std::string> values;
            for (const size_t i : members)
                if (!(cases[i].*field).empty()) values.insert(cases[i].*field);
            return std::to_string(values.size());
        });
    };
    const auto any = [&](auto&& is) { return std::ranges::any_of(cases, is); };
    different("patients", &CohortCase::patient,
              any([](const CohortCase& one) { return !one.patient.empty() && one.patient != one.id; }));
    different("sites", &CohortCase::site, any([](const CohortCase& one) { return !one.site.empty(); }));
}

ReportTable labels_table(const Cohort& cohort, const Columns& columns, std::string title) {
    Table t(columns, std::move(title));
    t.row("cases", [](const auto& members) { return std::to_string(members.size()); });
    people_rows(t, cohort.cases);
    for (size_t k = 0; k < cohort.tasks.size(); ++k) {
        const auto label = [&](size_t i) { return cohort.cases[i].labels[k]; };
        for (int64_t c = 0; c < cohort.tasks[k].classes; ++c)
            t.counts(fmt::format("{}: {}", cohort.tasks[k].name, class_name(cohort.tasks[k].name, static_cast<int>(c))),
                     [&](size_t i) { return label(i) == c; });
        if (std::ranges::any_of(columns.back().second, [&](size_t i) { return label(i) < 0; }))
            t.counts(fmt::format("{}: unknown", cohort.tasks[k].name), [&](size_t i) { return label(i) < 0; });
    }
    return t.table;
}

ReportTable lungs_table(const Columns& columns, std::span<const CachedVolume> volumes) {
    Table t(columns, "Lungs");
    const auto litres = [&](std::string name, double (*of)(const CachedVolume&)) {
        t.row(std::move(name), [&](const auto& members) {
            std::vector<double> values;
            for (const size_t i : members) values.push_back(of(volumes[i]));
            const BoxSummary box = box_summary(values);
            const auto [low, high] = std::ranges::minmax(values);
            // A word joiner behind the dash: no line ends there.
            return fmt::format("{:.2f} ({:.2f}–\u2060{:.2f})", box.median, low, high);
        });
    };
    litres("both, litres", [](const CachedVolume& v) { return v.litres_right + v.litres_left; });
    litres("right, litres", [](const CachedVolume& v) { return v.litres_right; });
    litres("left, litres", [](const CachedVolume& v) { return v.litres_left; });
    t.counts("cases without a flag", [&](size_t i) { return volumes[i].flags.empty(); });
    std::set<std::string> flags;
    for (const CachedVolume& v : volumes) flags.insert(v.flags.begin(), v.flags.end());
    for (const std::string& flag : flags)
        t.counts("flag: " + flag, [&](size_t i) { return std::ranges::count(volumes[i].flags, flag) > 0; });
    t.table.note = "Litres: median (least–most). Flags: what a reader should look at in the segmentation.";
    return t.table;
}
}  // namespace

std::vector<ReportTable> cohort_tables(const Cohort& cohort, std::span<const CachedVolume> volumes,
                                       const std::vector<std::string>& left_out, const CohortGroups& folds) {
    const bool by_fold = !folds.names.empty();
    const Columns columns = by_fold ? columns_of(folds) : columns_of(cohort);
    std::vector<ReportTable> tables{
        labels_table(cohort, columns, by_fold ? "Cases by fold and label" : "Cases by split and label")};
    if (!volumes.empty()) tables.push_back(lungs_table(columns, volumes));
    if (!left_out.empty()) {
        ReportTable table{fmt::format("Left out: {}", left_out.size()), {"Case", "Why"}, {}, ""};
        for (const std::string& text : left_out) {
            const size_t colon = std::min(text.find(": "), text.size());
            table.rows.push_back({text.substr(0, colon), text.substr(std::min(text.size(), colon + 2))});
        }
        tables.push_back(std::move(table));
    }
    return tables;
}

}  // namespace cmtl
