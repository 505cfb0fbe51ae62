#include "training/boosted_trees.hpp"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
// The library's last words end at the stack trace it appends.
std::string last_error() {
    std::string text = XGBGetLastError();
    text = text.substr(0, text.find("\nStack trace"));
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
    return text;
}

#define CMTL_XGBOOST(call)                                                                            \
    do {                                                                                              \
        if ((call) != 0) fail(ErrorKind::internal, "xgboost", "{}: {}", #call, ::cmtl::last_error()); \
    } while (false)

void set(BoosterHandle handle, const char* name, const std::string& value) {
    CMTL_XGBOOST(XGBoosterSetParam(handle, name, value.c_str()));
}

std::map<std::string, double> scores(BoosterHandle handle, const char* type) {
    bst_ulong count = 0, dimensions = 0;
    const char** names = nullptr;
    const bst_ulong* shape = nullptr;
    const float* values = nullptr;
    const std::string config = json{{"importance_type", type}}.dump();
    CMTL_XGBOOST(XGBoosterFeatureScore(handle, config.c_str(), &count, &names, &dimensions, &shape, &values));
    std::map<std::string, double> out;
    for (bst_ulong i = 0; i < count; ++i) out[names[i]] = static_cast<double>(values[i]);
    return out;
}
}  // namespace

json to_json(const TreeOptions& o) {
    return {{"rounds", o.rounds},       {"max_depth", o.max_depth}, {"eta", o.eta},
            {"subsample", o.subsample}, {"colsample", o.colsample}, {"min_child_weight", o.min_child_weight},
            {"lambda", o.lambda},       {"balanced", o.balanced},   {"patience", o.patience}};
}

TreeOptions tree_options_from_json(const json& tree) {
    TreeOptions o;
    tree.at("rounds").get_to(o.rounds);
    tree.at("max_depth").get_to(o.max_depth);
    tree.at("eta").get_to(o.eta);
    tree.at("subsample").get_to(o.subsample);
    tree.at("colsample").get_to(o.colsample);
    tree.at("min_child_weight").get_to(o.min_child_weight);
    tree.at("lambda").get_to(o.lambda);
    tree.at("balanced").get_to(o.balanced);
    tree.at("patience").get_to(o.patience);
    return o;
}

TreeRows::TreeRows(std::span<const double> values, size_t features, std::span<const int64_t> labels,
                   std::span<const double> weights)
    : count_(values.size() / features) {
    require(count_ * features == values.size() && count_ > 0, "trees", "{} values in rows of {}", values.size(),
            features);
    std::vector<float> rounded(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
        rounded[i] = static_cast<float>(values[i]);
        if (std::isinf(rounded[i]))
            fail(ErrorKind::input, "trees", "feature {} of row {} is {}: trees take values up to {:.3g}",
                 i % features + 1, i / features + 1, values[i], std::numeric_limits<float>::max());
    }
    CMTL_XGBOOST(
        XGDMatrixCreateFromMat(rounded.data(), count_, features, std::numeric_limits<float>::quiet_NaN(), &handle_));
    const auto info = [&](const char* name, auto numbers) {
        if (numbers.empty()) return;
        require(numbers.size() == count_, "trees", "{} numbers of {} for {} rows", numbers.size(), name, count_);
        const std::vector<float> column(numbers.begin(), numbers.end());
        CMTL_XGBOOST(XGDMatrixSetFloatInfo(handle_, name, column.data(), column.size()));
    };
    info("label", labels);
    info("weight", weights);
}

TreeRows::~TreeRows() {
    if (handle_) XGDMatrixFree(handle_);
}

TreeRows::TreeRows(TreeRows&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), count_(other.count_) {}

BoostedTrees::BoostedTrees(const TreeOptions& options, int64_t classes, const std::vector<std::string>& features,
                           uint64_t seed, int threads, const TreeRows& train)
    : train_(&train), features_(features), classes_(classes) {
    CMTL_XGBOOST(XGBoosterCreate(&train.handle_, 1, &handle_));
    set(handle_, "verbosity", "0");
    set(handle_, "nthread", std::to_string(threads));
    // The library's seed has 31 bits.
    set(handle_, "seed", std::to_string((seed ^ (seed >> 31)) & 0x7fffffff));
    set(handle_, "tree_method", "exact");
    set(handle_, "objective", classes == 2 ? "binary:logistic" : "multi:softprob");
    if (classes > 2) set(handle_, "num_class", std::to_string(classes));
    set(handle_, "max_depth", std::to_string(options.max_depth));
    for (const auto& [name, value] : {std::pair{"eta", options.eta},
                                      {"subsample", options.subsample},
                                      {"colsample_bytree", options.colsample},
                                      {"min_child_weight", options.min_child_weight},
                                      {"lambda", options.lambda}})
        set(handle_, name, fmt::format("{}", value));
    std::vector<const char*> names;
    for (const auto& name : features_) names.push_back(name.c_str());
    CMTL_XGBOOST(XGBoosterSetStrFeatureInfo(handle_, "feature_name", names.data(), names.size()));
}

