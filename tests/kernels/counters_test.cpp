// What the hot kernels move is held: on which bytes, how many sectors their requests touch, and which bank conflicts
// they have.
#if defined(CMTL_SIMT_COUNTED) && !defined(__clang__)  // whose vectors are split: see kernels/simt/instrument.hpp

#include <gtest/gtest.h>

#include "bench/counters/cases.hpp"

namespace cmtl::kernels {

static void PrintTo(const CounterCase& each, std::ostream* out) { *out << each.name; }

namespace {

class Counters : public testing::TestWithParam<CounterCase> {};

TEST_P(Counters, StayWithinTheirLimits) {
    for (const CounterRow& row : run_case(GetParam())) {
        SCOPED_TRACE(row.minimum.kernel + ", " + rows_text({row}));
        // Weights that were converted before, partial sums and tables: at most a quarter more or less than the formula.
        EXPECT_GT(row.touched(), 0.74 * static_cast<double>(row.minimum.bytes));
        EXPECT_LT(row.touched(), 1.25 * static_cast<double>(row.minimum.bytes));
        EXPECT_LE(row.ratio(), row.minimum.most_moved);
        if (row.minimum.reason.empty()) {
            EXPECT_GE(row.efficiency(), 0.9);
            EXPECT_EQ(row.conflicts(), 0);
        } else {
            EXPECT_TRUE(row.efficiency() < 0.9 || row.conflicts() > 0) << "the reason given is not needed any more";
            EXPECT_LT(row.conflicts(), row.minimum.most_conflicts);
        }
        EXPECT_LE(row.atomics(row.counters.traffic.global_atomics), row.minimum.most_atomics);
    }
}

std::string test_name(const testing::TestParamInfo<CounterCase>& info) {
    std::string name;
    for (bool upper = true; const char c : info.param.name) {
        if (std::isalnum(static_cast<unsigned char>(c))) name += upper ? static_cast<char>(std::toupper(c)) : c;
        upper = !std::isalnum(static_cast<unsigned char>(c));
    }
    return name;
}
INSTANTIATE_TEST_SUITE_P(Kernels, Counters, testing::ValuesIn(counter_cases()), test_name);

// Figures that follow from the sizes alone.
TEST(CounterFigures, AreExact) {
    const auto all = counter_cases();
    const auto row = [&](const char* name) {
        for (const CounterCase& each : all)
            if (each.name == name) return run_case(each).front();
        ADD_FAILURE() << name;
        return CounterRow{};
    };
    for (const char* name : {"relu forward", "relu backward", "add", "copy of columns", "f32 to bf16", "dropout",
                             "dropout of channels", "triad", "SGD step"}) {
        const CounterRow r = row(name);
        EXPECT_EQ(r.moved(), static_cast<uint64_t>(r.minimum.bytes)) << name;
        EXPECT_EQ(r.touched(), static_cast<uint64_t>(r.minimum.bytes)) << name;
    }
    const CounterRow add = row("add");
    EXPECT_EQ(add.counters.traffic.loads.requests, 2u * 782);  // 25000 vectors of 16 bytes, 32 at a time, the last 8
    EXPECT_EQ(add.counters.traffic.stores.requests, 782u);
    // 600 positions, 27 taps of 32 channels, 64 outputs; a tile of 128 positions multiplies all of it.
    const CounterRow expand = row("expand, bf16");
    EXPECT_EQ(expand.counters.tensor_flops, 2u * 640 * 27 * 32 * 64);
}

}  // namespace
}  // namespace cmtl::kernels

#endif
