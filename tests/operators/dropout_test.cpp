#include "engine/operators/dropout.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"
#include "reference/dropout.hpp"

namespace cmtl::testing {

namespace {

constexpr RandomKey key{0x123456789abcdef0, Purpose::dropout, 77};

Array mask_of(const Sizes& sizes, double p, const RandomKey& k) {
    return reference::dropout_mask(sizes, p, k.seed, static_cast<uint32_t>(k.purpose), k.step);
}

std::vector<OperatorCase> dropout_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& sizes : {Sizes{1}, {5}, {3, 7}, {2, 3, 2, 5, 3}, {1, 7, 8, 8, 17}, {10, 2, 2, 2, 512}})
        for (double p : {0.3, 0.5, 0.999}) {
            OperatorCase c;
            c.name = fmt::format("{}_p{}", fmt::join(sizes, "x"), static_cast<int>(p * 1000));
            c.inputs = {sizes};
            c.run = [p](Context& context, const std::vector<Tensor>& in) { return dropout(context, in[0], p, key); };
            c.define = [p](const std::vector<Array>& in) { return reference::dropout(in[0], p, mask_of(in[0].sizes, p, key)); };
            c.step = 1e-2;
            c.same_bits_over_threads = true;
            c.exact_on_integers = p == 0.5;
            cases.push_back(c);
        }
    return cases;
}

// Of sizes (N, ..., C): the mask of (N, C), repeated over what lies between.
Array channel_mask_of(const Sizes& sizes, double p) {
    const int64_t channels = sizes.back(), sample = Array::product(sizes) / sizes[0];
    const Array one = mask_of({sizes[0], channels}, p, key);
    Array mask(sizes);
    for (int64_t i = 0; i < mask.count(); ++i) mask[i] = one[i / sample * channels + i % channels];
    return mask;
}

std::vector<OperatorCase> channel_dropout_cases() {
    std::vector<OperatorCase> cases;
    for (const Sizes& sizes : {Sizes{1, 1}, {5, 7}, {3, 2, 3, 2, 5}, {2, 1, 6, 9, 32}})
        for (double p : {0.3, 0.5}) {
            OperatorCase c;
            c.name = fmt::format("{}_p{}", fmt::join(sizes, "x"), static_cast<int>(p * 1000));
            c.inputs = {sizes};
            c.run = [p](Context& context, const std::vector<Tensor>& in) { return channel_dropout(context, in[0], p, key); };
            c.define = [p](const std::vector<Array>& in) { return reference::dropout(in[0], p, channel_mask_of(in[0].sizes, p)); };
            c.step = 1e-2;
            c.same_bits_over_threads = true;
            c.exact_on_integers = p == 0.5;
            cases.push_back(c);
        }
    return cases;
}

}  // namespace

INSTANTIATE_OPERATOR(Dropout, dropout_cases());
INSTANTIATE_OPERATOR(ChannelDropout, channel_dropout_cases());

// Part of the channels, whole, and not the same ones in every sample.
TEST(ChannelDropout, TakesWholeChannelsOfASample) {
    Context context(on_test_device());
    const Array y = to_array(context, channel_dropout(context, context.full({4, 3, 2, 2, 64}, 1), 0.5, key));
    std::vector<int> kept(4);
    std::vector<double> first;
    for (int64_t n = 0; n < 4; ++n)
        for (int64_t c = 0; c < 64; ++c) {
            for (int64_t d = 0; d < 3; ++d) ASSERT_EQ(y(n, d, d % 2, 1, c), y(n, 0, 0, 0, c));
            kept[static_cast<size_t>(n)] += y(n, 0, 0, 0, c) != 0;
            first.push_back(y(n, 0, 0, 0, c));
        }
    for (const int k : kept) {
        EXPECT_GT(k, 16);
        EXPECT_LT(k, 48);
    }
    EXPECT_FALSE(std::equal(first.begin(), first.begin() + 64, first.begin() + 64));
}

TEST(Dropout, TheMaskIsTheDocumentedFunctionOfTheKey) {
    Context context(on_test_device());
    const Sizes sizes{3, 5, 7, 11};
    const Tensor ones = context.full(shape_of(sizes), 1);
    for (double p : {0.01, 0.3, 0.75})
        for (const RandomKey k : {RandomKey{1, Purpose::dropout, 0}, RandomKey{1, Purpose::dropout, 1}, RandomKey{~uint64_t{0}, Purpose::dropout, 123456},
                                  RandomKey{1, Purpose::test, 0}}) {
            const Array y = to_array(context, dropout(context, ones, p, k)), mask = mask_of(sizes, p, k);
            for (int64_t i = 0; i < y.count(); ++i) ASSERT_EQ(y[i] != 0, mask[i] != 0) << i;
        }
}

TEST(Dropout, DropsItsShareAndKeepsTheMean) {
    Context context(on_test_device());
    const int64_t count = 1 << 20;
    for (double p : {0.1, 0.3, 0.9}) {
        const Array y = to_array(context, dropout(context, context.full({count}, 1), p, key));
        int64_t dropped = 0;
        double sum = 0;
        for (double v : y.values) {
            dropped += v == 0;
            sum += v;
        }
        const double n = static_cast<double>(count), deviation = std::sqrt(p * (1 - p) / n);
        EXPECT_NEAR(static_cast<double>(dropped) / n, p, 5 * deviation);
        EXPECT_NEAR(sum / n, 1, 5 * deviation / (1 - p) + 1e-6);
    }
}

TEST(Dropout, NothingToDropGivesTheTensorItself) {
    Context context(on_test_device());
    Tensor x = context.full({4}, 2);
    x.set_requires_grad();
    Tape tape(context);
    const Tensor y = dropout(context, x, 0, key);
    EXPECT_EQ(y.raw(), x.raw());
    EXPECT_EQ(tape.entries(), 0u);
    EXPECT_EQ(y.slot(), x.slot());
}

TEST(Dropout, NotANumberStaysWhereItIsKept) {
    Context context(on_test_device());
    const Sizes sizes{1000};
    const Array y = to_array(context, dropout(context, context.full({1000}, std::numeric_limits<float>::quiet_NaN()), 0.3, key));
    const Array mask = mask_of(sizes, 0.3, key);
    for (int64_t i = 0; i < 1000; ++i) {
        if (mask[i] != 0) {
            ASSERT_TRUE(std::isnan(y[i])) << i;
        }
    }
}

TEST(Dropout, RefusesProbabilitiesOutsideItsRange) {
    Context context(on_test_device());
    const Tensor x = context.zeros({4});
    for (double p : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
        try {
            dropout(context, x, p, key);
            ADD_FAILURE() << p << " was accepted";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::internal);
            EXPECT_TRUE(std::string_view(e.what()).starts_with("[dropout] ")) << e.what();
        }
    }
}

}  // namespace cmtl::testing
