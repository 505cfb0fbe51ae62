#pragma once
// Predicted probabilities of a cohort and the labels they are measured against.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

// One task's share: probabilities[i * classes + c] of case i and class c; labels[i] in [0, classes) or -1 (unknown).
struct TaskPredictions {
    std::string name;  // "CT", "NAT", "Severity"
    int classes = 2;
    std::vector<double> probabilities;
    std::vector<int> labels;

    size_t size() const { return labels.size(); }
    double probability(size_t i, int c) const { return probabilities[i * size_t(classes) + size_t(c)]; }
    // The most probable class, the lowest of equals (as numpy.argmax).
    int predicted(size_t i) const;
};

struct Predictions {
    std::vector<std::string> ids;
    std::vector<TaskPredictions> tasks;  // each as long as ids

    const TaskPredictions* find(std::string_view task) const;
};

// Names of the tasks that any of the models has, in the order in which they come up.
std::vector<std::string> task_names(std::span<const Predictions* const> models);

// `ID,CT_0,CT_1,NAT_0,NAT_1,Severity_0,Severity_1,Severity_2[,CT,NAT,Severity]`: probabilities, then labels where the
// cohort has any (empty = unknown). Any set of tasks TASK_0..TASK_k is read, in the header's order; label columns are
// written when at least one label of that task is known. Six decimals or more are kept: written values read back within
// 1e-9.
//
// Reading throws Error(input), with file and line, for: no ID or no TASK_0 column, a hole in TASK_0..TASK_k, an empty
// or repeated ID, a probability outside [0, 1], probabilities of a case that do not add up to 1 within 0.01, a label
// out of range.
Predictions read_predictions(const std::filesystem::path& path);
void write_predictions(const std::filesystem::path& path, const Predictions& predictions);
// The same as text: the header line and one line per case.
std::string predictions_csv(const Predictions& predictions);

}  // namespace cmtl
