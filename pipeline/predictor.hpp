#pragma once
// From a prepared case to probabilities.
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nets/grad_cam.hpp"
#include "pipeline/model_file.hpp"

namespace cmtl {

class Predictor {
  public:
    // A run folder, a checkpoint, a bare state dict, or a folder of folds or of an ensemble, of which all models are
    // asked and their probabilities averaged. Throws Error(input) as read_model, load_weights and model_runs do, and
    // for models that take other input or answer for other tasks than the first.
    Predictor(Context& context, const std::filesystem::path& model);

    // The first of several, which differ in weights and in the statistics of their training cases alone.
    const ModelFile& model() const { return members_.front().file; }
    size_t members() const { return members_.size(); }
    // The file or, of several models, their folder.
    const std::string& source() const { return source_; }

    // Throw Error(input) that says what the model file lacks, for reading CT (preparation and intensity statistics) and
    // raw feature tables (feature ranges); and for a model that has no such branch.
    void require_ct() const;
    void require_features() const;

    // How the features of a CT are computed for this model: as in its training; and as the published table was, where a table
    // with columns of its names was trained on and volumes, if the model takes them, are prepared at 1 mm as well. Throws
    // Error(usage) naming the remedy for a model whose features cannot be computed here.
    FeatureOptions computable_features() const;

    // The preparation of a CT: the model's own; the published one for a model of features alone that were read from a table.
    PreparationOptions preparation() const { return model().preparation.value_or(PreparationOptions{}); }

    // The features of one case in the model's order, raw; the voxels of prepare_case are lent. Throws Error(input) as case_features.
    std::vector<double> features(std::vector<uint16_t>& voxels, const std::string& name);

    // The columns of a table that this model takes, in its order. Throws Error(input) naming absent ones.
    FeatureTable select(const FeatureTable& table) const;

    // One case: probabilities by task and class. `volume`: voxels of prepare_case with the model's own preparation;
    // `features`: a row of a selected table, raw. The branch that the model lacks is not looked at. `maps`, where asked
    // for, gets Grad-CAM's map of each task's most probable class, the mean over several models; it stays empty for a
    // model without a volume branch.
    std::vector<std::vector<double>> probabilities(const std::vector<uint16_t>& volume,
                                                   std::span<const double> features,
                                                   std::vector<CamMap>* maps = nullptr);

    // Ready input to logits (N, classes) by task: volume (N, 1, D, H, W) f32 standardised, features (N, F) f32 scaled.
    // Throws Error(input) on shapes that do not fit, Error(usage) for several models, whose logits have no mean to
    // speak of.
    std::vector<Tensor> logits(const Tensor& volume, const Tensor& features);

  private:
    struct Member {
        ModelFile file;  // without weights
        std::unique_ptr<CovidMtl> net;
    };
    Context& context_;
    std::string source_;
    std::vector<Member> members_;
};

// What cmtl_infer writes about one case.
struct CaseResult {
    std::string id;
    std::filesystem::path input;                     // the CT; empty for features alone
    std::vector<std::vector<double>> probabilities;  // by task
    double litres_right = 0, litres_left = 0;
    std::filesystem::path feature_table;            // where the features were read; empty: not read
    std::optional<FeatureOptions> radiomics;        // how they were computed from the CT
    std::vector<std::string> warnings;
    Timeline timeline;
};

// {"id", "probabilities": {"CT": [p0, p1], ...}, "lungs": {...}, "features": {"source": "computed" or "table", ...},
// "timeline": {step: seconds}, "versions": {...}}; versions.models counts them where they are several
nlohmann::ordered_json to_json(const CaseResult& result, const Predictor& predictor);

// "P001" of P001.nii.gz or of a folder P001.
std::string case_id(const std::filesystem::path& image);

}  // namespace cmtl
