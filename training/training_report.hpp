#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "evaluation/predictions.hpp"

namespace cmtl {

// report.html of a run folder, from its metrics.jsonl, its settings and the final predictions.
void write_training_report(const std::filesystem::path& run, const nlohmann::json& settings, const Predictions& val,
                           const Predictions& test, const std::vector<std::string>& failed);

}  // namespace cmtl
