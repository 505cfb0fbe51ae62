#pragma once
// One row of the table of operator cases: an operator on given shapes beside its definition (tests/reference). The checks
// in operator_table_test.cpp run on every row; a file per operator holds its rows and what is special about it.
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "engine/autograd.hpp"
#include "reference/array.hpp"

namespace cmtl::testing {

using reference::Array;
using reference::Sizes;

struct OperatorCase {
    std::string name;  // letters, digits and underscores
    std::vector<Sizes> inputs;
    std::function<Tensor(Context&, const std::vector<Tensor>&)> run;
    std::function<Array(const std::vector<Array>&)> define;

    std::vector<bool> differentiable;  // empty: every input
    // Affine in every input alone, with sums and products only: on small integers the result and its gradients are exact.
    bool exact_on_integers = false;
    // No sum crosses from one thread's share into another's: any number of threads gives the same bits.
    bool same_bits_over_threads = false;
    // Makes random values fit for input i, for example variances positive.
    std::function<void(size_t input, Array& values)> adjust;
    double tolerance = 1e-5;  // of the largest value
    double step = 1e-5;       // of the finite differences

    bool wants_gradient(size_t input) const { return differentiable.empty() || differentiable[input]; }
    friend void PrintTo(const OperatorCase& c, std::ostream* out) { *out << c.name; }
};

class Operator : public ::testing::TestWithParam<OperatorCase> {};
class ExactOperator : public ::testing::TestWithParam<OperatorCase> {};  // rows with exact_on_integers

inline std::vector<OperatorCase> exact_ones(std::vector<OperatorCase> cases) {
    std::erase_if(cases, [](const OperatorCase& c) { return !c.exact_on_integers; });
    return cases;
}
inline std::string case_name(const ::testing::TestParamInfo<OperatorCase>& info) { return info.param.name; }

// INSTANTIATE_OPERATOR(Conv3d, conv3d_cases()).
#define INSTANTIATE_OPERATOR(prefix, cases)                                            \
    INSTANTIATE_TEST_SUITE_P(prefix, Operator, ::testing::ValuesIn(cases), case_name); \
    INSTANTIATE_TEST_SUITE_P(prefix, ExactOperator, ::testing::ValuesIn(exact_ones(cases)), case_name)

// Values that no two elements share and that stay clear of 0 (kinks and ties cannot flip under a finite difference),
// representable in f32, between -2 and 2, in random order.
inline Array spread_values(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    const double n = static_cast<double>(a.count());
    for (int64_t i = 0; i < a.count(); ++i)
        a[i] = static_cast<double>(static_cast<float>(4 * (static_cast<double>(i) + 0.5 - n / 2) / n + 0.25 / n));
    std::mt19937_64 engine(seed);
    for (int64_t i = a.count() - 1; i > 0; --i)
        std::swap(a[i], a[static_cast<int64_t>(engine() % static_cast<uint64_t>(i + 1))]);
    return a;
}

// Integers from -3 to 3.
inline Array integer_values(const Sizes& sizes, uint64_t seed) {
    Array a(sizes);
    std::mt19937_64 engine(seed);
    for (double& value : a.values) value = static_cast<double>(engine() % 7) - 3;
    return a;
}

inline Shape shape_of(const Sizes& sizes) { return Shape(std::span<const int64_t>(sizes)); }
inline Sizes sizes_of(const Tensor& t) { return {t.shape().sizes().begin(), t.shape().sizes().end()}; }

inline Tensor to_tensor(Context& context, const Array& a) {
    return context.from<float>(shape_of(a.sizes), std::vector<float>(a.values.begin(), a.values.end()));
}

inline Array to_array(Context& context, const Tensor& t) {
    const std::vector<float> values = context.to_vector<float>(t);
    return Array(sizes_of(t), std::vector<double>(values.begin(), values.end()));
}

// sum of y * weight as a recorded operator: turns any result into one number whose gradient is `weight`.
inline Tensor probe(Context& context, const Tensor& y, const Array& weight) {
    const std::vector<float> values = context.to_vector<float>(y);
    double sum = 0;
    for (int64_t i = 0; i < weight.count(); ++i) sum += static_cast<double>(values[static_cast<size_t>(i)]) * weight[i];
    Tensor loss = context.full({1}, static_cast<float>(sum));
    record(context, "probe", {y}, {&loss}, [weight](Context& c, std::vector<Tensor>, const std::vector<bool>&) {
        return std::vector<Tensor>{to_tensor(c, weight)};
    });
    return loss;
}

inline double dot(const Array& a, const Array& b) {
    double sum = 0;
    for (int64_t i = 0; i < a.count(); ++i) sum += a[i] * b[i];
    return sum;
}

inline double largest(const Array& a) {
    double m = 0;
    for (double v : a.values) m = std::max(m, std::abs(v));
    return m;
}

struct EngineRun {
    Array y;
    std::vector<Array> gradients;  // empty where no gradient arrived
    size_t entries = 0;            // of the tape, the probe's included
};

// The operator on `inputs`, then backward from sum(y * weight); `wanted[i]`: input i requires a gradient.
inline EngineRun run_engine(Context& context, const OperatorCase& c, const std::vector<Array>& inputs, const Array& weight,
                            const std::vector<bool>& wanted) {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < inputs.size(); ++i) {
        tensors.push_back(to_tensor(context, inputs[i]));
        tensors.back().set_requires_grad(wanted[i]);
    }
    EngineRun result;
    Tape tape(context);
    Tensor y = c.run(context, tensors);
    result.y = to_array(context, y);
    if (y.requires_grad()) {
        Tensor loss = probe(context, y, weight);
        result.entries = tape.entries();
        y = Tensor();
        tape.backward(loss);
    }
    for (const Tensor& t : tensors) result.gradients.push_back(t.grad().defined() ? to_array(context, t.grad()) : Array());
    return result;
}

