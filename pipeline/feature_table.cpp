#include "pipeline/feature_table.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr size_t knots = 101;

bool logarithmic(const std::string& method) { return method.rfind("log-", 0) == 0; }
bool by_quantiles(const std::string& method) { return method.rfind("quantile", 0) == 0; }

double signed_log(double x) { return std::copysign(std::log1p(std::abs(x)), x); }

// Position of x in the sorted quantiles, [0, 1]; the middle of a flat stretch.
double distribution(const std::vector<double>& q, double x) {
    const double last = static_cast<double>(q.size() - 1);
    const auto at = [&](const auto& upper_or_lower) { return static_cast<double>(upper_or_lower - q.begin()); };
    const auto low = std::lower_bound(q.begin(), q.end(), x), high = std::upper_bound(q.begin(), q.end(), x);
    if (low != high) return (at(low) + at(high) - 1) / 2 / last;
    if (low == q.begin()) return 0;
    if (low == q.end()) return 1;
    return (at(low) - 1 + (x - *(low - 1)) / (*low - *(low - 1))) / last;
}

// Inverse of the standard normal distribution function: Newton steps on erfc from a logistic guess.
double normal_quantile(double p) {
    constexpr double limit = 3;
    const double tail = 0.5 * std::erfc(limit / std::sqrt(2.0));
    if (p <= tail) return -limit;
    if (p >= 1 - tail) return limit;
    double x = std::log(p / (1 - p)) / 1.702;
    for (int i = 0; i < 20; ++i) {
        const double error = 0.5 * std::erfc(-x / std::sqrt(2.0)) - p;
        const double density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
        x -= error / density;
    }
    return std::clamp(x, -limit, limit);
}

std::string list(const std::vector<std::string>& names, size_t most = 8) {
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + names[i];
    if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
    return text;
}
}  // namespace

std::optional<size_t> FeatureTable::find(const std::string& id) const {
    const auto it = rows.find(id);
    if (it == rows.end()) return std::nullopt;
    return it->second;
}

FeatureTable read_feature_table(const std::filesystem::path& path, const std::string& id_column,
                                MissingFeatures missing) {
    const CsvTable csv = read_csv(path);
    const auto id = csv.find(id_column);
    if (!id)
        fail(ErrorKind::input, "features", "{}: no column '{}' (its columns: {}); name the ID column with --id-column",
             path.string(), id_column, list(csv.header));
    FeatureTable table;
    table.file = path;
    std::vector<size_t> columns;
    for (size_t c = 0; c < csv.header.size(); ++c)
        if (c != *id) {
            columns.push_back(c);
            table.names.push_back(csv.header[c]);
        }
    if (columns.empty())
        fail(ErrorKind::input, "features", "{}: no feature column beside '{}'", path.string(), id_column);
    table.values.reserve(csv.rows.size() * columns.size());
    for (size_t r = 0; r < csv.rows.size(); ++r) {
        if (csv.missing(r, *id)) csv.reject(r, *id, "is empty: every row needs an ID");
        const std::string& name = csv.text(r, *id);
        const auto [it, fresh] = table.rows.emplace(name, r);
        if (!fresh) csv.reject(r, *id, "stands twice: first at " + csv.place(it->second));
        table.ids.push_back(name);
        for (const size_t c : columns)
            table.values.push_back(missing == MissingFeatures::keep ? csv.number_or_nan(r, c) : csv.number(r, c));
    }
    return table;
}

FeatureTable select_features(const FeatureTable& table, const std::vector<std::string>& names, int64_t count,
                             const std::string& model) {
    if (names.empty()) {
        if (static_cast<int64_t>(table.names.size()) != count)
            fail(ErrorKind::input, "features", "{}: {} feature columns, but {} takes {}", table.file.string(),
                 table.names.size(), model, count);
        return table;
    }
    if (names == table.names) return table;
    std::map<std::string, size_t> place;
    for (size_t c = 0; c < table.names.size(); ++c) place[table.names[c]] = c;
    std::vector<std::string> absent;
    std::vector<size_t> columns;
    for (const auto& name : names)
        if (const auto it = place.find(name); it != place.end())
            columns.push_back(it->second);
        else
            absent.push_back(name);
    if (!absent.empty())
        fail(ErrorKind::input, "features",
             "{}: {} of the {} features of {} are absent ({}); the table has {} feature columns", table.file.string(),
             absent.size(), names.size(), model, list(absent), table.names.size());
    FeatureTable chosen;
    chosen.file = table.file;
    chosen.names = names;
    chosen.ids = table.ids;
    chosen.rows = table.rows;
    chosen.values.reserve(table.ids.size() * names.size());
    for (size_t r = 0; r < table.ids.size(); ++r)
        for (const size_t c : columns) chosen.values.push_back(table.row(r)[c]);
    return chosen;
}

