#pragma once
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace cmtl {

// A value per slice and angle, on a cylinder around the chest: rows along the body's axis, columns that go round.
struct PolarField {
    static constexpr int64_t angles = 240;
    static constexpr double column_mm = 2 * std::numbers::pi * 110 / angles;  // at the radius of a chest wall

    int64_t rows = 0;
    double row_mm = 1;
    std::vector<float> values;

    PolarField(int64_t rows, double row_mm)
        : rows(rows), row_mm(row_mm), values(static_cast<size_t>(rows * angles), 0) {}
    PolarField like() const { return PolarField(rows, row_mm); }  // the same size, zeros
    float& at(int64_t k, int64_t a) { return values[static_cast<size_t>(k * angles + a)]; }
    float at(int64_t k, int64_t a) const { return values[static_cast<size_t>(k * angles + a)]; }
};

// Three means over windows of 2 round(sigma) + 1: a Gaussian of about that standard deviation. Rows beyond the ends
// count as zero.
void blur(PolarField& field, double sigma_mm);

// The weighted mean around each place over a distance of sigma, or 3 or 9 times as far where nothing is nearer; 0 where
// nothing is.
PolarField smooth(const PolarField& field, const PolarField& weight, double sigma_mm);

}  // namespace cmtl
