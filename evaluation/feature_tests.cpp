#include "evaluation/feature_tests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/near_matches.hpp"
#include "base/parallel.hpp"
#include "evaluation/cohorts.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "features";

// Rows of the features with the label's row beside, in the features' order.
using Rows = std::vector<std::pair<size_t, size_t>>;

bool looks_like_a_task(const CsvTable& labels, size_t column) {
    std::set<int64_t> values;
    for (size_t r = 0; r < labels.rows.size(); ++r) {
        if (labels.missing(r, column)) continue;
        try {
            values.insert(labels.integer(r, column));
        } catch (const Error&) {
            return false;
        }
    }
    values.erase(-1);
    return values.size() >= 2 && values.size() <= 10;
}

std::vector<std::string> tasks_of(const CsvTable& labels, const FeatureTestOptions& options) {
    if (!options.tasks.empty()) {
        for (const std::string& task : options.tasks) {
            if (labels.find(task)) continue;
            fail(ErrorKind::input, tag, "{}: no column '{}'; {}", labels.file.string(), task,
                 near_matches(task, labels.header));
        }
        return options.tasks;
    }
    std::vector<std::string> tasks;
    for (const char* name : {"CT", "NAT", "Severity"})
        if (labels.find(name)) tasks.emplace_back(name);
    for (size_t c = 0; tasks.empty() && c < labels.header.size(); ++c) {
        const std::string& name = labels.header[c];
        if (name != options.labels_id_column && looks_like_a_task(labels, c)) tasks.push_back(name);
    }
    if (tasks.empty())
        fail(ErrorKind::input, tag,
             "{}: no column of labels: neither CT, NAT nor Severity, nor one of 2 to 10 different whole numbers; name "
             "one with --task",
             labels.file.string());
    return tasks;
}

// Which labels are known, rising.
std::vector<int64_t> classes_of(const std::vector<int64_t>& labels) {
    std::set<int64_t> classes(labels.begin(), labels.end());
    std::erase_if(classes, [](int64_t label) { return label < 0; });
    return {classes.begin(), classes.end()};
}

// Labels by row, negative where unknown.
std::vector<int64_t> labels_of(const CsvTable& labels, const std::string& task, const Rows& rows) {
    const size_t column = labels.column(task);
    std::vector<int64_t> values;
    for (const auto& row : rows)
        values.push_back(labels.missing(row.second, column) ? -1 : labels.integer(row.second, column));
    const std::vector<int64_t> classes = classes_of(values);
    if (classes.size() < 2)
        fail(ErrorKind::input, tag, "{}: column {}: {}; there is nothing to tell apart", labels.file.string(), task,
             classes.empty() ? std::string("no label of a case with features is known")
                             : fmt::format("one class only, every known label is {}", classes.front()));
    if (classes.size() > 100)
        fail(ErrorKind::input, tag, "{}: column {}: {} different labels are no classes", labels.file.string(), task,
             classes.size());
    return values;
}

std::vector<double> feature_values(const CsvTable& table, size_t column, const Rows& rows) {
    std::vector<double> values;
    for (const auto& row : rows) {
        const double v = table.number_or_nan(row.first, column);
        values.push_back(std::isfinite(v) ? v : std::numeric_limits<double>::quiet_NaN());
    }
    return values;
}

std::string cell(double v) { return csv_cell(v); }

void run_tests(FeatureTests& result, FeatureCases cases, const FeatureTestOptions& options) {
    result.data = std::move(cases);
    const auto& values = result.data.values;
    for (size_t k = 0; k < result.data.tasks.size(); ++k) {
        const std::string& task = result.data.tasks[k];
        const std::vector<int64_t>& known = result.data.labels[k];
        const std::vector<int64_t> classes = classes_of(known);
        result.tasks.emplace_back(task, classes);
        std::vector<FeatureTest> tests(values.size());
        parallel_ranges(int64_t(values.size()), [&](int64_t begin, int64_t end) {
            for (int64_t f = begin; f < end; ++f) {
                FeatureTest& t = tests[size_t(f)];
                t.feature = result.features[size_t(f)];
                t.task = task;
                for (const int64_t label : classes) {
                    std::vector<double> group;
                    for (size_t i = 0; i < known.size(); ++i)
                        if (known[i] == label) group.push_back(values[size_t(f)][i]);
                    t.groups.push_back(summarise(group));
                }
                t.welch = welch_anova(t.groups);
                t.pairs = compare_pairs(t.groups, options.posthoc);
            }
        });
        std::vector<double> p;
        for (const FeatureTest& t : tests) p.push_back(t.welch.p);
        const auto adjusted = adjusted_p(p, options.adjustment);
        for (size_t f = 0; f < tests.size(); ++f) tests[f].p_adjusted = adjusted[f];
        result.tests.insert(result.tests.end(), tests.begin(), tests.end());
    }
}
}  // namespace

