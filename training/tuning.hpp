#pragma once
// Settings chosen on training cases alone.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/trainer.hpp"

namespace cmtl {

struct TuningPlan {
    std::filesystem::path file;
    int folds = 5;                           // of the cross-validation that scores a candidate
    std::vector<nlohmann::json> candidates;  // settings over those of the job: {"train.lr": 0.02, "model.dropout": 0.1}
};

// A JSON list of candidates, or {"folds": 5, "candidates": [...]}. Every candidate is tried on `config` at once.
// Throws Error(usage) naming the file and the candidate with an unknown or wrong setting, one of model.tasks or preset,
// and for an empty list.
TuningPlan read_tuning_plan(const std::filesystem::path& file, const Config& config);

// `config` with a candidate's settings.
Config with_candidate(const Config& config, const nlohmann::json& candidate, const std::string& source);

struct CandidateScore {
    double score = 0;             // mean over tasks and inner folds of the AUC
    std::vector<double> by_task;  // mean over the inner folds
    std::string key;              // of all that the score depends on
};

struct Tuned {
    bool interrupted = false;
    size_t chosen = 0;
    Config config;
    std::vector<CandidateScore> scores;  // by candidate
};

// Scores every candidate by cross-validation over the job's training cases (Split::train; nobody else's labels or
// features are looked at) and chooses the best, of equals the first. Leaves run/tuning.csv:
// `candidate,settings,score,TASK,...,chosen,key`; while it works also run/tuning. Scores that the file has already are
// not computed again; settings, seed, cohort and features are part of a row's key.
Tuned tune(const TrainJob& job, const TuningPlan& plan);

// "candidate 3 of 8 {"train.lr":0.02}: AUC 0.8123 within the training cases"
std::string tuning_line(const Tuned& tuned, const TuningPlan& plan);

}  // namespace cmtl
