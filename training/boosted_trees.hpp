#pragma once
// Gradient-boosted trees on feature rows, by XGBoost: the classical model beside the networks.
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace cmtl {

// XGBoost's parameters of the same names; what is not listed has its default there.
struct TreeOptions {
    int64_t rounds = 300;         // trees per class, at most
    int64_t max_depth = 3;        // of a tree
    double eta = 0.03;            // learning rate
    double subsample = 0.7;       // share of the cases that a tree sees
    double colsample = 0.3;       // colsample_bytree: share of the features that a tree sees
    double min_child_weight = 1;  // least sum of second derivatives in a leaf
    double lambda = 1;            // L2 penalty on the leaves' values
    bool balanced = false;        // cases weigh inversely to how frequent their class is
    int64_t patience = 50;        // rounds without a better validation loss before a task stops; 0: never stop
};

nlohmann::json to_json(const TreeOptions& options);
// Every field. Throws json::exception where one is missing or of another type.
TreeOptions tree_options_from_json(const nlohmann::json& json);

// Rows of features with their labels, as XGBoost keeps them.
class TreeRows {
  public:
    // values: count x features, row by row, NaN where a value is missing; rounded to float, and no further changed.
    // labels: one per row, or empty for rows to be predicted. weights: one per row, or empty for 1.
    // Throws Error(input) for values beyond a float's range.
    TreeRows(std::span<const double> values, size_t features, std::span<const int64_t> labels = {},
             std::span<const double> weights = {});
    ~TreeRows();
    TreeRows(TreeRows&&) noexcept;

    size_t count() const { return count_; }

  private:
    friend class BoostedTrees;
    void* handle_ = nullptr;
    size_t count_ = 0;
};

struct FeatureImportance {
    std::string feature;
    double gain = 0;    // mean over the splits by this feature
    double cover = 0;   // mean sum of second derivatives at them
    double weight = 0;  // their number
    double share = 0;   // of the gain of all splits by all features
};

// One task's trees: logistic regression of two classes (binary:logistic), softmax of more (multi:softprob).
// Results depend on options, rows, names and seed, and not on the number of threads: splits are searched exactly.
class BoostedTrees {
  public:
    // No tree yet. `train` stays with the caller and must outlive the last round().
    BoostedTrees(const TreeOptions& options, int64_t classes, const std::vector<std::string>& features, uint64_t seed,
                 int threads, const TreeRows& train);
    ~BoostedTrees();
    BoostedTrees(BoostedTrees&&) noexcept;

    // One tree more per class.
    void round();
    int64_t rounds() const { return rounds_; }

    // probabilities[n * classes + c].
    std::vector<double> probabilities(const TreeRows& rows) const;

    // Features that split at least once, the greatest share first.
    std::vector<FeatureImportance> importances() const;
    const std::vector<std::string>& features() const { return features_; }
    int64_t classes() const { return classes_; }

    // The model as XGBoost's JSON, which its other bindings read; the first `rounds` of it.
    std::string save(int64_t rounds) const;
    // What save() gave. Throws Error(input) naming `source` where it is damaged or no classifier.
    static BoostedTrees load(const std::string& text, const std::string& source, int threads);

  private:
    BoostedTrees() = default;
    void* handle_ = nullptr;
    const TreeRows* train_ = nullptr;
    std::vector<std::string> features_;
    int64_t classes_ = 2, rounds_ = 0;
};

}  // namespace cmtl
