#pragma once
// The learning rate, step by step.
#include <cstdint>

#include "training/config.hpp"

namespace cmtl {

// The rate of step `step` (from 0) of `steps`, of which an epoch has `per_epoch`. constant: train.lr. cosine: to 0 over
// all steps. step: times train.step_factor after every train.step_epochs epochs, or at each of them where there are
// several. With train.warmup_epochs the first W steps of so many epochs climb, (step + 1) / (W + 1) of the rate; a
// cosine begins after them, steps of `step` count from the first epoch. Agrees with torch.optim.lr_scheduler:
// LinearLR(start_factor=1/(W+1), total_iters=W), by SequentialLR in front of CosineAnnealingLR, by ChainedScheduler
// times StepLR or MultiStepLR.
double learning_rate(const TrainConfig& train, int64_t step, int64_t steps, int64_t per_epoch);

}  // namespace cmtl
