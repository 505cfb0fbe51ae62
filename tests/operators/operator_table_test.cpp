// The checks that every row of the table of operator cases goes through.
#include "base/parallel.hpp"
#include "device.hpp"
#include "operators/operator_case.hpp"

namespace cmtl::testing {

namespace {

std::vector<Array> spread_inputs(const OperatorCase& c) {
    std::vector<Array> inputs;
    for (size_t i = 0; i < c.inputs.size(); ++i) {
        inputs.push_back(spread_values(c.inputs[i], 100 + i));
        if (c.adjust) c.adjust(i, inputs.back());
        for (double& v : inputs.back().values) v = static_cast<double>(static_cast<float>(v));
    }
    return inputs;
}

// Leaves blocks full of NaN where the next tensors of these sizes will lie: an element that nobody writes shows.
void poison(Context& context, const EngineRun& run) {
    std::vector<Tensor> blocks;
    const auto more = [&](const Array& a) {
        for (int copies = 0; copies < 3 && !a.empty(); ++copies)
            blocks.push_back(context.full(shape_of(a.sizes), std::numeric_limits<float>::quiet_NaN()));
    };
    more(run.y);
    for (const Array& g : run.gradients) more(g);
}

}  // namespace

TEST_P(Operator, ForwardAgreesWithItsDefinition) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    std::vector<Tensor> tensors;
    for (const Array& a : inputs) tensors.push_back(to_tensor(context, a));
    const Tensor y = c.run(context, tensors);
    EXPECT_FALSE(y.requires_grad());
    EXPECT_EQ(y.dtype(), Dtype::f32);
    expect_close(to_array(context, y), c.define(inputs), c.tolerance, "result");
}

TEST_P(ExactOperator, IsExactOnIntegers) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    std::vector<Array> inputs;
    for (size_t i = 0; i < c.inputs.size(); ++i) inputs.push_back(integer_values(c.inputs[i], 200 + i));
    const Array expected = c.define(inputs);
    const Array weight = integer_values(expected.sizes, 250);
    const EngineRun run = run_engine(context, c, inputs, weight, all_wanted(c));
    expect_same_bits(run.y, expected, "result");
    // In integers a central difference of step 1 is the derivative itself, without rounding.
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!c.wants_gradient(i)) continue;
        ASSERT_EQ(run.gradients[i].sizes, inputs[i].sizes) << "gradient of input " << i;
        for (uint64_t d = 0; d < 3; ++d) {
            const Array direction = integer_values(inputs[i].sizes, 300 + d);
            EXPECT_EQ(dot(run.gradients[i], direction), finite_difference(c, inputs, weight, i, direction, 1))
                << "gradient of input " << i << ", direction " << d;
        }
    }
}

TEST_P(Operator, GradientsAgreeWithFiniteDifferences) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    const Array weight = spread_values(c.define(inputs).sizes, 400);
    const EngineRun run = run_engine(context, c, inputs, weight, all_wanted(c));
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!c.wants_gradient(i)) {
            EXPECT_TRUE(run.gradients[i].empty()) << "input " << i;
            continue;
        }
        const Array& gradient = run.gradients[i];
        ASSERT_EQ(gradient.sizes, inputs[i].sizes) << "gradient of input " << i;
        const int64_t count = gradient.count();
        const double scale = largest(gradient);

        // Every element of small inputs, a sample of large ones.
        const int64_t stride = count <= 200 ? 1 : count / 11;
        for (int64_t at = 0; at < count; at += stride) {
            Array unit(inputs[i].sizes);
            unit[at] = 1;
            EXPECT_NEAR(gradient[at], finite_difference(c, inputs, weight, i, unit, c.step), 2 * c.tolerance * scale)
                << "gradient of input " << i << ", element " << at;
        }
        // All elements at once, in random directions.
        for (uint64_t d = 0; d < 3; ++d) {
            const Array direction = spread_values(inputs[i].sizes, 500 + d);
            double size = 0;
            for (int64_t at = 0; at < count; ++at) size += std::abs(gradient[at] * direction[at]);
            EXPECT_NEAR(dot(gradient, direction), finite_difference(c, inputs, weight, i, direction, c.step), c.tolerance * size)
                << "gradient of input " << i << ", direction " << d;
        }
    }
}

