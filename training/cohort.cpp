#include "training/cohort.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/near_matches.hpp"
#include "engine/random.hpp"
#include "training/config_tree.hpp"

namespace cmtl {

namespace fs = std::filesystem;

std::string to_string(Split split) {
    switch (split) {
        case Split::train:
            return "train";
        case Split::val:
            return "val";
        case Split::test:
            return "test";
        case Split::unassigned:
            break;
    }
    return "";
}

namespace {
struct Columns {
    size_t id;
    std::optional<size_t> image, mask, split;
    std::vector<std::optional<size_t>> labels;
};

Columns find_columns(const CsvTable& csv, const std::string& id_column, const std::vector<Task>& tasks,
                     bool labels_required) {
    std::vector<std::string> known{id_column, "Image", "Mask", "Split"};
    for (const Task& task : tasks) known.push_back(task.name);
    for (const Task& task : ModelOptions{}.tasks)  // a model may predict some of them only
        if (std::find(known.begin(), known.end(), task.name) == known.end()) known.push_back(task.name);
    if (!csv.find(id_column))
        fail(ErrorKind::input, "manifest", "{}: no column '{}' (its columns: {}); name the ID column with --id-column",
             csv.file.string(), id_column, fmt::join(csv.header, ", "));
    for (const auto& name : csv.header)
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string hint = near_matches(name, known);
            fail(ErrorKind::input, "manifest", "{}:1: unknown column '{}'{}{}; a manifest has {}", csv.file.string(),
                 name, hint.empty() ? "" : ": ", hint, fmt::join(known, ", "));
        }
    Columns columns{*csv.find(id_column), csv.find("Image"), csv.find("Mask"), csv.find("Split"), {}};
    for (const Task& task : tasks) {
        columns.labels.push_back(csv.find(task.name));
        if (labels_required && !columns.labels.back())
            fail(ErrorKind::input, "manifest",
                 "{}: no column '{}': every task needs one (its cells may be empty), or train other tasks with --set "
                 "'model.tasks=[{{\"name\":\"CT\",\"classes\":2}}]'",
                 csv.file.string(), task.name);
    }
    return columns;
}

int64_t read_label(const CsvTable& csv, size_t row, size_t column, const Task& task) {
    if (csv.missing(row, column)) return -1;
    const int64_t label = csv.integer(row, column);
    if (label < 0 || label >= task.classes)
        csv.reject(row, column,
                   fmt::format("is not a class of {}: 0 to {}, or empty where unknown", task.name, task.classes - 1));
    return label;
}

fs::path read_path(const CsvTable& csv, size_t row, size_t column) {
    const fs::path path = fs::path(csv.text(row, column));
    const fs::path whole = path.is_absolute() ? path : csv.file.parent_path() / path;
    std::error_code code;
    if (!fs::exists(whole, code))
        csv.reject(row, column, fmt::format("does not exist (looked for {})", whole.string()));
    return whole;
}

// Case numbers ordered by stratum and, within one, at random; independent of the order of rows.
std::vector<size_t> stratified_order(const Cohort& cohort, uint64_t seed, uint64_t purpose_step) {
    std::vector<size_t> order(cohort.cases.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return cohort.cases[a].id < cohort.cases[b].id; });
    std::map<std::array<int64_t, 2>, std::vector<size_t>> strata;
    for (const size_t i : order) {
        const auto& labels = cohort.cases[i].labels;
        strata[{labels.front(), labels.back()}].push_back(i);
    }
    std::vector<size_t> out;
    uint64_t stratum = purpose_step << 20;
    for (const auto& [labels, members] : strata)
        for (const int64_t at : permutation({seed, Purpose::split, stratum++}, static_cast<int64_t>(members.size())))
            out.push_back(members[static_cast<size_t>(at)]);
    return out;
}
}  // namespace

