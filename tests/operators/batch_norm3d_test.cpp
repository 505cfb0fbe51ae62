#include "engine/operators/batch_norm3d.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/batch_norm3d.hpp"
#include "reference/elementwise.hpp"

namespace cmtl::testing {

namespace {

std::vector<OperatorCase> batch_norm3d_cases() {
    std::vector<OperatorCase> cases;
    const std::vector<Sizes> shapes{{1, 1, 1, 2, 1}, {2, 1, 1, 1, 3}, {1, 3, 2, 3, 1}, {2, 3, 4, 5, 3},  {1, 3, 3, 5, 16},
                                    {2, 3, 2, 3, 17}, {1, 4, 5, 6, 64}, {3, 2, 3, 2, 33}, {1, 17, 19, 23, 5}};
    for (const Sizes& sizes : shapes)
        for (bool training : {true, false})
            for (bool relu : {false, true}) {
                const BatchNorm3dOptions options{.training = training, .relu = relu};
                OperatorCase c;
                c.name = fmt::format("{}_{}{}", fmt::join(sizes, "x"), training ? "training" : "evaluation", relu ? "_relu" : "");
                c.inputs = {sizes, {sizes.back()}, {sizes.back()}, {sizes.back()}, {sizes.back()}};
                c.differentiable = {true, true, true, false, false};
                c.adjust = [](size_t input, Array& values) {
                    if (input == 0)  // channels of different mean and spread
                        for (int64_t i = 0; i < values.count(); ++i) {
                            const double channel = static_cast<double>(i % values.size(-1));
                            values[i] = values[i] * (1 + channel / 7) + channel / 3;
                        }
                    if (input == 4)
                        for (double& v : values.values) v = 0.5 + std::abs(v);
                };
                c.run = [options](Context& context, const std::vector<Tensor>& in) {
                    return batch_norm3d(context, in[0], in[1], in[2], in[3], in[4], options);
                };
                c.define = [options](const std::vector<Array>& in) {
                    Array mean = in[3], variance = in[4];
                    Array y = reference::batch_norm3d(in[0], in[1], in[2], mean, variance, options.training, options.eps, options.momentum);
                    return options.relu ? reference::relu(y) : y;
                };
                c.step = 1e-6;
                // Of two values per channel the gradient is what eps leaves, about 1e-3 of the terms that cancel.
                if (training && c.inputs[0][0] * c.inputs[0][1] * c.inputs[0][2] * c.inputs[0][3] == 2) c.tolerance = 2e-4;
                c.same_bits_over_threads = true;
                cases.push_back(c);
            }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(BatchNorm3d, batch_norm3d_cases());

TEST(BatchNorm3d, MovesTheRunningStatisticsInTrainingOnly) {
    Context context(on_test_device());
    for (const Sizes& sizes : {Sizes{2, 3, 4, 5, 3}, Sizes{1, 1, 1, 2, 17}, Sizes{3, 5, 7, 3, 64}})
        for (double momentum : {0.01, 0.1, 1.0}) {
            const Array x = spread_values(sizes, 1), ones({sizes.back()}, 1.0), zeros({sizes.back()});
            Array mean = spread_values({sizes.back()}, 2), variance = spread_values({sizes.back()}, 3);
            for (double& v : variance.values) v = static_cast<double>(static_cast<float>(std::abs(v)));
            const Tensor tx = to_tensor(context, x), scale = to_tensor(context, ones), shift = to_tensor(context, zeros),
                         tmean = to_tensor(context, mean), tvariance = to_tensor(context, variance);
            batch_norm3d(context, tx, scale, shift, tmean, tvariance, {.training = false, .momentum = momentum});
            expect_same_bits(to_array(context, tmean), mean, "running mean in evaluation");
            expect_same_bits(to_array(context, tvariance), variance, "running variance in evaluation");
            for (int step = 0; step < 3; ++step) {
                batch_norm3d(context, tx, scale, shift, tmean, tvariance, {.training = true, .momentum = momentum});
                reference::batch_norm3d(x, ones, zeros, mean, variance, true, 1e-3, momentum);
            }
            expect_close(to_array(context, tmean), mean, 1e-6, "running mean");
            expect_close(to_array(context, tvariance), variance, 1e-6, "running variance");
        }
}

// Mean 100, spread 1: sums of squares in single precision would have lost the variance.
TEST(BatchNorm3d, SurvivesALargeMean) {
    Context context(on_test_device());
    Array x = spread_values({2, 9, 10, 11, 5}, 1);
    for (double& v : x.values) v = static_cast<double>(static_cast<float>(v + 100));
    const Array ones({5}, 1.0), zeros({5});
    Array mean({5}), variance({5}, 1.0);
    const Tensor y = batch_norm3d(context, to_tensor(context, x), to_tensor(context, ones), to_tensor(context, zeros),
                                  to_tensor(context, mean), to_tensor(context, variance), {.training = true});
    expect_close(to_array(context, y), reference::batch_norm3d(x, ones, zeros, mean, variance, true), 1e-5, "result");
}

TEST(BatchNorm3d, AConstantChannelGivesItsShift) {
    Context context(on_test_device());
    const Tensor x = context.full({2, 3, 3, 3, 2}, 7.25f), scale = context.full({2}, 3), shift = context.full({2}, -0.5f),
                 mean = context.zeros({2}), variance = context.full({2}, 1);
    const Array y = to_array(context, batch_norm3d(context, x, scale, shift, mean, variance, {.training = true}));
    // Single precision holds scale / sqrt(eps) * 7.25 = 688 to 6e-5.
    for (double v : y.values) ASSERT_NEAR(v, -0.5, 1e-4);
    EXPECT_NEAR(element(context, mean, 0), 0.0725f, 1e-7);
    EXPECT_NEAR(element(context, variance, 1), 0.99f, 1e-6);
}

TEST(BatchNorm3d, NotANumberSpoilsItsChannelAlone) {
    Context context(on_test_device());
    for (bool relu : {false, true}) {
        Array x = spread_values({1, 2, 3, 3, 17}, 1);
        x(0, 1, 1, 1, 4) = std::numeric_limits<double>::quiet_NaN();
        const Tensor ones = context.full({17}, 1), mean = context.zeros({17}), variance = context.full({17}, 1);
        const Array y = to_array(context, batch_norm3d(context, to_tensor(context, x), ones, context.zeros({17}), mean, variance,
                                                       {.training = true, .relu = relu}));
        for (int64_t i = 0; i < y.count(); ++i) ASSERT_EQ(std::isnan(y[i]), i % 17 == 4) << i;
    }
}

TEST(BatchNorm3d, RefusesWhatItCannotNormalise) {
    Context context(on_test_device());
    const Tensor ones = context.full({3}, 1), two = context.full({2}, 1);
    const auto kind_of = [&](const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& mean, const Tensor& variance,
                             bool training) {
        try {
            batch_norm3d(context, x, scale, shift, mean, variance, {.training = training});
        } catch (const Error& e) {
            EXPECT_EQ(std::string_view(e.what()).substr(0, 15), "[batch_norm3d] ") << e.what();
            return e.kind();
        }
        ADD_FAILURE() << "accepted x " << x.shape().text();
        return ErrorKind::partial;
    };
    // One value per channel has no variance, as PyTorch says too; evaluation does not need one.
    const Tensor single = context.zeros({1, 1, 1, 1, 3}), x = context.zeros({1, 2, 2, 2, 3});
    EXPECT_EQ(kind_of(single, ones, ones, ones, ones, true), ErrorKind::input);
    EXPECT_NO_THROW(batch_norm3d(context, single, ones, ones, ones, ones, {.training = false}));
    EXPECT_EQ(kind_of(x, two, ones, ones, ones, true), ErrorKind::internal);
    EXPECT_EQ(kind_of(x, ones, two, ones, ones, true), ErrorKind::internal);
    EXPECT_EQ(kind_of(x, ones, ones, two, ones, true), ErrorKind::internal);
    EXPECT_EQ(kind_of(x, ones, ones, ones, two, false), ErrorKind::internal);
}

}  // namespace cmtl::testing
