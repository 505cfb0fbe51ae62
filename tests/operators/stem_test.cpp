// The stem's slabs beside the operators one after the other: every way a slab can end, odd sizes, several samples.
#include "engine/operators/stem.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "device.hpp"
#include "engine/autograd.hpp"
#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/pool3d.hpp"
#include "engine/operators/shift3d.hpp"
#include "engine/random.hpp"

namespace cmtl {
namespace {

Tensor drawn(Context& context, const Shape& shape, uint64_t step, float low, float high) {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = low + (high - low) * uniform_float(philox({3, Purpose::test, step}, i)[0]);
    return context.from(shape, values);
}

StemParameters parameters(Context& context, int64_t channels, int64_t in) {
    return {drawn(context, {channels, 3, 3, 3, in}, 1, -0.3f, 0.3f), drawn(context, {channels}, 2, -0.2f, 0.2f),
            drawn(context, {channels}, 3, -1.5f, 1.5f),              drawn(context, {channels}, 4, -0.5f, 0.5f),
            drawn(context, {channels}, 5, -0.5f, 0.5f),              drawn(context, {channels}, 6, 0.5f, 2.0f)};
}

Tensor one_after_the_other(Context& context, const Tensor& x, const StemParameters& p, bool training, const Tensor& plan) {
    Tensor y = conv3d(context, x, p.weight, p.bias, {.stride = 2, .padding = 1});
    y = batch_norm3d(context, y, p.scale, p.shift, p.running_mean, p.running_variance, {.training = training, .relu = true});
    if (plan.defined()) y = shift3d(context, y, plan);
    return max_pool3d(context, y);
}

void expect_close(Context& context, const Tensor& a, const Tensor& b) {
    ASSERT_EQ(a.shape(), b.shape());
    const std::vector<float> ours = context.to_vector<float>(a), theirs = context.to_vector<float>(b);
    double largest = 0, worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
        largest = std::max(largest, std::fabs(double(theirs[i])));
        worst = std::max(worst, std::fabs(double(ours[i]) - double(theirs[i])));
    }
    ASSERT_GT(largest, 0);
    EXPECT_LE(worst, 2e-6 * largest);
}

class StemDepth : public testing::TestWithParam<int64_t> {};

TEST_P(StemDepth, SlabsEqualTheOperatorsOneAfterTheOther) {
    Context context(on_test_device());
    const StemParameters p = parameters(context, 24, 1);
    const Tensor x = drawn(context, {2, GetParam(), 9, 14, 1}, 7, -1, 1);
    expect_close(context, stem(context, x, p, {}), one_after_the_other(context, x, p, false, {}));
}

// A slab is 8 pooled planes, 32 of the volume.
INSTANTIATE_TEST_SUITE_P(Depths, StemDepth, testing::Values(1, 2, 3, 4, 5, 31, 32, 33, 34, 35, 36, 37, 63, 64, 65, 66, 67, 97));

TEST(Stem, TrainingEqualsTheOperatorsOneAfterTheOtherToTheBit) {
    Context context(on_test_device());
    const StemParameters p = parameters(context, 16, 1), q = parameters(context, 16, 1);
    const Tensor x = drawn(context, {2, 12, 9, 14, 1}, 7, -1, 1);
    const Tensor plan = shift3d_plan(context, {1, Purpose::shift3d, 0}, {2, 6, 5, 7, 16}, {.p = 1});
    StemOptions options{.training = true, .plan = plan};
    const Tensor a = stem(context, x, p, options), b = one_after_the_other(context, x, q, true, plan);
    EXPECT_EQ(context.to_vector<float>(a), context.to_vector<float>(b));
    EXPECT_EQ(context.to_vector<float>(p.running_mean), context.to_vector<float>(q.running_mean));
}

// The gradients of every parameter and of the volume.
TEST(Stem, GradientsEqualThoseOfTheOperatorsOneAfterTheOther) {
    for (const bool training : {true, false})
        for (const double p : {0.0, 0.5, 1.0}) {
            Context context(on_test_device());
            const auto gradients = [&](bool one_by_one) {
                StemParameters w = parameters(context, 16, 2);
                Tensor x = drawn(context, {3, 12, 9, 14, 2}, 7, -1, 1);
                for (Tensor* t : {&x, &w.weight, &w.bias, &w.scale, &w.shift}) t->set_requires_grad();
                const Tensor plan = shift3d_plan(context, {1, Purpose::shift3d, 0}, {3, 6, 5, 7, 16}, {.p = p, .max_shift = 0.5});
                Tape tape(context);
                const Tensor y = one_by_one ? one_after_the_other(context, x, w, training, plan)
                                            : stem(context, x, w, {.training = training, .plan = plan});
                const Tensor towards = drawn(context, y.shape(), 8, -1, 1);
                Tensor loss = context.zeros({1});
                record(context, "probe", {y}, {&loss},
                       [towards](Context& c, std::vector<Tensor>, const std::vector<bool>&) { return std::vector<Tensor>{c.copy(towards)}; });
                tape.backward(loss);
                return std::vector<Tensor>{x.grad(), w.weight.grad(), w.bias.grad(), w.scale.grad(), w.shift.grad()};
            };
            const std::vector<Tensor> fused = gradients(false), plain = gradients(true);
            for (size_t i = 0; i < fused.size(); ++i) {
                SCOPED_TRACE(testing::Message() << "gradient " << i << (training ? " training" : "") << ", p " << p);
                // In training the bias goes into the mean: its gradient is what rounding leaves of sums of some hundred terms.
                if (i == 2 && training) continue;
                expect_close(context, fused[i], plain[i]);
            }
        }
}

TEST(Stem, InferenceHoldsAFractionOfTheConvolution) {
    CMTL_CPU_ONLY("the slabs are the CPU's");
    Context context(on_test_device());
    const StemParameters p = parameters(context, 64, 1);
    const Tensor x = drawn(context, {1, 192, 32, 32, 1}, 7, -1, 1);
    const size_t convolution = 96 * 16 * 16 * 64 * sizeof(float);
    context.allocator().reset_high_water();
    const size_t before = context.allocator().in_use();
    stem(context, x, p, {});
    EXPECT_LT(context.allocator().high_water() - before, convolution / 2);
}

// On devices the gradient of the convolution's result takes its place; one after the other, the operators hold three such tensors.
TEST(Stem, TrainingHoldsTheConvolutionOnce) {
    Context context(on_test_device());
    if (!context.on_gpu()) GTEST_SKIP() << "the CPU trains with the operators one after the other";
    StemParameters p = parameters(context, 64, 1);
    for (Tensor* t : {&p.weight, &p.bias, &p.scale, &p.shift}) t->set_requires_grad();
    const Tensor x = drawn(context, {1, 64, 64, 64, 1}, 7, -1, 1);
    const size_t convolution = 32 * 32 * 32 * 64 * sizeof(float);
    context.allocator().reset_high_water();
    const size_t before = context.allocator().in_use();
    {
        Tape tape(context);
        Tensor y = stem(context, x, p, {.training = true});
        Tensor loss = context.zeros({1});
        record(context, "probe", {y}, {&loss}, [shape = y.shape()](Context& c, std::vector<Tensor>, const std::vector<bool>&) {
            return std::vector<Tensor>{c.full(shape, 1.0f)};
        });
        y = Tensor();
        tape.backward(loss);
    }
    EXPECT_LT(context.allocator().high_water() - before, 2 * convolution);
}

TEST(Stem, RefusesWeightsOfAnotherShape) {
    Context context(on_test_device());
    StemParameters p = parameters(context, 8, 2);
    EXPECT_THROW(stem(context, drawn(context, {1, 8, 8, 8, 1}, 7, -1, 1), p, {}), Error);
}

}  // namespace
}  // namespace cmtl