BoostedTrees::~BoostedTrees() {
    if (handle_) XGBoosterFree(handle_);
}

BoostedTrees::BoostedTrees(BoostedTrees&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      train_(other.train_),
      features_(std::move(other.features_)),
      classes_(other.classes_),
      rounds_(other.rounds_) {}

void BoostedTrees::round() {
    require(train_ != nullptr, "trees", "a loaded model is not trained on");
    CMTL_XGBOOST(XGBoosterUpdateOneIter(handle_, static_cast<int>(rounds_), train_->handle_));
    ++rounds_;
}

std::vector<double> BoostedTrees::probabilities(const TreeRows& rows) const {
    const char* config = R"({"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0,
                             "strict_shape": true})";
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* values = nullptr;
    CMTL_XGBOOST(XGBoosterPredictFromDMatrix(handle_, rows.handle_, config, &shape, &dimensions, &values));
    const auto groups = static_cast<bst_ulong>(classes_ == 2 ? 1 : classes_);
    require(dimensions == 2 && shape[0] == rows.count_ && shape[1] == groups, "trees",
            "predictions have another shape");
    std::vector<double> out;
    out.reserve(rows.count_ * static_cast<size_t>(classes_));
    for (size_t i = 0; i < rows.count_; ++i) {
        if (classes_ == 2) {
            const double p = static_cast<double>(values[i]);
            out.insert(out.end(), {1 - p, p});
            continue;
        }
        // The library's softmax adds up to 1 within float's precision only.
        double sum = 0;
        for (bst_ulong c = 0; c < groups; ++c) sum += static_cast<double>(values[i * groups + c]);
        for (bst_ulong c = 0; c < groups; ++c) out.push_back(static_cast<double>(values[i * groups + c]) / sum);
    }
    return out;
}

std::vector<FeatureImportance> BoostedTrees::importances() const {
    const auto gain = scores(handle_, "gain"), cover = scores(handle_, "cover"), weight = scores(handle_, "weight"),
               total = scores(handle_, "total_gain");
    double all = 0;
    for (const auto& [name, value] : total) all += value;
    std::vector<FeatureImportance> out;
    for (const auto& [name, value] : total)
        out.push_back({name, gain.at(name), cover.at(name), weight.at(name), all > 0 ? value / all : 0});
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
    return out;
}

std::string BoostedTrees::save(int64_t rounds) const {
    BoosterHandle cut = handle_;
    const bool whole = rounds == rounds_;
    // Release the slice on every way out.
    struct Slice {
        BoosterHandle handle = nullptr;
        ~Slice() {
            if (handle) XGBoosterFree(handle);
        }
    } slice;
    if (!whole) {
        require(rounds > 0 && rounds < rounds_, "trees", "{} of {} rounds", rounds, rounds_);
        CMTL_XGBOOST(XGBoosterSlice(handle_, 0, static_cast<int>(rounds), 1, &slice.handle));
        cut = slice.handle;
        std::vector<const char*> names;
        for (const auto& name : features_) names.push_back(name.c_str());
        CMTL_XGBOOST(XGBoosterSetStrFeatureInfo(cut, "feature_name", names.data(), names.size()));
    }
    bst_ulong size = 0;
    const char* bytes = nullptr;
    CMTL_XGBOOST(XGBoosterSaveModelToBuffer(cut, R"({"format": "json"})", &size, &bytes));
    return {bytes, size};
}

BoostedTrees BoostedTrees::load(const std::string& text, const std::string& source, int threads) {
    const json tree = json::parse(text, nullptr, false);
    BoostedTrees out;
    try {
        const json& learner = tree.at("learner");
        const auto objective = learner.at("objective").at("name").get<std::string>();
        if (objective != "binary:logistic" && objective != "multi:softprob")
            fail(ErrorKind::input, "trees", "{}: a model of {}, not of classes", source, objective);
        learner.at("feature_names").get_to(out.features_);
        if (objective == "multi:softprob")
            out.classes_ = std::stoll(learner.at("learner_model_param").at("num_class").get<std::string>());
        const auto features = std::stoull(learner.at("learner_model_param").at("num_feature").get<std::string>());
        if (out.features_.size() != features || out.classes_ < 2)
            fail(ErrorKind::input, "trees", "{}: {} names for {} features, {} classes", source, out.features_.size(),
                 features, out.classes_);
    } catch (const std::exception& error) {
        if (dynamic_cast<const Error*>(&error)) throw;
        fail(ErrorKind::input, "trees", "{}: not a model of boosted trees: {}", source, error.what());
    }
    CMTL_XGBOOST(XGBoosterCreate(nullptr, 0, &out.handle_));
    set(out.handle_, "verbosity", "0");
    set(out.handle_, "nthread", std::to_string(threads));
    if (XGBoosterLoadModelFromBuffer(out.handle_, text.data(), text.size()) != 0)
        fail(ErrorKind::input, "trees", "{}: damaged model of boosted trees: {}", source, last_error());
    int rounds = 0;
    CMTL_XGBOOST(XGBoosterBoostedRounds(out.handle_, &rounds));
    out.rounds_ = rounds;
    return out;
}

}  // namespace cmtl
