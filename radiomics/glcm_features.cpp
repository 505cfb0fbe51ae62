#include <algorithm>
#include <cmath>
#include <limits>

#include "radiomics/glcm.hpp"

namespace cmtl {

namespace {
constexpr double epsilon = 0x1p-52;
}

GlcmSums glcm_sums(const std::vector<uint32_t>& counts, int levels, int present, bool with_mcc) {
    const auto n = static_cast<size_t>(levels);
    GlcmSums s;
    s.row.assign(n, 0);
    s.sum.assign(2 * n - 1, 0);
    s.difference.assign(n, 0);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            const uint64_t c = counts[i * n + j];
            if (!c) continue;
            s.row[i] += c;
            s.row[j] += c;
            s.sum[i + j] += 2 * c;
            s.difference[i > j ? i - j : j - i] += 2 * c;
            s.total += 2 * c;
        }
    if (!s.total) return s;
    const auto total = static_cast<double>(s.total);
    std::vector<double> px(n);
    for (size_t i = 0; i < n; ++i) px[i] = static_cast<double>(s.row[i]) / total;
    for (size_t i = 0; i < n; ++i) {
        if (!s.row[i]) continue;
        // The matrix is symmetric: pairs of different levels count twice.
        double energy = 0, entropy = 0, cross = 0, product = 0;
        for (size_t j = 0; j <= i; ++j) {
            if (!s.row[j]) continue;
            const double twice = j < i ? 2 : 1, both = px[i] * px[j], log_both = std::log2(both + epsilon);
            product -= twice * both * log_both;
            const uint64_t c = uint64_t{counts[i * n + j]} + counts[j * n + i];
            if (!c) continue;
            const double p = static_cast<double>(c) / total;
            energy += twice * p * p;
            entropy -= twice * p * std::log2(p + epsilon);
            cross -= twice * p * log_both;
            s.greatest = std::max(s.greatest, p);
        }
        s.energy += energy;
        s.entropy += entropy;
        s.cross += cross;
        s.product += product;
    }
    if (with_mcc) s.mcc = maximal_correlation(counts, levels, present);
    return s;
}

namespace {

// The features of one direction, in the order of feature_names.
std::vector<double> of_direction(const GlcmSums& s, int levels, int present) {
    const auto n = static_cast<size_t>(levels);
    const auto total = static_cast<double>(s.total), ng = static_cast<double>(levels);
    double mean = 0;
    for (size_t i = 0; i < n; ++i) mean += static_cast<double>(i + 1) * (static_cast<double>(s.row[i]) / total);
    double variance = 0, row_entropy = 0;
    for (size_t i = 0; i < n; ++i) {
        const double p = static_cast<double>(s.row[i]) / total, d = static_cast<double>(i + 1) - mean;
        variance += p * d * d;
        if (s.row[i]) row_entropy -= p * std::log2(p + epsilon);
    }
    double average = 0, sum_entropy = 0, tendency = 0, shade = 0, prominence = 0, squares = 0;
    for (size_t k = 0; k < s.sum.size(); ++k) {
        if (!s.sum[k]) continue;
        const double p = static_cast<double>(s.sum[k]) / total, value = static_cast<double>(k + 2),
                     d = value - mean - mean;
        average += value * p;
        sum_entropy -= p * std::log2(p + epsilon);
        tendency += d * d * p;
        shade += d * d * d * p;
        prominence += d * d * d * d * p;
        squares += value * value * p;
    }
    double contrast = 0, difference = 0, difference_entropy = 0, id = 0, idm = 0, idn = 0, idmn = 0, inverse = 0;
    for (size_t k = 0; k < n; ++k) {
        if (!s.difference[k]) continue;
        const double p = static_cast<double>(s.difference[k]) / total, d = static_cast<double>(k);
        contrast += d * d * p;
        difference += d * p;
        difference_entropy -= p * std::log2(p + epsilon);
        id += p / (1 + d);
        idm += p / (1 + d * d);
        idn += p / (1 + d / ng);
        idmn += p / (1 + d * d / (ng * ng));
        if (k) inverse += p / (d * d);
    }
    double difference_variance = 0;
    for (size_t k = 0; k < n; ++k) {
        const double d = static_cast<double>(k) - difference;
        difference_variance += d * d * (static_cast<double>(s.difference[k]) / total);
    }
    // (i + j)^2 - (i - j)^2 = 4 i j; (i + j - 2 mean)^2 - (i - j)^2 = 4 (i - mean) (j - mean).
    const double autocorrelation = (squares - contrast) / 4, covariance = (tendency - contrast) / 4;
    const double most = row_entropy;
    const double imc1 = most != 0 ? (s.entropy - s.cross) / most : 0;
    const double imc2 = s.product == s.entropy
                            ? 0
                            : std::sqrt(1 - std::exp(-2 * (s.product - s.entropy)));  // NaN where rounding says so
    return {autocorrelation,
            prominence,
            shade,
            tendency,
            contrast,
            variance == 0 ? 1 : covariance / (variance + epsilon),
            difference,
            difference_entropy,
            difference_variance,
            id,
            idm,
            idmn,
            idn,
            imc1,
            imc2,
            inverse,
            mean,
            s.energy,
            s.entropy,
            present < 2 ? 1 : s.mcc,
            s.greatest,
            average,
            sum_entropy,
            variance};
}

}  // namespace

std::vector<double> glcm_features(const std::vector<GlcmSums>& directions, int levels, int present) {
    const size_t features = feature_names(FeatureClass::glcm).size();
    std::vector<double> sums(features, 0);
    std::vector<int> counts(features, 0);
    for (const GlcmSums& s : directions) {
        if (!s.total) continue;
        const auto values = of_direction(s, levels, present);
        for (size_t f = 0; f < features; ++f)
            if (!std::isnan(values[f])) {
                sums[f] += values[f];
                ++counts[f];
            }
    }
    for (size_t f = 0; f < features; ++f)
        sums[f] = counts[f] ? sums[f] / counts[f] : std::numeric_limits<double>::quiet_NaN();
    return sums;
}

}  // namespace cmtl