const std::vector<std::string>& feature_scaling_methods() {
    static const std::vector<std::string> methods{"minmax",       "standard", "log-minmax",
                                                  "log-standard", "quantile", "quantile-normal"};
    return methods;
}

FeatureScaler fit_scaler(const FeatureTable& table, std::span<const size_t> rows, const std::string& method) {
    const auto& known = feature_scaling_methods();
    if (std::find(known.begin(), known.end(), method) == known.end())
        fail(ErrorKind::usage, "features", "data.feature_scaling '{}' is unknown: choose {}", method, list(known));
    if (rows.empty()) fail(ErrorKind::input, "features", "no training case to take the features' ranges from");
    FeatureScaler scaler;
    scaler.method = method;
    scaler.names = table.names;
    std::vector<double> column(rows.size());
    for (size_t c = 0; c < table.names.size(); ++c) {
        for (size_t i = 0; i < rows.size(); ++i) {
            const double x = table.row(rows[i])[c];
            column[i] = logarithmic(method) ? signed_log(x) : x;
        }
        const auto [low, high] = std::minmax_element(column.begin(), column.end());
        double offset = *low, divisor = *high - *low;
        if (method == "standard" || method == "log-standard") {
            double sum = 0, squares = 0;
            for (const double x : column) sum += x;
            offset = sum / static_cast<double>(column.size());
            for (const double x : column) squares += (x - offset) * (x - offset);
            divisor = divisor > 0 ? std::sqrt(squares / static_cast<double>(column.size())) : 0;
        }
        scaler.offset.push_back(offset);
        scaler.divisor.push_back(divisor);
        if (by_quantiles(method)) {
            std::sort(column.begin(), column.end());
            std::vector<double> q(knots);
            for (size_t k = 0; k < knots; ++k) {
                const double at = static_cast<double>(k) * static_cast<double>(column.size() - 1) / (knots - 1);
                const auto i = static_cast<size_t>(at);
                const double next = column[std::min(i + 1, column.size() - 1)];
                q[k] = column[i] + (at - static_cast<double>(i)) * (next - column[i]);
            }
            scaler.quantiles.push_back(std::move(q));
        }
    }
    return scaler;
}

void FeatureScaler::apply(std::span<const double> raw, std::span<float> out) const {
    require(raw.size() == names.size() && out.size() == names.size(), "features", "{} values for {} features",
            raw.size(), names.size());
    const bool logs = logarithmic(method), ranks = by_quantiles(method), normal = method == "quantile-normal";
    for (size_t c = 0; c < raw.size(); ++c) {
        const double x = logs ? signed_log(raw[c]) : raw[c];
        double y = 0;
        if (!(divisor[c] > 0))
            y = 0;
        else if (!ranks)
            y = (x - offset[c]) / divisor[c];
        else
            y = normal ? normal_quantile(distribution(quantiles[c], x)) : distribution(quantiles[c], x);
        out[c] = static_cast<float>(y);
    }
}

nlohmann::json to_json(const FeatureScaler& scaler) {
    nlohmann::json json{
        {"method", scaler.method}, {"names", scaler.names}, {"offset", scaler.offset}, {"divisor", scaler.divisor}};
    if (!scaler.quantiles.empty()) json["quantiles"] = scaler.quantiles;
    return json;
}

FeatureScaler feature_scaler_from_json(const nlohmann::json& json, const std::string& source) {
    FeatureScaler scaler;
    try {
        json.at("method").get_to(scaler.method);
        json.at("names").get_to(scaler.names);
        json.at("offset").get_to(scaler.offset);
        json.at("divisor").get_to(scaler.divisor);
        if (by_quantiles(scaler.method)) json.at("quantiles").get_to(scaler.quantiles);
    } catch (const nlohmann::json::exception& error) {
        fail(ErrorKind::input, "features", "{}: damaged feature ranges: {}", source, error.what());
    }
    const size_t n = scaler.names.size();
    bool whole = scaler.offset.size() == n && scaler.divisor.size() == n;
    if (by_quantiles(scaler.method)) {
        whole = whole && scaler.quantiles.size() == n;
        for (const auto& q : scaler.quantiles) whole = whole && q.size() > 1;
    }
    if (!whole) fail(ErrorKind::input, "features", "{}: feature ranges do not cover all {} features", source, n);
    return scaler;
}

}  // namespace cmtl
