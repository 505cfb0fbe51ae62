// The learning rate against torch.optim.lr_scheduler (tests/oracles/schedule_oracle.py).
#include "training/schedule.hpp"

#include <gtest/gtest.h>

#include "oracles/golden.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

TEST(Schedule, IsTorchs) {
    const auto golden = nlohmann::json::parse(test::text_of(golden::path_of("schedule.json")));
    const auto per_epoch = golden.at("per_epoch").get<int64_t>();
    ASSERT_EQ(golden.at("cases").size(), 7u);
    for (const auto& [name, one] : golden.at("cases").items()) {
        SCOPED_TRACE(name);
        TrainConfig train;
        train.lr = golden.at("lr").get<double>();
        const auto& settings = one.at("settings");
        train.schedule = settings.at("schedule").get<std::string>();
        train.step_epochs = settings.value("step_epochs", train.step_epochs);
        train.step_factor = settings.value("step_factor", train.step_factor);
        train.warmup_epochs = settings.value("warmup_epochs", int64_t{0});
        const auto rates = one.at("rates").get<std::vector<double>>();
        const auto steps = static_cast<int64_t>(rates.size());
        for (int64_t step = 0; step < steps; ++step) {
            const double wanted = rates[static_cast<size_t>(step)];
            EXPECT_NEAR(learning_rate(train, step, steps, per_epoch), wanted, 1e-13 * train.lr) << step;
        }
    }
}

TEST(Schedule, ClimbsAsFarAsThereAreSteps) {
    TrainConfig train;
    train.warmup_epochs = 10;
    EXPECT_DOUBLE_EQ(learning_rate(train, 0, 4, 2), train.lr / 5);
    EXPECT_DOUBLE_EQ(learning_rate(train, 3, 4, 2), train.lr * 4 / 5);
}

}  // namespace
}  // namespace cmtl
