#pragma once
// What a training tells of an epoch: on the terminal, and to TensorBoard.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"
#include "training/tensorboard.hpp"

namespace cmtl {

struct EpochNote {
    int64_t epoch = 0, epochs = 0;
    double loss = 0;
    std::vector<double> tasks, weights;  // losses and drawn weights, by task
    double rate = 0;
    std::optional<double> auc;  // mean validation AUC of the last evaluation
};

// "epoch 3/80 loss 0.8312 (CT 0.512 x 0.31, NAT 0.671 x 0.42, Severity 0.9 x 0.27) lr 0.00492 AUC 0.871".
std::string text_of(const EpochNote& note, const std::vector<Task>& tasks);

// An epoch's line of metrics.jsonl as TensorBoard is to show it: train/loss, train/loss_CT, train/weight_CT, train/lr,
// val/mean_auc, val/auc_CT, val/loss_CT, val/accuracy_CT and so on.
Scalars scalars_of(const nlohmann::ordered_json& line);

}  // namespace cmtl
