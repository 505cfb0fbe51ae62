#include "imaging/polar_field.hpp"

#include <algorithm>
#include <cmath>

namespace cmtl {

void blur(PolarField& f, double sigma_mm) {
    constexpr int64_t n = PolarField::angles;
    const auto half = [&](double mm) { return std::max<int64_t>(1, std::llround(sigma_mm / mm)); };
    const int64_t hr = half(f.row_mm), hc = std::min(half(PolarField::column_mm), n / 2 - 1);
    const float scale = 1.0f / static_cast<float>((2 * hr + 1) * (2 * hc + 1));
    std::vector<float> line(static_cast<size_t>(n));
    for (int pass = 0; pass < 3; ++pass) {
        for (int64_t k = 0; k < f.rows; ++k) {
            double sum = 0;
            for (int64_t a = -hc; a <= hc; ++a) sum += f.at(k, (a + n) % n);
            for (int64_t a = 0; a < n; ++a) {
                line[static_cast<size_t>(a)] = static_cast<float>(sum);
                sum += f.at(k, (a + hc + 1) % n) - f.at(k, (a - hc + n) % n);
            }
            std::copy(line.begin(), line.end(), f.values.begin() + k * n);
        }
        std::vector<double> sums(static_cast<size_t>(n), 0);
        PolarField out = f.like();
        for (int64_t k = -hr; k < f.rows; ++k)
            for (int64_t a = 0; a < n; ++a) {
                double& sum = sums[static_cast<size_t>(a)];
                if (k + hr < f.rows) sum += f.at(k + hr, a);
                if (k - hr - 1 >= 0) sum -= f.at(k - hr - 1, a);
                if (k >= 0) out.at(k, a) = static_cast<float>(sum) * scale;
            }
        f = std::move(out);
    }
}

PolarField smooth(const PolarField& f, const PolarField& weight, double sigma_mm) {
    PolarField sum = f.like(), mass = f.like();
    float share = 1;
    for (double sigma : {sigma_mm, 3 * sigma_mm, 9 * sigma_mm}) {
        PolarField product = f.like(), w = weight;
        for (size_t n = 0; n < f.values.size(); ++n) product.values[n] = f.values[n] * weight.values[n];
        blur(product, sigma), blur(w, sigma);
        for (size_t n = 0; n < f.values.size(); ++n) {
            sum.values[n] += share * product.values[n];
            mass.values[n] += share * std::max(w.values[n], 0.0f);
        }
        share *= 1e-3f;
    }
    for (size_t n = 0; n < sum.values.size(); ++n)
        sum.values[n] = mass.values[n] > 1e-10f ? sum.values[n] / mass.values[n] : 0;
    return sum;
}

}  // namespace cmtl
