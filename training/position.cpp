#include "training/position.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace cmtl {

using nlohmann::json;

json to_json(const Position& p) {
    return {{"step", p.step},
            {"epoch", p.epoch},
            {"batch", p.batch},
            {"loss_sum", p.loss_sum},
            {"task_sums", p.task_sums},
            {"weight_sums", p.weight_sums},
            {"norm_sum", p.norm_sum},
            {"best", std::isfinite(p.best) ? json(p.best) : json()},
            {"best_loss", std::isfinite(p.best_loss) ? json(p.best_loss) : json()},
            {"best_epoch", p.best_epoch},
            {"reference", std::isfinite(p.reference) ? json(p.reference) : json()},
            {"waited", p.waited},
            {"stopped", p.stopped},
            {"metrics_bytes", p.metrics_bytes}};
}

Position position_from_json(const json& json) {
    Position p;
    json.at("step").get_to(p.step);
    json.at("epoch").get_to(p.epoch);
    json.at("batch").get_to(p.batch);
    json.at("loss_sum").get_to(p.loss_sum);
    json.at("task_sums").get_to(p.task_sums);
    json.at("weight_sums").get_to(p.weight_sums);
    json.at("norm_sum").get_to(p.norm_sum);
    if (!json.at("best").is_null()) json.at("best").get_to(p.best);
    if (!json.at("best_loss").is_null()) json.at("best_loss").get_to(p.best_loss);
    json.at("best_epoch").get_to(p.best_epoch);
    if (!json.at("reference").is_null()) json.at("reference").get_to(p.reference);
    json.at("waited").get_to(p.waited);
    json.at("stopped").get_to(p.stopped);
    json.at("metrics_bytes").get_to(p.metrics_bytes);
    return p;
}

}  // namespace cmtl