FeatureTests test_features(const CsvTable& table, const CsvTable& labels, const FeatureTestOptions& options) {
    const RowsById features_by_id(table, options.id_column), labels_by_id(labels, options.labels_id_column);
    const size_t id = table.column(options.id_column), labels_id = labels.column(options.labels_id_column);
    FeatureTests result;
    Rows rows;
    for (size_t r = 0; r < table.rows.size(); ++r) {
        if (const auto other = labels_by_id.find(table.text(r, id)))
            rows.emplace_back(r, *other);
        else
            result.unlabelled.push_back(table.text(r, id));
    }
    for (size_t r = 0; r < labels.rows.size(); ++r)
        if (!features_by_id.find(labels.text(r, labels_id))) result.unmeasured.push_back(labels.text(r, labels_id));
    if (rows.empty())
        fail(ErrorKind::input, tag, "{} and {} have no ID in common; theirs begin with '{}' and '{}'",
             table.file.string(), labels.file.string(), table.rows.empty() ? "" : table.text(0, id),
             labels.rows.empty() ? "" : labels.text(0, labels_id));
    result.cases = int64_t(rows.size());
    std::vector<std::vector<double>> values;
    for (size_t c = 0; c < table.header.size(); ++c) {
        if (c == id) continue;
        result.features.push_back(table.header[c]);
        values.push_back(feature_values(table, c, rows));
    }
    if (values.empty()) fail(ErrorKind::input, tag, "{}: no column beside {}", table.file.string(), options.id_column);

    FeatureCases cases{result.features, std::move(values), tasks_of(labels, options), {}};
    for (const std::string& task : cases.tasks) cases.labels.push_back(labels_of(labels, task, rows));
    run_tests(result, std::move(cases), options);
    return result;
}

FeatureTests test_features(FeatureCases cases, const FeatureTestOptions& options) {
    FeatureTests result;
    result.features = cases.features;
    result.cases = cases.values.empty() ? 0 : std::ssize(cases.values.front());
    FeatureCases tested{cases.features, std::move(cases.values), {}, {}};
    for (size_t k = 0; k < cases.tasks.size(); ++k) {
        if (classes_of(cases.labels[k]).size() < 2) continue;
        tested.tasks.push_back(cases.tasks[k]);
        tested.labels.push_back(std::move(cases.labels[k]));
    }
    run_tests(result, std::move(tested), options);
    return result;
}

CsvTable welch_table(const FeatureTests& tests) {
    CsvTable table;
    table.header = {"feature", "task", "F", "df1", "df2", "p", "p_adjusted", "reason"};
    for (const FeatureTest& t : tests.tests)
        table.rows.push_back({t.feature, t.task, cell(t.welch.f), cell(t.welch.df1), cell(t.welch.df2), cell(t.welch.p),
                              cell(t.p_adjusted), t.welch.reason});
    return table;
}

CsvTable posthoc_table(const FeatureTests& tests) {
    CsvTable table;
    table.header = {"feature", "task",       "group_a", "group_b", "n_a", "n_b",   "mean_a",
                    "mean_b",  "difference", "t",       "df",      "p",   "reason"};
    const auto classes = [&](const std::string& task) -> const std::vector<int64_t>& {
        return std::find_if(tests.tasks.begin(), tests.tasks.end(), [&](const auto& t) { return t.first == task; })
            ->second;
    };
    for (const FeatureTest& t : tests.tests)
        for (const PairComparison& c : t.pairs) {
            const GroupSummary &a = t.groups[c.a], &b = t.groups[c.b];
            const auto& names = classes(t.task);
            table.rows.push_back({t.feature, t.task, fmt::format("{}", names[c.a]), fmt::format("{}", names[c.b]),
                                  fmt::format("{}", a.count), fmt::format("{}", b.count), cell(a.mean), cell(b.mean),
                                  cell(c.difference), cell(c.t), cell(c.df), cell(c.p), c.reason});
        }
    return table;
}

}  // namespace cmtl
