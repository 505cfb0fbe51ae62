// Against scikit-image and scipy: tests/oracles/active_contour_oracle.py.
#include "imaging/active_contour.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace cmtl {
namespace {

nlohmann::json golden() {
    std::ifstream file(std::string(CMTL_SOURCE_DIR) + "/tests/oracles/goldens/active_contour.json");
    EXPECT_TRUE(file);
    return nlohmann::json::parse(file);
}

Contour points_of(const nlohmann::json& numbers) {
    Contour points(numbers.size() / 2);
    for (size_t n = 0; n < points.size(); ++n) points[n] = {numbers[2 * n], numbers[2 * n + 1]};
    return points;
}

// A ring begins where it makes the least list of points.
bool before(const Contour& a, const Contour& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](const Point2& p, const Point2& q) {
        return std::make_pair(p.y, p.x) < std::make_pair(q.y, q.x);
    });
}

std::vector<Contour> sorted(std::vector<Contour> contours) {
    for (Contour& c : contours) {
        Contour best = c;
        for (size_t n = 0; n < c.size(); ++n) {
            std::rotate(c.begin(), c.begin() + 1, c.end());
            if (before(c, best)) best = c;
        }
        c = best;
    }
    std::sort(contours.begin(), contours.end(), before);
    return contours;
}

TEST(Contours, AreThoseOfScikitImage) {
    const auto all = golden();
    ASSERT_GE(all["contours"].size(), 5u);
    for (const auto& c : all["contours"]) {
        const auto slice = c["slice"].get<std::vector<uint8_t>>();
        std::vector<Contour> expected;
        for (const auto& points : c["contours"]) expected.push_back(points_of(points));
        EXPECT_EQ(sorted(trace_contours(slice.data(), c["nx"], c["ny"])), sorted(expected)) << c["nx"];
    }
}

TEST(Contours, OuterOnesArePositiveAndHolesNegative) {
    std::vector<uint8_t> slice(7 * 6, 0);
    for (size_t j = 1; j < 5; ++j)
        for (size_t i = 1; i < 6; ++i) slice[j * 7 + i] = 1;
    slice[2 * 7 + 3] = 0;
    const auto contours = trace_contours(slice.data(), 7, 6);
    ASSERT_EQ(contours.size(), 2u);
    EXPECT_EQ(contours[0].front(), (Point2{0.5, 1}));
    EXPECT_EQ(signed_area(contours[0]), 20 - 0.5);  // corners are cut
    EXPECT_EQ(signed_area(contours[1]), -0.5);
    EXPECT_TRUE(trace_contours(std::vector<uint8_t>(12).data(), 4, 3).empty());
}

TEST(Contours, FilledAgainAreTheRegions) {
    const auto all = golden();
    for (const auto& c : all["contours"]) {
        const auto slice = c["slice"].get<std::vector<uint8_t>>();
        std::vector<uint8_t> outer(slice.size(), 0), holes(slice.size(), 0);
        for (const Contour& contour : trace_contours(slice.data(), c["nx"], c["ny"]))
            fill_polygon(contour, signed_area(contour) > 0 ? outer.data() : holes.data(), c["nx"], c["ny"]);
        for (size_t n = 0; n < slice.size(); ++n) {
            EXPECT_TRUE(!slice[n] || outer[n]) << n;
            EXPECT_TRUE(slice[n] || !outer[n] || holes[n]) << n;
        }
    }
}

TEST(Polygon, IsThatOfScikitImage) {
    const auto all = golden();
    ASSERT_GE(all["polygons"].size(), 7u);
    for (const auto& c : all["polygons"]) {
        const int64_t nx = c["nx"], ny = c["ny"];
        std::vector<uint8_t> slice(static_cast<size_t>(nx * ny), 0);
        fill_polygon(points_of(c["points"]), slice.data(), nx, ny);
        EXPECT_EQ(slice, c["mask"].get<std::vector<uint8_t>>()) << c["points"];
    }
}

TEST(Polygon, LeavesOtherPixelsAlone) {
    std::vector<uint8_t> slice(5 * 4, 7);
    fill_polygon({{1, 1}, {2, 1}, {2, 2}}, slice.data(), 5, 4);
    EXPECT_EQ(std::count(slice.begin(), slice.end(), 7), 17);
    fill_polygon({}, slice.data(), 5, 4);
    fill_polygon({{-9, -9}, {-8, -7}, {90, -3}}, slice.data(), 5, 4);
    EXPECT_EQ(std::count(slice.begin(), slice.end(), 7), 17);
}

TEST(SnakeField, IsTheSplineOfTheEdges) {
    const auto all = golden();
    ASSERT_GE(all["fields"].size(), 4u);
    for (const auto& c : all["fields"]) {
        const auto slice = c["slice"].get<std::vector<float>>();
        const SnakeField field(slice.data(), c["nx"], c["ny"]);
        const Contour points = points_of(c["points"]);
        double worst = 0;
        for (size_t n = 0; n < points.size(); ++n) {
            const Point2 gradient = field.gradient(points[n]);
            worst = std::max({worst, std::abs(field.value(points[n]) - c["value"][n].get<double>()),
                              std::abs(gradient.x - c["dx"][n].get<double>()),
                              std::abs(gradient.y - c["dy"][n].get<double>())});
        }
        EXPECT_LT(worst, 2e-9) << c["nx"] << " x " << c["ny"];  // the file rounds to 1e-9, heights reach 1000
    }
}

TEST(SnakeField, NeedsThreePixels) {
    const std::vector<float> slice(20);
    try {
        SnakeField(slice.data(), 2, 10);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::input);
        EXPECT_NE(std::string(e.what()).find("2 x 10"), std::string::npos);
    }
}

TEST(Snake, MovesAsThatOfScikitImage) {
    const auto all = golden();
    ASSERT_GE(all["snakes"].size(), 9u);
    for (const auto& c : all["snakes"]) {
        const auto slice = c["slice"].get<std::vector<float>>();
        const auto& o = c["options"];
        const SnakeOptions options{o["alpha"],       o["beta"],         o["gamma"],
                                   o["max_px_move"], o["max_num_iter"], o["convergence"]};
        const Contour end = evolve_snake(SnakeField(slice.data(), c["nx"], c["ny"]), points_of(c["start"]), options),
                      expected = points_of(c["end"]);
        ASSERT_EQ(end.size(), expected.size());
        double worst = 0;
        for (size_t n = 0; n < end.size(); ++n)
            worst = std::max({worst, std::abs(end[n].x - expected[n].x), std::abs(end[n].y - expected[n].y)});
        EXPECT_LT(worst, 1e-6) << o << ", " << end.size() << " points";
    }
}

TEST(Snake, OfNoPointsStaysSo) {
    const std::vector<float> slice(9);
    EXPECT_TRUE(evolve_snake(SnakeField(slice.data(), 3, 3), {}).empty());
    EXPECT_THROW(evolve_snake(SnakeField(slice.data(), 3, 3), {{1, 1}}, {.gamma = 0}), Error);
}

}  // namespace
}  // namespace cmtl
