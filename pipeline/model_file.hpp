#pragma once
// A model as a file: weights, and in the metadata all that turns a CT or a feature table into its input.
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/safetensors.hpp"
#include "nets/covid_mtl.hpp"
#include "pipeline/case_features.hpp"
#include "pipeline/feature_table.hpp"
#include "pipeline/preparation.hpp"

namespace cmtl {

struct ModelFile {
    std::string source;  // named in messages
    ModelOptions options;
    // Absent from a bare state dict, and where the model lacks the branch.
    std::optional<PreparationOptions> preparation;
    std::optional<IntensityStatistics> intensity;
    std::optional<FeatureScaler> scaler;
    std::optional<FeatureOptions> radiomics;  // how its features were computed; absent where they came from a table
    NamedTensors weights;  // the network's, in PyTorch's order of axes
    NamedTensors other;    // the optimiser's state and the loss' parameters of a checkpoint
    Metadata metadata;     // everything, model_metadata()'s keys included
};

// A .safetensors file (a checkpoint, or a bare PyTorch state dict, whose form is read off its names and shapes), or a
// run folder: its best checkpoint, or the latest where there is no best. Throws Error(input) naming what is missing or
// damaged.
ModelFile read_model(Context& context, const std::filesystem::path& file_or_run);

// options, preparation, intensity, scaler and radiomics as metadata ("cmtl.model", "cmtl.preparation", "cmtl.intensity",
// "cmtl.features", "cmtl.radiomics"), with the program's version.
Metadata model_metadata(const ModelFile& file);

// Softmax of logits (N, K) in double, row by row: each row adds up to 1.
std::vector<double> class_probabilities(Context& context, const Tensor& logits);

}  // namespace cmtl
