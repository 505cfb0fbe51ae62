#include "engine/implementation.hpp"

#include <gtest/gtest.h>

namespace cmtl {

namespace {

struct Problem {
    int size;
    std::string text() const { return fmt::format("size {}", size); }
};

using Candidate = Implementation<Problem, std::string&>;

Candidate candidate(std::string_view name, int largest) {
    return {name,
            [largest](const Context&, const Problem& p) {
                return p.size <= largest ? Refusal{} : fmt::format("more than {}", largest);
            },
            [name](Context&, const Problem&, std::string& ran) { ran += name; }};
}

const std::vector<Candidate> list{candidate("small", 10), candidate("medium", 100), candidate("large", 1000)};

}  // namespace

TEST(Implementation, TheFirstThatSupportsTheProblemRuns) {
    Context context;
    for (const auto& [size, name] : {std::pair{5, "small"}, {10, "small"}, {11, "medium"}, {500, "large"}}) {
        std::string ran;
        run_first(context, "test", list, Problem{size}, ran);
        EXPECT_EQ(ran, name) << size;
    }
}

TEST(Implementation, NoneLeftIsAnErrorWithEveryReason) {
    Context context;
    std::string ran;
    try {
        run_first(context, "test", list, Problem{5000}, ran);
        ADD_FAILURE() << ran << " ran";
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::internal);
        const std::string text = e.what();
        EXPECT_TRUE(text.starts_with("[test] ")) << text;
        for (const char* part : {"on cpu", "size 5000", "small: more than 10", "medium: more than 100", "large: more than 1000"})
            EXPECT_NE(text.find(part), std::string::npos) << text;
    }
    EXPECT_TRUE(ran.empty());
}

TEST(Implementation, TheVerboseLineSaysChoiceProblemAndRefusals) {
    Context context({.verbose = true});
    std::string ran;
    ::testing::internal::CaptureStderr();
    run_first(context, "test", list, Problem{50}, ran);
    const std::string line = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(line.starts_with("cmtl: test medium size 50")) << line;
    EXPECT_NE(line.find("small: more than 10"), std::string::npos) << line;
    EXPECT_EQ(line.find("large"), std::string::npos) << line;
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);

    Context quiet;
    ::testing::internal::CaptureStderr();
    run_first(quiet, "test", list, Problem{50}, ran);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Implementation, OnlyOnNamesItsDevice) {
    Context context;
    EXPECT_EQ(only_on(context, Device::Kind::cpu, "cpu"), "");
    EXPECT_NE(only_on(context, Device::Kind::cuda, "cuda").find("cuda"), std::string::npos);
}

}  // namespace cmtl