inline std::vector<bool> all_wanted(const OperatorCase& c) {
    std::vector<bool> wanted;
    for (size_t i = 0; i < c.inputs.size(); ++i) wanted.push_back(c.wants_gradient(i));
    return wanted;
}

// Derivative of sum(define(inputs) * weight) along `direction` in input `which`, by central differences in doubles.
inline double finite_difference(const OperatorCase& c, std::vector<Array> inputs, const Array& weight, size_t which,
                                const Array& direction, double step) {
    const Array at = inputs[which];
    for (int64_t i = 0; i < at.count(); ++i) inputs[which][i] = at[i] + step * direction[i];
    const Array up = c.define(inputs);
    for (int64_t i = 0; i < at.count(); ++i) inputs[which][i] = at[i] - step * direction[i];
    const Array down = c.define(inputs);
    double sum = 0;
    for (int64_t i = 0; i < up.count(); ++i) sum += (up[i] - down[i]) * weight[i];
    return sum / (2 * step);
}

inline void expect_close(const Array& actual, const Array& expected, double tolerance, const std::string& what) {
    ASSERT_EQ(actual.sizes, expected.sizes) << what;
    const double scale = largest(expected);
    double worst = -1;
    int64_t where = 0;
    for (int64_t i = 0; i < actual.count(); ++i) {
        const double difference = std::abs(actual[i] - expected[i]);
        if (!(difference <= worst)) worst = difference, where = i;
    }
    EXPECT_LE(worst, tolerance * scale) << what << ": element " << where << " is " << actual[where] << ", expected " << expected[where]
                                        << ", largest " << scale;
}

inline void expect_same_bits(const Array& actual, const Array& expected, const std::string& what) {
    ASSERT_EQ(actual.sizes, expected.sizes) << what;
    for (int64_t i = 0; i < actual.count(); ++i)
        ASSERT_EQ(actual[i], expected[i]) << what << ": element " << i;
}

}  // namespace cmtl::testing
