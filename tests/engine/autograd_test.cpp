#include "engine/autograd.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/linear.hpp"
#include "engine/operators/multitask_loss.hpp"

namespace cmtl {

namespace {

Tensor leaf(Context& context, float value) {
    Tensor t = context.full({1}, value);
    return t.set_requires_grad();
}

float value_of(const Tensor& t) { return t.data<float>()[0]; }

// k * x on one element, by hand: shows what backward hands to it.
Tensor times(Context& context, const Tensor& x, float k, int* runs = nullptr) {
    Tensor y = context.full({1}, k * value_of(x));
    record(context, "times", {x}, {&y}, [k, runs](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        if (runs) ++*runs;
        return std::vector<Tensor>{c.full({1}, k * value_of(dy[0]))};
    });
    return y;
}

template <class Call>
void expect_internal(Call&& call) {
    try {
        call();
        ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::internal);
        EXPECT_TRUE(std::string_view(e.what()).starts_with("[autograd] ")) << e.what();
    }
}

}  // namespace

TEST(Autograd, AddsUpOverSeveralUses) {
    Context context;
    Tensor x = leaf(context, 2);
    Tape tape(context);
    const Tensor a = times(context, x, 3), b = times(context, x, 5), c = add(context, times(context, a, 7), a);
    tape.backward(add(context, add(context, b, c), x));
    EXPECT_EQ(value_of(x.grad()), 5 + 3 * 7 + 3 + 1);
}

TEST(Autograd, AddsUpOverBackwardPasses) {
    Context context;
    Tensor x = leaf(context, 2);
    for (int pass = 1; pass <= 3; ++pass) {
        Tape tape(context);
        tape.backward(times(context, x, 3));
        EXPECT_EQ(value_of(x.grad()), 3.0f * static_cast<float>(pass));
    }
    x.clear_grad();
    EXPECT_FALSE(x.grad().defined());
    EXPECT_TRUE(x.requires_grad());
}

// A gradient that was handed out stays what it was when the leaf accumulates more.
TEST(Autograd, AGradientThatIsHeldElsewhereIsNotOverwritten) {
    Context context;
    Tensor x = leaf(context, 2);
    {
        Tape tape(context);
        tape.backward(times(context, x, 3));
    }
    const Tensor held = x.grad();
    {
        Tape tape(context);
        tape.backward(times(context, x, 3));
    }
    EXPECT_EQ(value_of(held), 3);
    EXPECT_EQ(value_of(x.grad()), 6);
}

TEST(Autograd, ATapeRunsBackwardsOnce) {
    Context context;
    Tensor x = leaf(context, 2);
    Tape tape(context);
    const Tensor loss = times(context, x, 3);
    tape.backward(loss);
    EXPECT_EQ(tape.entries(), 0u);
    expect_internal([&] { tape.backward(loss); });
    EXPECT_EQ(value_of(x.grad()), 3);
}

TEST(Autograd, SkipsWhatTheLossDoesNotDependOn) {
    Context context;
    Tensor x = leaf(context, 2), y = leaf(context, 3);
    int used = 0, unused = 0;
    Tape tape(context);
    const Tensor a = times(context, x, 3, &used);
    times(context, a, 5, &unused);
    times(context, y, 7, &unused);
    tape.backward(a);
    EXPECT_EQ(used, 1);
    EXPECT_EQ(unused, 0);
    EXPECT_EQ(value_of(x.grad()), 3);
    EXPECT_FALSE(y.grad().defined());
}

TEST(Autograd, TellsTheCalleeWhichGradientsAreWanted) {
    Context context;
    const Tensor constant = context.full({1}, 1);
    Tensor x = leaf(context, 2);
    std::vector<bool> seen;
    std::vector<bool> outputs_defined;
    Tape tape(context);
    Tensor first = context.full({1}, 0), second = context.full({1}, 0);
    record(context, "two", {constant, x, Tensor()}, {&first, &second},
           [&](Context& c, std::vector<Tensor> d, const std::vector<bool>& wanted) {
               seen = wanted;
               for (const Tensor& t : d) outputs_defined.push_back(t.defined());
               return std::vector<Tensor>{Tensor(), c.full({1}, 4), Tensor()};
           });
    tape.backward(second);
    EXPECT_EQ(seen, (std::vector<bool>{false, true, false}));
    EXPECT_EQ(outputs_defined, (std::vector<bool>{false, true}));
    EXPECT_EQ(value_of(x.grad()), 4);
}

