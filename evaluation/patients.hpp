#pragma once
// Several scans of one patient, measured as one: scans of a patient are no independent cases, and intervals and tests
// that take them for such are too narrow.
#include <span>
#include <string>
#include <vector>

#include "base/csv.hpp"
#include "evaluation/predictions.hpp"

namespace cmtl {

// Whose scan each case is: the cells of `column`. As in manifests, a case with an empty cell is a patient of its own,
// called by its ID. Error(input) for an unknown column or ID column, an ID that stands twice, cases that the table
// lacks.
std::vector<std::string> patients_of(const std::vector<std::string>& ids, const CsvTable& table,
                                     const std::string& id_column, const std::string& column);

// One row per patient, called by the patient and in the order of their first scans: the mean of the scans'
// probabilities and, by task, the label that those of them have which know one. `patients` goes by case. Error(input)
// naming `name`, patient and task where labels contradict.
Predictions by_patient(const Predictions& scans, std::span<const std::string> patients, const std::string& name);

// The same of any value by case, "" being none; `what` is its name. Error(input) where a patient has several.
std::vector<std::string> by_patient(std::span<const std::string> values, std::span<const std::string> patients,
                                    const std::string& what);

}  // namespace cmtl
