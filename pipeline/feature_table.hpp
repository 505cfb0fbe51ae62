#pragma once
// Tables of image features (one row per case) and the scaling that brings them to the feature branch's range.
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cmtl {

struct FeatureTable {
    std::filesystem::path file;
    std::vector<std::string> names;  // feature columns, in the file's order
    std::vector<std::string> ids;    // one per row
    std::vector<double> values;      // ids x names, row by row

    std::optional<size_t> find(const std::string& id) const;
    std::span<const double> row(size_t i) const { return {values.data() + i * names.size(), names.size()}; }

    std::map<std::string, size_t> rows;  // ID to row
};

// What becomes of cells that are empty, "nan" or infinite: an error, or NaN.
enum class MissingFeatures { refuse, keep };

// A CSV file of an ID column and feature columns (every other column). Throws Error(input) naming file, line and column
// for: no ID column, no feature column, an empty or repeated ID, a cell that is not a number, or a missing one.
FeatureTable read_feature_table(const std::filesystem::path& path, const std::string& id_column = "ID",
                                MissingFeatures missing = MissingFeatures::refuse);

// The table's columns in the order of `names`. Throws Error(input) that lists absent names, or, where `names` is empty,
// tells a wrong number of columns.
FeatureTable select_features(const FeatureTable& table, const std::vector<std::string>& names, int64_t count,
                             const std::string& model);

// Scaling fitted on training cases. Methods:
//   minmax        (x - min) / (max - min), as published; a constant column becomes 0
//   standard      (x - mean) / sd (population); a constant column becomes 0
//   log-minmax    minmax of sign(x) log(1 + |x|)
//   log-standard  standard of sign(x) log(1 + |x|)
//   quantile      the training cases' empirical distribution function, linear between 101 quantiles: [0, 1]
//   quantile-normal  the normal quantile of that, limited to +-3
struct FeatureScaler {
    std::string method = "minmax";
    std::vector<std::string> names;
    std::vector<double> offset, divisor;         // per feature, on the transformed value; divisor 0: constant column
    std::vector<std::vector<double>> quantiles;  // per feature, quantile methods only

    // raw.size() == out.size() == names.size(). Computed in double, rounded once.
    void apply(std::span<const double> raw, std::span<float> out) const;
};

// `rows`: row numbers of the training cases. Throws Error(usage) for an unknown method, Error(input) for no rows.
FeatureScaler fit_scaler(const FeatureTable& table, std::span<const size_t> rows, const std::string& method);

const std::vector<std::string>& feature_scaling_methods();

nlohmann::json to_json(const FeatureScaler& scaler);
// Throws Error(input) naming `source` when the record is incomplete.
FeatureScaler feature_scaler_from_json(const nlohmann::json& json, const std::string& source);

}  // namespace cmtl