TEST(Autograd, BrokenPromisesOfAnOperatorAreErrors) {
    Context context;
    for (int returned : {0, 1, 2}) {
        Tensor x = leaf(context, 2);
        Tape tape(context);
        Tensor y = context.full({1}, 0);
        record(context, "broken", {x}, {&y}, [returned](Context&, std::vector<Tensor>, const std::vector<bool>&) {
            return std::vector<Tensor>(static_cast<size_t>(returned));  // none, an undefined one, two
        });
        expect_internal([&] { tape.backward(y); });
    }
}

TEST(Autograd, WhatIsSavedIsFreedAsBackwardGoes) {
    Context context;
    Tensor x = leaf(context, 1);
    const int64_t elements = 1 << 16;
    size_t held_when_last_runs = 0;
    const size_t before = context.allocator().in_use();
    {
        Tape tape(context);
        Tensor y = x;
        for (int i = 0; i < 8; ++i) {
            Tensor next = context.full({1}, 0);
            record(context, "saving", {y}, {&next},
                   [saved = context.zeros({elements}), &held_when_last_runs](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
                       held_when_last_runs = c.allocator().in_use();
                       return std::vector<Tensor>{d[0]};
                   });
            y = next;
        }
        EXPECT_GE(context.allocator().in_use(), before + 8 * elements * 4);
        tape.backward(y);
        // The entry that ran last saw its own saved tensor alone.
        EXPECT_LT(held_when_last_runs, before + 2 * elements * 4);
        EXPECT_LT(context.allocator().in_use(), before + elements * 4);
    }
    x.clear_grad();
    EXPECT_EQ(context.allocator().in_use(), before);
}

TEST(Autograd, NothingIsRecordedWithoutATapeOrInsideNoGrad) {
    Context context;
    Tensor x = leaf(context, 2);
    EXPECT_FALSE(times(context, x, 3).requires_grad());
    Tape tape(context);
    {
        NoGrad guard(context);
        EXPECT_FALSE(times(context, x, 3).requires_grad());
        EXPECT_FALSE(recording(context, {&x}));
        EXPECT_EQ(tape.entries(), 0u);
    }
    EXPECT_TRUE(recording(context, {&x}));
    EXPECT_TRUE(times(context, x, 3).requires_grad());
    const Tensor constant = context.full({1}, 1);
    EXPECT_FALSE(recording(context, {&constant}));
    EXPECT_FALSE(times(context, constant, 3).requires_grad());
    EXPECT_EQ(tape.entries(), 1u);
}

TEST(Autograd, ADetachedTensorEndsTheChain) {
    Context context;
    Tensor x = leaf(context, 2);
    Tape tape(context);
    const Tensor y = times(context, x, 3);
    EXPECT_FALSE(times(context, y.detach(), 5).requires_grad());
}

TEST(Autograd, RefusesLossesItCannotStartFrom) {
    Context context;
    Tensor x = leaf(context, 2);
    Tensor wide = context.zeros({2});
    wide.set_requires_grad();
    Tape tape(context);
    expect_internal([&] { tape.backward(context.full({1}, 1)); });
    expect_internal([&] { tape.backward(relu(context, wide)); });
    expect_internal([&] { Tape second(context); });
    tape.backward(times(context, x, 3));
    EXPECT_EQ(value_of(x.grad()), 3);
}

TEST(Autograd, AnErrorInsideBackwardLeavesTheContextUsable) {
    Context context;
    Tensor x = leaf(context, 2);
    {
        Tape tape(context);
        Tensor y = context.full({1}, 0);
        record(context, "failing", {x}, {&y}, [](Context&, std::vector<Tensor>, const std::vector<bool>&) -> std::vector<Tensor> {
            fail(ErrorKind::resource, "failing", "no memory");
        });
        EXPECT_THROW(tape.backward(y), Error);
    }
    x.clear_grad();
    Tape tape(context);
    tape.backward(times(context, x, 3));
    EXPECT_EQ(value_of(x.grad()), 3);
}

// A step of a real chain: the tape holds one entry per operator, none for what only touches the data.
TEST(Autograd, OneEntryPerOperator) {
    Context context;
    const Tensor data = context.full({4, 3}, 1);
    Tensor weight = context.full({2, 3}, 0.5f), bias = context.zeros({2});
    weight.set_requires_grad();
    bias.set_requires_grad();
    Tape tape(context);
    const Tensor prepared = relu(context, add(context, data, data));
    EXPECT_EQ(tape.entries(), 0u);
    const Tensor y = relu(context, linear(context, prepared, weight, bias));
    EXPECT_EQ(tape.entries(), 2u);
    EXPECT_TRUE(y.requires_grad());
    EXPECT_FALSE(data.grad().defined());
}

}  // namespace cmtl
