#include "training/training_report.hpp"

#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace cmtl {

void write_training_report(const std::filesystem::path&, const nlohmann::json&, const Predictions&, const Predictions&,
                           const std::vector<std::string>&) {}

}  // namespace cmtl
