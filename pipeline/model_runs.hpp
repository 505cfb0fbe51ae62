#pragma once
// The trainings that a folder of cmtl_train holds.
#include <filesystem>
#include <vector>

namespace cmtl {

// The runs below a folder of several trainings (--folds: fold0, fold1, ...; --ensemble: seed0, seed1, ...; an ensemble
// of each fold: fold0/seed0, ...), in that order. Any other path, a run folder or a file, stands for itself. Throws
// Error(input) for folds and ensembles that are not finished.
std::vector<std::filesystem::path> model_runs(const std::filesystem::path& path);

}  // namespace cmtl
