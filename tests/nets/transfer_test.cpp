// Weights taken out of models of other forms.
#include "nets/transfer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "device.hpp"

namespace cmtl {
namespace {

ModelOptions options(std::vector<Task> tasks, int64_t features = 20, bool volume = false) {
    ModelOptions o;
    o.tasks = std::move(tasks);
    o.volume = volume;
    o.feature_count = features;
    return o;
}

const Task ct{"CT", 2}, nat{"NAT", 2}, severity{"Severity", 3};

struct Nets {
    Context context{on_test_device()};
    std::vector<float> values(const NamedTensors& weights, const std::string& name) {
        for (const auto& [key, value] : weights)
            if (key == name) return context.host().to_vector<float>(value);
        ADD_FAILURE() << name;
        return {};
    }
    std::vector<float> values(const CovidMtl& net, const std::string& name) {
        return values(weights_of(context, net), name);
    }
};

bool mentions(const std::vector<std::string>& lines, const std::string& part) {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

TEST(Transfer, TakesAllOfTheSameModel) {
    Nets n;
    for (const bool volume : {false, true}) {
        const ModelOptions form = options({ct, nat, severity}, 20, volume);
        const CovidMtl from(n.context, form, 1), to(n.context, form, 2);
        const NamedTensors file = weights_of(n.context, from);
        const Transfer t = transfer_weights(n.context, to, form.tasks, file, &form.tasks, "m");
        EXPECT_EQ(t.taken, file.size());
        EXPECT_EQ(t.tensors, file.size());
        EXPECT_TRUE(t.fresh.empty() && t.unused.empty());
        EXPECT_EQ(t.text(), fmt::format("took {0} of {0} tensors", file.size()));
        for (const auto& [name, value] : file) EXPECT_EQ(n.values(to, name), n.values(file, name)) << name;
    }
}

TEST(Transfer, HeadsFollowTheNamesOfTheirTasks) {
    Nets n;
    const ModelOptions there = options({ct, nat, severity}), here = options({severity, {"Death", 2}, ct});
    const CovidMtl from(n.context, there, 1), to(n.context, here, 2);
    const NamedTensors file = weights_of(n.context, from), fresh = weights_of(n.context, to);
    const Transfer t = transfer_weights(n.context, to, here.tasks, file, &there.tasks, "m");
    EXPECT_EQ(n.values(to, "classifier1.1.weight"), n.values(file, "classifier3.1.weight"));
    EXPECT_EQ(n.values(to, "classifier2.1.weight"),
              n.values(fresh, "classifier2.1.weight"));  // although the shape of NAT's fits
    EXPECT_EQ(n.values(to, "classifier3.1.weight"), n.values(file, "classifier1.1.weight"));
    EXPECT_EQ(n.values(to, "radioFNN.features.0.weight"), n.values(file, "radioFNN.features.0.weight"));
    EXPECT_EQ(t.taken, t.tensors - 2);
    ASSERT_EQ(t.fresh.size(), 2u);
    EXPECT_EQ(t.fresh[0], "classifier2.1.weight (no head of this task in the file)");
    EXPECT_EQ(t.unused, (std::vector<std::string>{"classifier2.1.bias", "classifier2.1.weight"}));
}

TEST(Transfer, ABareStateDictGoesByNumber) {
    Nets n;
    const ModelOptions there = options({ct, nat, severity}), here = options({severity, nat});
    const CovidMtl from(n.context, there, 1), to(n.context, here, 2);
    const NamedTensors file = weights_of(n.context, from), fresh = weights_of(n.context, to);
    const Transfer t = transfer_weights(n.context, to, here.tasks, file, nullptr, "m");
    EXPECT_EQ(n.values(to, "classifier1.1.weight"),
              n.values(fresh, "classifier1.1.weight"));  // three classes, the file has two
    EXPECT_EQ(n.values(to, "classifier2.1.weight"), n.values(file, "classifier2.1.weight"));
    EXPECT_TRUE(mentions(t.fresh, "classifier1.1.weight (3x32, the file has 2x32)")) << t.text();
    EXPECT_TRUE(mentions(t.unused, "classifier3.1.weight"));
}

TEST(Transfer, AClassMoreLeavesTheRestOfTheHead) {
    Nets n;
    const ModelOptions there = options({ct}, 20, true), here = options({{"CT", 3}}, 20, true);
    const CovidMtl from(n.context, there, 1), to(n.context, here, 2);
    const NamedTensors file = weights_of(n.context, from);
    const Transfer t = transfer_weights(n.context, to, here.tasks, file, &there.tasks, "m");
    EXPECT_EQ(t.fresh.size(), 2u) << t.text();
    EXPECT_TRUE(mentions(t.fresh, "classifier1.1.weight (3x64, the file has 2x64)")) << t.text();
    EXPECT_EQ(n.values(to, "classifier1_.1.weight"), n.values(file, "classifier1_.1.weight"));
}

TEST(Transfer, OneBranchOfTwo) {
    Nets n;
    const ModelOptions there = options({ct, nat}, 20, false), here = options({ct, nat}, 20, true);
    const CovidMtl from(n.context, there, 1), to(n.context, here, 2);
    const NamedTensors file = weights_of(n.context, from), fresh = weights_of(n.context, to);
    const Transfer t = transfer_weights(n.context, to, here.tasks, file, &there.tasks, "m");
    EXPECT_EQ(n.values(to, "radioFNN.classifier.weight"), n.values(file, "radioFNN.classifier.weight"));
    EXPECT_EQ(n.values(to, "features.convbn.0.weight"), n.values(fresh, "features.convbn.0.weight"));
    EXPECT_TRUE(mentions(t.fresh, "features.convbn.0.weight (not in the file)"));
}

TEST(Transfer, NothingInCommonIsAnError) {
    Nets n;
    const ModelOptions here = options({ct});
    const CovidMtl to(n.context, here, 2);
    const NamedTensors before = weights_of(n.context, to);
    const NamedTensors file{{"encoder.weight", n.context.host().zeros({3, 3})},
                            {"radioFNN.features.0.weight", n.context.host().zeros({9, 9})}};
    try {
        transfer_weights(n.context, to, here.tasks, file, nullptr, "other.safetensors");
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        EXPECT_NE(std::string(error.what()).find("other.safetensors: none of its 2 tensors"), std::string::npos)
            << error.what();
    }
    for (const auto& [name, value] : before) EXPECT_EQ(n.values(to, name), n.values(before, name));
}

}  // namespace
}  // namespace cmtl
