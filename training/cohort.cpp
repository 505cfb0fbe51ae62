#include "training/cohort.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/near_matches.hpp"
#include "base/some_of.hpp"
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
    std::optional<size_t> image, mask, split, patient, site;
    std::vector<std::optional<size_t>> labels;
    // What patients are stratified by: the first and the last column of labels, those of tasks that are not trained
    // among them, so that models of one and of several tasks have the same splits and folds.
    std::vector<std::pair<size_t, Task>> strata;
};

Columns find_columns(const CsvTable& csv, const std::string& id_column, const std::vector<Task>& tasks,
                     bool labels_required) {
    std::vector<std::string> known{id_column, "Image", "Mask"};
    std::vector<Task> labels;
    for (const Task& usual : ModelOptions{}.tasks) {
        const auto ours = std::find_if(tasks.begin(), tasks.end(), [&](const Task& t) { return t.name == usual.name; });
        labels.push_back(ours == tasks.end() ? usual : *ours);
    }
    for (const Task& task : tasks)
        if (std::find(labels.begin(), labels.end(), task) == labels.end()) labels.push_back(task);
    for (const Task& task : labels) known.push_back(task.name);
    known.insert(known.end(), {"Split", "Patient", "Site"});
    if (!csv.find(id_column))
        fail(ErrorKind::input, "manifest", "{}: no column '{}' (its columns: {}); name the ID column with --id-column",
             csv.file.string(), id_column, fmt::join(csv.header, ", "));
    for (const auto& name : csv.header)
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string hint = near_matches(name, known);
            fail(ErrorKind::input, "manifest", "{}:1: unknown column '{}'{}{}; a manifest has {}", csv.file.string(),
                 name, hint.empty() ? "" : ": ", hint, fmt::join(known, ", "));
        }
    Columns columns{*csv.find(id_column), csv.find("Image"),   csv.find("Mask"), csv.find("Split"),
                    csv.find("Patient"),  csv.find("Site"),    {},               {}};
    for (const Task& task : labels)
        if (const auto column = csv.find(task.name)) columns.strata.emplace_back(*column, task);
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

// Patients, each as the numbers of its cases, ordered by stratum and, within one, at random, those with more scans
// first; independent of the order of rows.
std::vector<std::vector<size_t>> stratified_patients(const Cohort& cohort, uint64_t seed, uint64_t draw) {
    std::map<std::string, std::vector<size_t>> patients;
    // A case that was made without a manifest is a patient of its own.
    for (size_t i = 0; i < cohort.cases.size(); ++i) {
        const CohortCase& one = cohort.cases[i];
        patients[one.patient.empty() ? one.id : one.patient].push_back(i);
    }
    std::map<std::array<int64_t, 2>, std::vector<const std::vector<size_t>*>> strata;
    for (const auto& [name, scans] : patients) {
        std::array<int64_t, 2> stratum{-1, -1};
        for (const size_t i : scans) {
            const auto& given = cohort.cases[i].stratum;
            const auto& labels = given.empty() ? cohort.cases[i].labels : given;
            stratum = {std::max(stratum[0], labels.front()), std::max(stratum[1], labels.back())};
        }
        strata[stratum].push_back(&scans);
    }
    std::vector<std::vector<size_t>> out;
    uint64_t number = draw << 20;
    for (const auto& [stratum, members] : strata) {
        const auto begin = static_cast<std::ptrdiff_t>(out.size());
        for (const int64_t at : permutation({seed, Purpose::split, number++}, static_cast<int64_t>(members.size())))
            out.push_back(*members[static_cast<size_t>(at)]);
        std::stable_sort(out.begin() + begin, out.end(),
                         [](const auto& a, const auto& b) { return a.size() > b.size(); });
    }
    return out;
}

// Patients of whose scans `value` tells different things, each as "patient (value, value)".
template <class Value>
std::vector<std::string> torn_patients(const Cohort& cohort, Value value) {
    std::map<std::string, std::set<std::string>> values;
    for (const CohortCase& one : cohort.cases)
        if (!one.patient.empty()) values[one.patient].insert(value(one));
    std::vector<std::string> torn;
    for (const auto& [patient, found] : values)
        if (found.size() > 1) torn.push_back(fmt::format("{} ({})", patient, fmt::join(found, ", ")));
    return torn;
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
    cohort.has_sites = columns.site.has_value();
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
        one.patient = columns.patient && !csv.missing(r, *columns.patient) ? csv.text(r, *columns.patient) : one.id;
        if (columns.site && !csv.missing(r, *columns.site)) one.site = csv.text(r, *columns.site);
        if (!columns.strata.empty())
            for (const auto& [column, task] : {columns.strata.front(), columns.strata.back()})
                one.stratum.push_back(read_label(csv, r, column, task));
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

void require_whole_patients(const Cohort& cohort) {
    if (!cohort.has_splits) return;
    const auto torn = torn_patients(cohort, [](const CohortCase& one) { return to_string(one.split); });
    if (!torn.empty())
        fail(ErrorKind::input, "manifest",
             "{}: Split puts scans of one patient into different splits: {}; give all scans of a patient the same",
             cohort.file.string(), some_of(torn));
}

void assign_splits(Cohort& cohort, double share, uint64_t seed, uint64_t draw) {
    const auto patients = stratified_patients(cohort, seed, draw);
    for (size_t i = 0; i < patients.size(); ++i) {
        const bool val =
            std::floor(static_cast<double>(i + 1) * share + 1e-9) > std::floor(static_cast<double>(i) * share + 1e-9);
        for (const size_t scan : patients[i]) {
            CohortCase& one = cohort.cases[scan];
            if (one.split == Split::unassigned) one.split = val ? Split::val : Split::train;
        }
    }
}

std::vector<int> assign_folds(const Cohort& cohort, int folds, uint64_t seed) {
    const auto patients = stratified_patients(cohort, seed, 1);
    if (folds < 2 || folds > static_cast<int>(patients.size()))
        fail(ErrorKind::usage, "folds", "--folds {}: between 2 and the number of patients ({}) are possible", folds,
             patients.size());
    std::vector<int> fold(cohort.cases.size());
    for (size_t i = 0; i < patients.size(); ++i)
        for (const size_t scan : patients[i]) fold[scan] = static_cast<int>(i % static_cast<size_t>(folds));
    return fold;
}

SiteFolds site_folds(const Cohort& cohort) {
    SiteFolds out;
    for (const CohortCase& one : cohort.cases)
        if (one.site.empty())
            fail(ErrorKind::input, "manifest", "{}: no Site, which --folds site needs of every case",
                 one.place.empty() ? one.id : one.place);
        else
            out.sites.push_back(one.site);
    std::sort(out.sites.begin(), out.sites.end());
    out.sites.erase(std::unique(out.sites.begin(), out.sites.end()), out.sites.end());
    if (out.sites.size() < 2)
        fail(ErrorKind::input, "manifest", "{}: {} site: --folds site needs two or more", cohort.file.string(),
             out.sites.size());
    const auto torn = torn_patients(cohort, [](const CohortCase& one) { return one.site; });
    if (!torn.empty())
        fail(ErrorKind::input, "manifest",
             "{}: patients with scans from more than one site: {}; no site can be left out without them",
             cohort.file.string(), some_of(torn));
    for (const CohortCase& one : cohort.cases)
        out.fold.push_back(static_cast<int>(std::lower_bound(out.sites.begin(), out.sites.end(), one.site) -
                                            out.sites.begin()));
    return out;
}

}  // namespace cmtl