Cohort read_manifest(const fs::path& path, const std::string& id_column, const std::vector<Task>& tasks,
                     bool labels_required, std::vector<RejectedRow>* rejected) {
    const CsvTable csv = read_csv(path);
    const Columns columns = find_columns(csv, id_column, tasks, labels_required);
    Cohort cohort;
    cohort.file = path;
    cohort.tasks = tasks;
    cohort.has_images = columns.image.has_value();
    std::map<std::string, size_t> seen;
    size_t splits = 0;
    const auto read_row = [&](size_t r) {
        CohortCase one;
        one.place = csv.place(r);
        if (csv.missing(r, columns.id)) csv.reject(r, columns.id, "is empty: every row needs an ID");
        one.id = csv.text(r, columns.id);
        if (one.id.find('/') != std::string::npos) csv.reject(r, columns.id, "holds a '/': IDs become file names");
        const auto [it, fresh] = seen.emplace(one.id, r);
        if (!fresh) csv.reject(r, columns.id, "stands twice: first at " + csv.place(it->second));
        if (columns.image) {
            if (csv.missing(r, *columns.image)) csv.reject(r, *columns.image, "is empty: every row needs an image");
            one.image = read_path(csv, r, *columns.image);
        }
        if (columns.mask && !csv.missing(r, *columns.mask)) one.mask = read_path(csv, r, *columns.mask);
        for (size_t k = 0; k < tasks.size(); ++k)
            one.labels.push_back(columns.labels[k] ? read_label(csv, r, *columns.labels[k], tasks[k]) : -1);
        if (columns.split && !csv.missing(r, *columns.split)) {
            const std::string& text = csv.text(r, *columns.split);
            for (const Split split : {Split::train, Split::val, Split::test})
                if (text == to_string(split)) one.split = split;
            if (one.split == Split::unassigned) csv.reject(r, *columns.split, "is not a split: train, val or test");
        }
        return one;
    };
    for (size_t r = 0; r < csv.rows.size(); ++r) try {
            cohort.cases.push_back(read_row(r));
            splits += cohort.cases.back().split != Split::unassigned;
        } catch (const Error& error) {
            if (!rejected) throw;
            rejected->push_back({csv.text(r, columns.id), error.what()});
        }
    if (cohort.cases.empty() && rejected && !rejected->empty())
        fail(ErrorKind::input, "manifest", "{}: no row is a case; the first: {}", path.string(), rejected->front().error);
    if (cohort.cases.empty()) fail(ErrorKind::input, "manifest", "{}: no case", path.string());
    if (splits != 0 && splits != cohort.cases.size()) {
        const auto bare = std::find_if(cohort.cases.begin(), cohort.cases.end(),
                                       [](const CohortCase& c) { return c.split == Split::unassigned; });
        fail(ErrorKind::input, "manifest", "{}: Split is empty here and given in other rows: fill all or none",
             bare->place);
    }
    cohort.has_splits = splits != 0;
    return cohort;
}

void assign_splits(Cohort& cohort, double share, uint64_t seed) {
    const auto order = stratified_order(cohort, seed, 0);
    for (size_t i = 0; i < order.size(); ++i) {
        const bool val =
            std::floor(static_cast<double>(i + 1) * share + 1e-9) > std::floor(static_cast<double>(i) * share + 1e-9);
        CohortCase& one = cohort.cases[order[i]];
        if (one.split == Split::unassigned) one.split = val ? Split::val : Split::train;
    }
}

std::vector<int> assign_folds(const Cohort& cohort, int folds, uint64_t seed) {
    if (folds < 2 || folds > static_cast<int>(cohort.cases.size()))
        fail(ErrorKind::usage, "folds", "--folds {}: between 2 and the number of cases ({}) are possible", folds,
             cohort.cases.size());
    std::vector<int> fold(cohort.cases.size());
    const auto order = stratified_order(cohort, seed, 1);
    for (size_t i = 0; i < order.size(); ++i) fold[order[i]] = static_cast<int>(i % static_cast<size_t>(folds));
    return fold;
}

}  // namespace cmtl
