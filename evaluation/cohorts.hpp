#pragma once
// Predictions of several models, labels and subgroups, brought to the same cases in the same order.
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/csv.hpp"
#include "evaluation/predictions.hpp"

namespace cmtl {

// The file itself, or a run folder's: predictions_test.csv, else predictions_val.csv, else predictions.csv (pooled
// folds). `validation` asks for predictions_val.csv alone. Error(input) where none of them is there or none has a case.
std::filesystem::path predictions_file(const std::filesystem::path& path, bool validation = false);

// Takes labels from a table with columns TASK for every task of `predictions` that it has, and an ID column. A case
// that has none in the table keeps its own. Error(input) for: no such ID column, no column of any task, an ID that
// stands twice, a label out of range, no case of the predictions in the table.
void attach_labels(Predictions& predictions, const CsvTable& labels, const std::string& id_column);

struct NamedTable {
    std::string name;
    Predictions* predictions;
};
// Brings all to the cases of the first, in its order, and their tasks to the order of task_names(); a label that one
// knows is known to all that have the task. Error(input) naming two of them for: cases that one of them lacks, other
// numbers of classes, labels that contradict.
void align(std::span<const NamedTable> tables);

// Of each task the mean of the probabilities of those models that have it. Aligned; at least one.
Predictions mean_of(std::span<const Predictions> models);

// A column's cells by case, "" where the table lacks the case. Error(input) for an unknown column or ID column, an ID
// that stands twice, and where every case has an empty cell.
std::vector<std::string> subgroups_of(const std::vector<std::string>& ids, const CsvTable& table,
                                      const std::string& id_column, const std::string& column);

// The rows of a table by ID, and the same as Error(input) for an ID that is empty or stands twice.
class RowsById {
  public:
    RowsById(const CsvTable& table, const std::string& id_column);
    std::optional<size_t> find(const std::string& id) const;

  private:
    std::vector<std::pair<std::string, size_t>> rows_;  // sorted
};

}  // namespace cmtl
