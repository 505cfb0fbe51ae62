#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "evaluation/predictions.hpp"

namespace cmtl {

// report.html of a run folder, from its metrics.jsonl, its settings and the final predictions. `failed`: cases that
// were left out; `warnings`: whole sentences.
void write_training_report(const std::filesystem::path& run, const nlohmann::json& settings, const Predictions& val,
                           const Predictions& test, const std::vector<std::string>& failed,
                           const std::vector<std::string>& warnings = {});

}  // namespace cmtl
