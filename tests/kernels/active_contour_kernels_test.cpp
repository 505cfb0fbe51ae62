// Snakes against the CPU's: to the bit on simt, to 1e-9 pixels on a GPU, whose tanh rounds in its own way.
#include "kernels/active_contour.hpp"

#include "imaging/active_contour.hpp"
#include "kernels/kernel_case.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class ActiveContour : public KernelTest<Target> {};
TYPED_TEST_SUITE(ActiveContour, Targets);

// Discs of air in tissue with noise, as in a slice through the lungs.
std::vector<float> slices_of(int64_t slices, int64_t nx, int64_t ny) {
    std::vector<float> values;
    std::mt19937_64 random(20201209);
    for (int64_t s = 0; s < slices; ++s)
        for (int64_t j = 0; j < ny; ++j)
            for (int64_t i = 0; i < nx; ++i) {
                const double r = std::hypot(static_cast<double>(i) - 0.5 * static_cast<double>(nx),
                                            static_cast<double>(j) - 0.45 * static_cast<double>(ny));
                const double edge = 0.3 * static_cast<double>(nx) + static_cast<double>(s);
                values.push_back(
                    static_cast<float>((r < edge ? -0.8 : 0.05) + static_cast<double>(random() % 100) / 1000));
            }
    return values;
}

Contour ring(int64_t points, double x, double y, double radius) {
    Contour c;
    for (int64_t n = 0; n < points; ++n) {
        const double turn = 6.283185307179586 * static_cast<double>(n) / static_cast<double>(points);
        c.push_back({x + radius * std::cos(turn), y + radius * std::sin(turn)});
    }
    return c;
}

struct SnakeCase {
    int64_t slices, nx, ny;
    std::vector<std::pair<int32_t, Contour>> snakes;  // slice and contour
    SnakeOptions options;
};

std::vector<double> flat(const Contour& c) {
    std::vector<double> all;
    for (const Point2& p : c) all.insert(all.end(), {p.x, p.y});
    return all;
}

std::vector<double> on_cpu(const SnakeCase& c, const std::vector<float>& values) {
    std::vector<double> all;
    for (const auto& [slice, contour] : c.snakes) {
        const SnakeField field(values.data() + slice * c.nx * c.ny, c.nx, c.ny);
        const auto points = flat(evolve_snake(field, contour, c.options));
        all.insert(all.end(), points.begin(), points.end());
    }
    return all;
}

template <class Target>
std::vector<double> on_device(TestDevice& device, const SnakeCase& c, const std::vector<float>& values) {
    const auto in = device.array(values);
    const auto coefficients = device.array<double>(values.size(), 77);
    const SplineElimination x = spline_elimination(c.nx), y = spline_elimination(c.ny);
    const auto lower_x = device.array(x.lower), pivot_x = device.array(x.pivot), upper_x = device.array(x.upper),
               lower_y = device.array(y.lower), pivot_y = device.array(y.pivot), upper_y = device.array(y.upper);
    std::vector<Snake> snakes;
    std::vector<SnakePoint> points;
    int64_t most = 0;
    for (const auto& [slice, contour] : c.snakes) {
        const RingRecursion r = ring_recursion(c.options, std::ssize(contour));
        snakes.push_back({std::ssize(points),
                          static_cast<int32_t>(contour.size()),
                          slice,
                          {r.one, r.two, r.scale, {r.start[0], r.start[1], r.start[2], r.start[3]}}});
        for (const Point2& p : contour) points.push_back({p.x, p.y});
        most = std::max(most, std::ssize(contour));
    }
    const auto list = device.array(snakes);
    const auto past = device.array(points.size() * snake_remembered, SnakePoint{77, 77});
    std::vector<double> all;
    for (int call = 0; call < 2; ++call) {
        const auto moving = device.array(points);
        snake_fields<Target>(device.stream, c.slices, c.nx, c.ny, in.data(),
                             {lower_x.data(), pivot_x.data(), upper_x.data()},
                             {lower_y.data(), pivot_y.data(), upper_y.data()}, coefficients.data());
        evolve_snakes<Target>(device.stream, c.nx, c.ny, coefficients.data(), std::ssize(snakes), list.data(), most,
                              {c.options.gamma, c.options.max_px_move, c.options.convergence, c.options.max_iterations},
                              moving.data(), past.data());
        all.clear();
        for (const SnakePoint& p : moving.host()) all.insert(all.end(), {p.x, p.y});
    }
    past.host();
    coefficients.host();
    return all;
}

template <class Target>
void check(const SnakeCase& c) {
    const auto values = slices_of(c.slices, c.nx, c.ny);
    const auto results = same_under_every_schedule<Target>(
        [&](TestDevice& device) { return std::vector<std::vector<double>>{on_device<Target>(device, c, values)}; });
    const auto expected = on_cpu(c, values);
    ASSERT_EQ(results[0].size(), expected.size());
    for (size_t n = 0; n < expected.size(); ++n) {
        if (std::is_same_v<Target, Simt>) {
            ASSERT_EQ(results[0][n], expected[n]) << n;
        } else {
            ASSERT_NEAR(results[0][n], expected[n], 1e-9) << n;
        }
    }
}

TYPED_TEST(ActiveContour, EqualsTheCpus) {
    check<TypeParam>({1, 3, 3, {{0, ring(1, 1, 1, 0.5)}}, {}});
    check<TypeParam>({1, 3, 70, {{0, ring(2, 1, 30, 9)}, {0, ring(3, 1, 30, 9)}}, {}});
    check<TypeParam>({1, 70, 3, {{0, ring(5, 30, 1, 9)}}, {}});
    SnakeCase lungs{3, 65, 64, {}, {}};
    for (int32_t s = 0; s < 3; ++s)
        for (const int64_t points : {4, 33, 128, 301}) lungs.snakes.emplace_back(s, ring(points, 32, 29, 22 + s));
    check<TypeParam>(lungs);
    lungs.options.max_iterations = 47;  // convergence is judged, and found by some
    lungs.options.convergence = 0.3;
    check<TypeParam>(lungs);
}

TYPED_TEST(ActiveContour, EveryOptionCounts) {
    SnakeCase c{2, 40, 33, {{1, ring(60, 20, 15, 14)}, {0, ring(97, 18, 16, 40)}}, {}};  // one leaves the slice
    c.options = {0.5, 0, 0.2, 0.5, 25, 0.01};
    check<TypeParam>(c);
    c.options = {0, 3, 0.05, 2, 12, 100};  // ends with the first judgement
    check<TypeParam>(c);
    c.options = {0, 0, 0.05, 1, 3, 0.1};
    check<TypeParam>(c);
    c.options.max_iterations = 0;
    check<TypeParam>(c);
}

TYPED_TEST(ActiveContour, AsManyPointsAsFit) {
    SnakeCase c{1, 64, 64, {{0, ring(snake_most_points, 32, 29, 20)}}, {}};
    c.options.max_iterations = 2;
    check<TypeParam>(c);
}

TYPED_TEST(ActiveContour, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        snake_fields<TypeParam>(device.stream, 0, 5, 5, nullptr, {}, {}, nullptr);
        evolve_snakes<TypeParam>(device.stream, 5, 5, nullptr, 0, nullptr, 0, {}, nullptr, nullptr);
    });
}

}  // namespace
}  // namespace cmtl::kernels
