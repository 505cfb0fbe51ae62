#pragma once
// Training on one batch of ready-made tensors, for comparisons with other programs.
#include <cstdint>
#include <filesystem>

#include "training/request.hpp"

namespace cmtl {

struct TensorTraining {
    std::filesystem::path tensors;  // `volume` (N,1,D,H,W) f32, `features` (N,F) f32, `labels_TASK` (N) i64, -1 unknown
    std::filesystem::path init;     // weights; empty: fresh ones
    std::filesystem::path save;     // weights after the last step
    int64_t steps = 1;
};

// `steps` optimiser steps on the whole batch. The model's form is that of `init`, with dropout, Shift3D, loss and
// optimiser of the request's settings; train.batch_size, where it was set, must be N. Prints the loss of each step
// unless quiet. Throws Error(input) for absent or misshapen tensors, naming file, tensor and shape.
void train_on_tensors(const TensorTraining& job, const TrainRequest& request);

}  // namespace cmtl
