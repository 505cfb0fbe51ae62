#include "engine/operators/fire_join.hpp"

#include <fmt/ranges.h>

#include <cmath>

#include "base/error.hpp"
#include "device.hpp"
#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/elementwise.hpp"
#include "operators/operator_case.hpp"
#include "reference/fire_join.hpp"

namespace cmtl::testing {

namespace {

// Inputs in this order: x, scale, shift, running mean and variance of either half, then the bypass.
struct Shapes {
    Sizes grid;  // N, D, H, W
    int64_t one, three;
    bool bypass;
    Sizes with(int64_t channels) const {
        Sizes s = grid;
        s.push_back(channels);
        return s;
    }
    std::vector<Sizes> inputs() const {
        std::vector<Sizes> list;
        for (int64_t c : {one, three}) list.insert(list.end(), {with(c), {c}, {c}, {c}, {c}});
        if (bypass) list.push_back(with(one + three));
        return list;
    }
    std::string name() const { return fmt::format("{}x{}_{}{}", fmt::join(grid, "x"), one, three, bypass ? "_bypass" : ""); }
};

// Channels of different mean and spread; variances are positive.
void adjust(size_t input, Array& values) {
    if (input == 0 || input == 5)
        for (int64_t i = 0; i < values.count(); ++i) {
            const double channel = static_cast<double>(i % values.size(-1));
            values[i] = values[i] * (1 + channel / 7) + channel / 3;
        }
    if (input == 4 || input == 9)
        for (double& v : values.values) v = 0.5 + std::abs(v);
}

FireJoinHalf half(const std::vector<Tensor>& in, size_t first) { return {in[first], in[first + 1], in[first + 2], in[first + 3], in[first + 4]}; }

Tensor joined(Context& context, const std::vector<Tensor>& in, const FireJoinOptions& options) {
    return fire_join(context, half(in, 0), half(in, 5), in.size() > 10 ? in[10] : Tensor(), options);
}

Tensor one_after_the_other(Context& context, const std::vector<Tensor>& in, const FireJoinOptions& o) {
    const BatchNorm3dOptions norm{.training = o.training, .eps = o.eps, .momentum = o.momentum};
    Tensor y = concat(context, {batch_norm3d(context, in[0], in[1], in[2], in[3], in[4], norm),
                                batch_norm3d(context, in[5], in[6], in[7], in[8], in[9], norm)});
    if (in.size() > 10) y = add(context, y, in[10]);
    return relu(context, y);
}

reference::FireJoinNorm norm_of(const std::vector<Array>& in, size_t first) {
    return {in[first], in[first + 1], in[first + 2], in[first + 3], in[first + 4]};
}

std::vector<Shapes> shapes() {
    std::vector<Shapes> list;
    for (bool bypass : {false, true})
        for (const Shapes& s : std::vector<Shapes>{{{1, 1, 1, 2}, 1, 1, bypass},
                                                   {{2, 3, 4, 5}, 3, 5, bypass},
                                                   {{1, 3, 2, 5}, 4, 12, bypass},
                                                   {{2, 2, 3, 3}, 16, 7, bypass},
                                                   {{1, 5, 3, 7}, 32, 32, bypass},
                                                   {{2, 5, 7, 3}, 64, 8, bypass},
                                                   {{1, 2, 3, 2}, 130, 130, bypass}})
            list.push_back(s);
    return list;
}

std::vector<OperatorCase> fire_join_cases() {
    std::vector<OperatorCase> cases;
    for (const Shapes& s : shapes())
        for (bool training : {true, false}) {
            const FireJoinOptions options{.training = training};
            OperatorCase c;
            c.name = s.name() + (training ? "_training" : "_evaluation");
            c.inputs = s.inputs();
            c.differentiable = {true, true, true, false, false, true, true, true, false, false};
            if (s.bypass) c.differentiable.push_back(true);
            c.adjust = adjust;
            c.run = [options](Context& context, const std::vector<Tensor>& in) { return joined(context, in, options); };
            c.define = [options](const std::vector<Array>& in) {
                reference::FireJoinNorm one = norm_of(in, 0), three = norm_of(in, 5);
                return reference::fire_join(one, three, in.size() > 10 ? &in[10] : nullptr, options.training, options.eps, options.momentum);
            };
            c.step = 1e-6;
            // Of two values per channel the gradient is what eps leaves, about 1e-3 of the terms that cancel.
            if (training && s.grid == Sizes{1, 1, 1, 2}) c.tolerance = 2e-4;
            c.same_bits_over_threads = true;
            cases.push_back(c);
        }
    return cases;
}

std::vector<Array> values_for(const Shapes& s) {
    std::vector<Array> values;
    for (const Sizes& sizes : s.inputs()) {
        values.push_back(spread_values(sizes, 700 + values.size()));
        adjust(values.size() - 1, values.back());
        for (double& v : values.back().values) v = static_cast<double>(static_cast<float>(v));
    }
    return values;
}

std::vector<Tensor> tensors_of(Context& context, const std::vector<Array>& values) {
    std::vector<Tensor> tensors;
    for (const Array& a : values) tensors.push_back(to_tensor(context, a));
    return tensors;
}

}  // namespace

INSTANTIATE_OPERATOR(FireJoin, fire_join_cases());

TEST(FireJoin, EqualsTheOperatorsOneAfterTheOtherToTheBit) {
    Context context(on_test_device());
    for (const Shapes& s : shapes())
        for (bool training : {true, false}) {
            SCOPED_TRACE(s.name());
            const std::vector<Array> values = values_for(s);
            const std::vector<Tensor> a = tensors_of(context, values), b = tensors_of(context, values);
            const FireJoinOptions options{.training = training, .eps = 1e-2, .momentum = 0.2};
            const Tensor y = joined(context, a, options), plain = one_after_the_other(context, b, options);
            EXPECT_EQ(context.to_vector<float>(y), context.to_vector<float>(plain));
            for (size_t i : {3u, 4u, 8u, 9u}) EXPECT_EQ(context.to_vector<float>(a[i]), context.to_vector<float>(b[i])) << "running " << i;
        }
}

// Values that are not finite, and gradients that are not, arrive where they do when the operators run one after the other.
TEST(FireJoin, PassesNotANumberAndInfinityOn) {
    Context context(on_test_device());
    const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
    for (const bool bypass : {false, true})
        for (const bool training : {true, false})
            for (const float value : bad)
                for (const size_t where : {0u, 5u, 10u, 11u}) {  // either half, the bypass, the gradient
                    if (where == 10 && !bypass) continue;
                    SCOPED_TRACE(::testing::Message() << "input " << where << ", value " << value << (training ? ", training" : ""));
                    const Shapes s{{2, 3, 2, 3}, 8, 12, bypass};
                    std::vector<Array> values = values_for(s);
                    Array weight = spread_values(s.with(20), 800);
                    (where == 11 ? weight : values[where])[13] = static_cast<double>(value);
                    const auto run = [&](auto&& function) {
                        std::vector<Tensor> in = tensors_of(context, values);
                        for (size_t i = 0; i < in.size(); ++i) in[i].set_requires_grad(i % 5 < 3);
                        Tape tape(context);
                        Tensor y = function(context, in, FireJoinOptions{.training = training});
                        std::vector<Array> results{to_array(context, y)};
                        tape.backward(probe(context, y, weight));
                        for (const Tensor& t : in)
                            if (t.grad().defined()) results.push_back(to_array(context, t.grad()));
                        return results;
                    };
                    const std::vector<Array> fused = run(joined), plain = run(one_after_the_other);
                    ASSERT_EQ(fused.size(), plain.size());
                    size_t spoilt = 0;
                    for (size_t r = 0; r < plain.size(); ++r) {
                        const double scale = [&] {
                            double m = 0;
                            for (double v : plain[r].values)
                                if (std::isfinite(v)) m = std::max(m, std::abs(v));
                            return m;
                        }();
                        for (int64_t i = 0; i < plain[r].count(); ++i) {
                            const double e = plain[r][i], a = fused[r][i];
                            spoilt += !std::isfinite(e);
                            ASSERT_TRUE(std::isnan(e) ? std::isnan(a) : std::isinf(e) ? a == e : std::abs(a - e) <= 1e-5 * scale)
                                << "result " << r << ", element " << i << ": " << a << ", one after the other " << e;
                        }
                    }
                    EXPECT_TRUE(spoilt > 0 || !std::isnan(value));
                }
}

// A gradient that somebody else waits for as well is not written to.
TEST(FireJoin, LeavesASharedGradientAlone) {
    Context context(on_test_device());
    const Shapes s{{1, 2, 3, 4}, 8, 4, true};
    std::vector<Tensor> in = tensors_of(context, values_for(s));
    Tensor other = to_tensor(context, spread_values(s.with(12), 802));
    for (Tensor* t : {&in[0], &in[10], &other}) t->set_requires_grad();
    const Array weight = spread_values(s.with(12), 803);
    Tape tape(context);
    tape.backward(probe(context, add(context, joined(context, in, {.training = true}), other), weight));
    expect_same_bits(to_array(context, other.grad()), weight, "the other gradient");
}

// One tensor as both halves.
TEST(FireJoin, OneTensorTwice) {
    Context context(on_test_device());
    const Shapes s{{1, 2, 3, 4}, 8, 8, true};
    const std::vector<Array> values = values_for(s);
    const auto run = [&](auto&& function) {
        std::vector<Tensor> in = tensors_of(context, values);
        in[0].set_requires_grad();
        Tape tape(context);
        std::vector<Tensor> same = in;
        same[5] = same[0];
        Tensor y = function(context, same, FireJoinOptions{.training = true});
        tape.backward(probe(context, y, spread_values(s.with(16), 801)));
        return to_array(context, in[0].grad());
    };
    expect_close(run(joined), run(one_after_the_other), 1e-5, "gradient of both");
}

TEST(FireJoin, AnEmptyBatch) {
    Context context(on_test_device());
    const Shapes s{{0, 2, 3, 4}, 4, 8, true};
    EXPECT_EQ(joined(context, tensors_of(context, values_for(s)), {}).shape(), (Shape{0, 2, 3, 4, 12}));
}

// Beside what comes in and the result, nothing of the tensors' size exists on a device; on the CPU the halves go once they were read.
TEST(FireJoin, HoldsNoMoreThanItNeeds) {
    Context context(on_test_device());
    const Shapes s{{1, 16, 32, 32}, 16, 16, true};
    std::vector<Tensor> in = tensors_of(context, values_for(s));
    const size_t half_bytes = in[0].bytes();
    FireJoinHalf one = half(in, 0), three = half(in, 5);
    Tensor bypass = in[10];
    in.clear();
    context.allocator().reset_high_water();
    const size_t before = context.allocator().in_use();  // four halves
    const Tensor y = fire_join(context, std::move(one), std::move(three), std::move(bypass), {.training = true});
    EXPECT_LT(context.allocator().high_water() - before, 2 * half_bytes + half_bytes / 2);
    EXPECT_LT(context.allocator().in_use(), before - half_bytes);
    EXPECT_EQ(y.bytes(), 2 * half_bytes);
}

TEST(FireJoin, RefusesWhatDoesNotFit) {
    Context context(on_test_device());
    const std::vector<Array> values = values_for({{2, 2, 3, 4}, 4, 8, true});
    const std::vector<Tensor> good = tensors_of(context, values);
    EXPECT_NO_THROW(joined(context, good, {}));
    for (const size_t i : {1u, 4u, 7u, 8u}) {
        std::vector<Tensor> in = good;
        in[i] = context.zeros({5});
        EXPECT_THROW(joined(context, in, {}), Error) << i;
    }
    for (const size_t i : {0u, 5u, 10u}) {
        std::vector<Tensor> in = good;
        in[i] = context.zeros({2, 2, 3, 5, in[i].size(4)});
        EXPECT_THROW(joined(context, in, {}), Error) << i;
        in[i] = context.zeros({2, 12, in[i].size(4)});
        EXPECT_THROW(joined(context, in, {}), Error) << i;
    }
    const std::vector<Tensor> single = tensors_of(context, values_for({{1, 1, 1, 1}, 4, 8, false}));
    EXPECT_NO_THROW(joined(context, single, {}));
    try {
        joined(context, single, {.training = true});
        FAIL() << "one value per channel";
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::input);
    }
}

}  // namespace cmtl::testing
