#include "evaluation/distributions.hpp"

#include <limits>

#include "evaluation/statistics_golden.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::agrees;

const json& golden(const char* name) { return test::statistics_golden()["distributions"][name]; }

TEST(Distributions, TailsKeepTheirDigits) {
    double least = 1;
    const auto value = [](const json& row, size_t i) { return row[i].get<double>(); };
    const auto check = [&](const char* name, auto&& survival) {
        EXPECT_GE(golden(name).size(), 7u);
        for (const json& row : golden(name)) {
            EXPECT_TRUE(agrees(survival(row), row.back(), 1e-11)) << name << " " << row.dump();
            least = std::min(least, row.back().get<double>());
        }
    };
    check("normal", [&](const json& r) { return normal_survival(value(r, 0)); });
    check("chi2", [&](const json& r) { return chi_square_survival(value(r, 0), value(r, 1)); });
    check("f", [&](const json& r) { return f_survival(value(r, 0), value(r, 1), value(r, 2)); });
    check("t", [&](const json& r) { return t_survival(value(r, 0), value(r, 1)); });
    check("binomial", [&](const json& r) { return binomial_cdf(value(r, 0), value(r, 1), 0.5); });
    check("range",
          [&](const json& r) { return studentized_range_survival(value(r, 0), r[1].get<int>(), value(r, 2)); });
    check("modulus",
          [&](const json& r) { return maximum_modulus_survival(value(r, 0), r[1].get<int>(), value(r, 2)); });
    EXPECT_LT(least, 1e-290);  // the golden file reaches that far
}

TEST(Distributions, LimitsMeet) {
    constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(t_survival(2, inf), normal_survival(2));
    EXPECT_EQ(f_survival(3, 2, inf), chi_square_survival(6, 2));
    // Two groups: the range is |t| sqrt(2); one variable: the modulus is |t|.
    for (const double t : {0.01, 1.0, 7.0, 30.0}) {
        for (const double df : {0.7, 3.0, 57.5, 1e4}) {
            EXPECT_TRUE(agrees(studentized_range_survival(t * std::sqrt(2.0), 2, df), 2 * t_survival(t, df), 1e-12));
            EXPECT_TRUE(agrees(maximum_modulus_survival(t, 1, df), 2 * t_survival(t, df), 1e-12));
        }
        EXPECT_TRUE(agrees(f_survival(t * t, 1, 11), 2 * t_survival(t, 11), 1e-13));
    }
    EXPECT_TRUE(agrees(studentized_range_survival(4, 3, 1e9), studentized_range_survival(4, 3, inf), 1e-6));
    for (const double x : {-1.0, 0.0}) {
        EXPECT_EQ(chi_square_survival(x, 3), 1);
        EXPECT_EQ(f_survival(x, 3, 4), 1);
        EXPECT_EQ(studentized_range_survival(x, 3, 4), 1);
        EXPECT_EQ(maximum_modulus_survival(x, 3, 4), 1);
    }
    EXPECT_EQ(f_survival(inf, 3, 4), 0);
    EXPECT_EQ(t_survival(-inf, 4), 1);
    EXPECT_EQ(studentized_range_survival(inf, 3, 4), 0);
    EXPECT_TRUE(std::isnan(f_survival(nan, 3, 4)) && std::isnan(studentized_range_survival(nan, 3, 4)));
    EXPECT_ANY_THROW(f_survival(1, 0, 4));
    EXPECT_ANY_THROW(studentized_range_survival(1, 1, 4));
}

}  // namespace
}  // namespace cmtl
