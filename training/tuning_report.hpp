#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/report.hpp"

namespace cmtl {

// The scores of a tuning as tuning.csv keeps them, of one folder by task, of several (called by their names) by folder.
// Folders without such a file are left out; none: no table.
std::vector<ReportTable> tuning_tables(const std::vector<std::pair<std::string, std::filesystem::path>>& folders);

}  // namespace cmtl
