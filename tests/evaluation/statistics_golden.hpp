#pragma once
// tests/evaluation/statistics_golden.json, which tests/oracles/evaluation_oracle.py writes.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "evaluation/predictions.hpp"

namespace cmtl::test {

inline const nlohmann::json& statistics_golden() {
    static const auto golden =
        nlohmann::json::parse(read_file(CMTL_SOURCE_DIR "/tests/evaluation/statistics_golden.json"));
    return golden;
}

inline testing::AssertionResult agrees(double got, const nlohmann::json& golden, double relative = 1e-9) {
    const double want = golden.get<double>();
    if (got == want || std::abs(got - want) <= relative * std::abs(want)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << got << " instead of " << want << " (" << (got - want) / want << ")";
}

inline std::vector<double> numbers(const nlohmann::json& array) { return array.get<std::vector<double>>(); }
inline std::vector<int> integers(const nlohmann::json& array) { return array.get<std::vector<int>>(); }

inline TaskPredictions task_of(const nlohmann::json& c) {
    return {"T", c["classes"].get<int>(), numbers(c["probabilities"]), integers(c["labels"])};
}

// One class's scores and labels against the rest.
inline std::vector<double> scores_of(const TaskPredictions& task, int of_class) {
    std::vector<double> scores;
    for (size_t i = 0; i < task.size(); ++i) scores.push_back(task.probability(i, of_class));
    return scores;
}
inline std::vector<int> against_rest(const TaskPredictions& task, int of_class) {
    std::vector<int> labels;
    for (const int label : task.labels) labels.push_back(label < 0 ? -1 : label == of_class);
    return labels;
}

}  // namespace cmtl::test
