#include "training/schedule.hpp"

#include <algorithm>
#include <cmath>

#include "engine/optimiser.hpp"

namespace cmtl {

namespace {
// How often the rate has fallen before this epoch.
int64_t falls(const std::vector<int64_t>& epochs, int64_t epoch) {
    if (epochs.size() == 1) return epoch / epochs[0];
    return std::count_if(epochs.begin(), epochs.end(), [&](int64_t at) { return at <= epoch; });
}
}  // namespace

double learning_rate(const TrainConfig& train, int64_t step, int64_t steps, int64_t per_epoch) {
    const int64_t warmup = std::min(train.warmup_epochs * per_epoch, steps);
    const double climb = step < warmup ? static_cast<double>(step + 1) / static_cast<double>(warmup + 1) : 1;
    if (train.schedule == "cosine")
        return climb < 1 ? climb * train.lr : cosine_schedule(train.lr, step - warmup, steps - warmup);
    if (train.schedule == "step")
        return climb * train.lr *
               std::pow(train.step_factor, static_cast<double>(falls(train.step_epochs, step / per_epoch)));
    return climb * train.lr;
}

}  // namespace cmtl
