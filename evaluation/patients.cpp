#include "evaluation/patients.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "base/error.hpp"
#include "base/some_of.hpp"
#include "evaluation/cohorts.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "evaluate";

struct Patient {
    std::string name;
    std::vector<size_t> scans;
};

std::vector<Patient> gathered(std::span<const std::string> patients) {
    std::vector<Patient> all;
    std::unordered_map<std::string, size_t> place;
    for (size_t i = 0; i < patients.size(); ++i) {
        const auto [at, fresh] = place.emplace(patients[i], all.size());
        if (fresh) all.push_back({patients[i], {}});
        all[at->second].scans.push_back(i);
    }
    return all;
}

int common_label(const Patient& patient, const TaskPredictions& task, const std::vector<std::string>& ids,
                 const std::string& name) {
    int label = -1;
    size_t first = 0;
    for (const size_t i : patient.scans) {
        if (task.labels[i] < 0 || task.labels[i] == label) continue;
        if (label >= 0)
            fail(ErrorKind::input, tag,
                 "{}: patient {}: {} is {} for scan {} and {} for scan {}; a patient's scans need one label to be "
                 "measured as one: correct it, or evaluate scans without --patient",
                 name, patient.name, task.name, label, ids[first], task.labels[i], ids[i]);
        label = task.labels[i], first = i;
    }
    return label;
}
}  // namespace

std::vector<std::string> patients_of(const std::vector<std::string>& ids, const CsvTable& table,
                                     const std::string& id_column, const std::string& column) {
    const RowsById rows(table, id_column);
    const size_t c = table.column(column);
    std::vector<std::string> patients, missing;
    for (const std::string& id : ids) {
        const auto row = rows.find(id);
        if (!row) missing.push_back(id);
        patients.push_back(row && !table.missing(*row, c) ? table.text(*row, c) : id);
    }
    if (!missing.empty())
        fail(ErrorKind::input, tag,
             "{}: {} of the {} predicted cases ({}) do not stand in it; whose scans they are is not known",
             table.file.string(), missing.size(), ids.size(), some_of(missing, 3));
    return patients;
}

Predictions by_patient(const Predictions& scans, std::span<const std::string> patients, const std::string& name) {
    require(scans.ids.size() == patients.size(), tag, "{} patients of {} scans", patients.size(), scans.ids.size());
    const auto all = gathered(patients);
    Predictions result;
    for (const Patient& patient : all) result.ids.push_back(patient.name);
    for (const TaskPredictions& task : scans.tasks) {
        TaskPredictions mean{task.name, task.classes, {}, {}};
        for (const Patient& patient : all) {
            for (int c = 0; c < task.classes; ++c) {
                double sum = 0;
                for (const size_t i : patient.scans) sum += task.probability(i, c);
                mean.probabilities.push_back(sum / double(patient.scans.size()));
            }
            mean.labels.push_back(common_label(patient, task, scans.ids, name));
        }
        result.tasks.push_back(std::move(mean));
    }
    return result;
}

std::vector<std::string> by_patient(std::span<const std::string> values, std::span<const std::string> patients,
                                    const std::string& what) {
    require(values.size() == patients.size(), tag, "{} patients of {} scans", patients.size(), values.size());
    std::vector<std::string> result;
    for (const Patient& patient : gathered(patients)) {
        std::string value;
        for (const size_t i : patient.scans) {
            if (values[i].empty() || values[i] == value) continue;
            if (!value.empty())
                fail(ErrorKind::input, tag,
                     "patient {}: scans of different {} ({}, {}); by {} scans are measured without --patient",
                     patient.name, what, value, values[i], what);
            value = values[i];
        }
        result.push_back(value);
    }
    return result;
}

}  // namespace cmtl