TEST_P(Operator, GivesTheSameBitsAgainInDirtyMemory) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    const Array weight = spread_values(c.define(inputs).sizes, 400);
    const EngineRun first = run_engine(context, c, inputs, weight, all_wanted(c));
    for (int again = 0; again < 2; ++again) {
        poison(context, first);
        const EngineRun second = run_engine(context, c, inputs, weight, all_wanted(c));
        expect_same_bits(second.y, first.y, "result");
        for (size_t i = 0; i < inputs.size(); ++i)
            expect_same_bits(second.gradients[i], first.gradients[i], "gradient of input " + std::to_string(i));
    }
}

TEST_P(Operator, AgreesOverNumbersOfThreads) {
    const OperatorCase& c = GetParam();
    const std::vector<Array> inputs = spread_inputs(c);
    const Array weight = spread_values(c.define(inputs).sizes, 400);
    const int before = omp_get_max_threads();
    std::vector<EngineRun> runs;
    Context shared(on_test_device());  // one context also serves callers that change the number of threads
    for (int threads : {1, 2, 3}) {
        set_threads(threads);
        Context own(on_test_device());
        runs.push_back(run_engine(own, c, inputs, weight, all_wanted(c)));
        runs.push_back(run_engine(shared, c, inputs, weight, all_wanted(c)));
    }
    set_threads(before);
    const auto agree = [&](const Array& a, const Array& b, const std::string& what) {
        if (c.same_bits_over_threads) expect_same_bits(a, b, what);
        else expect_close(a, b, c.tolerance, what);
    };
    for (size_t r = 1; r < runs.size(); ++r) {
        agree(runs[r].y, runs[0].y, "result");
        for (size_t i = 0; i < inputs.size(); ++i)
            agree(runs[r].gradients[i], runs[0].gradients[i], "gradient of input " + std::to_string(i));
    }
}

TEST_P(Operator, ComputesOnlyTheGradientsThatAreWanted) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    const Array weight = spread_values(c.define(inputs).sizes, 400);
    const EngineRun all = run_engine(context, c, inputs, weight, all_wanted(c));
    for (size_t only = 0; only < inputs.size(); ++only) {
        if (!c.wants_gradient(only)) continue;
        std::vector<bool> wanted(inputs.size(), false);
        wanted[only] = true;
        const EngineRun run = run_engine(context, c, inputs, weight, wanted);
        expect_same_bits(run.y, all.y, "result");
        for (size_t i = 0; i < inputs.size(); ++i) {
            if (i == only) expect_same_bits(run.gradients[i], all.gradients[i], "gradient of input " + std::to_string(i));
            else EXPECT_TRUE(run.gradients[i].empty()) << "input " << i << " got a gradient that nobody asked for";
        }
    }
}

TEST_P(Operator, RecordsNothingWithoutNeed) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    std::vector<Tensor> plain, leaves;
    for (size_t i = 0; i < inputs.size(); ++i) {
        plain.push_back(to_tensor(context, inputs[i]));
        leaves.push_back(to_tensor(context, inputs[i]));
        leaves.back().set_requires_grad(c.wants_gradient(i));
    }
    Tape tape(context);
    EXPECT_FALSE(c.run(context, plain).requires_grad());
    EXPECT_EQ(tape.entries(), 0u) << "no input requires a gradient";
    {
        NoGrad guard(context);
        c.run(context, leaves);
        EXPECT_EQ(tape.entries(), 0u) << "inside NoGrad";
    }
    c.run(context, leaves);
    EXPECT_GE(tape.entries(), 1u);
}

TEST_P(Operator, FreesWhatItSaved) {
    const OperatorCase& c = GetParam();
    Context context(on_test_device());
    const std::vector<Array> inputs = spread_inputs(c);
    const Array weight = spread_values(c.define(inputs).sizes, 400);
    run_engine(context, c, inputs, weight, all_wanted(c));
    EXPECT_EQ(context.allocator().in_use(), 0u) << "after backward";
    {
        std::vector<Tensor> leaves;
        for (size_t i = 0; i < inputs.size(); ++i) {
            leaves.push_back(to_tensor(context, inputs[i]));
            leaves.back().set_requires_grad(c.wants_gradient(i));
        }
        Tape tape(context);
        c.run(context, leaves);
    }
    EXPECT_EQ(context.allocator().in_use(), 0u) << "after a tape that was thrown away";
}

}  // namespace cmtl::testing
