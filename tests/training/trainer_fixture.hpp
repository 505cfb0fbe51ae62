#pragma once
// Trainings on a made-up table of features, whole and with deaths in between.
#include <nlohmann/json.hpp>

#include "training/request.hpp"
#include "training/trainer.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl::test {

// The lines of metrics.jsonl.
inline std::vector<nlohmann::json> metrics(const fs::path& run) {
    std::istringstream lines(text_of(run / "metrics.jsonl"));
    std::vector<nlohmann::json> out;
    for (std::string line; std::getline(lines, line);) out.push_back(nlohmann::json::parse(line));
    return out;
}

struct FeatureTraining : testing::Test {
    Folder folder;
    TrainRequest request;
    // 48 training cases: 5 batches of 10 per epoch.
    const std::vector<std::string> base{"train.epochs=6", "train.lr=0.05", "train.batch_size=10", "train.select=best",
                                        "model.dropout=0.3"};
    void SetUp() override {
        write_feature_cohort(folder, 60);
        request.manifest = folder / "labels.csv";
        request.features = folder / "features.csv";
        request.run = folder / "run";
        request.settings = base;
        request.quiet = true;
        request.seed = 3;
    }
    TrainOutcome train_now() { return train(make_job(request)); }
    void set(const std::string& setting) { request.settings.push_back(setting); }
};

struct Killed {};

// Trains, dies after each of these steps, goes on.
inline void train_with_deaths(TrainRequest request, const std::vector<int64_t>& deaths) {
    for (const int64_t last : deaths) {
        TrainJob job = make_job(request);
        job.after_step = [last](int64_t step) {
            if (step == last) throw Killed{};
        };
        EXPECT_THROW(train(std::move(job)), Killed) << last;
        request.resume = true;
    }
    train(make_job(request));
}

inline void expect_same_run(const fs::path& a, const fs::path& b) {
    for (const char* name : {"checkpoints/latest.safetensors", "checkpoints/best.safetensors"})
        EXPECT_TRUE(data_of(a / name) == data_of(b / name)) << name;
    for (const char* name : {"metrics.jsonl", "predictions_val.csv"})
        EXPECT_EQ(text_of(a / name), text_of(b / name)) << name;
}

}  // namespace cmtl::test
