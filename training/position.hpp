#pragma once
#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace cmtl {

// Where a training stands; with weights and momentum all that a resumed run needs.
struct Position {
    int64_t step = 0;   // optimiser steps done
    int64_t epoch = 0;  // the epoch that the next step belongs to
    int64_t batch = 0;  // its first batch within the epoch
    double loss_sum = 0;
    std::vector<double> task_sums, weight_sums;  // over the epoch's batches so far
    double norm_sum = 0;                         // of gradients, over the epoch's steps so far
    double best = -std::numeric_limits<double>::infinity();
    double best_loss = std::numeric_limits<double>::infinity();  // where several evaluations reach `best`
    int64_t best_epoch = -1;
    double reference = -std::numeric_limits<double>::infinity();  // what an evaluation must exceed by train.min_delta
    int64_t waited = 0;    // evaluations in a row that did not
    bool stopped = false;  // as many as train.patience: no epoch follows
    uint64_t metrics_bytes = 0;
};

nlohmann::json to_json(const Position& position);
// Throws json::exception where something is missing.
Position position_from_json(const nlohmann::json& json);

}  // namespace cmtl
