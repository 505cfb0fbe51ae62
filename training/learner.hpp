#pragma once
// A network with its loss and its optimiser: the part of training that knows tensors.
#include <cstdint>
#include <vector>

#include "engine/context.hpp"
#include "engine/gpu/step_graph.hpp"
#include "engine/optimiser.hpp"
#include "nets/covid_mtl.hpp"
#include "nets/losses.hpp"
#include "nets/transfer.hpp"
#include "pipeline/model_file.hpp"
#include "training/config.hpp"
#include "training/dataset.hpp"

namespace cmtl {

// Sums over micro-batches (with train.accumulate = 1: over optimiser steps).
struct LossSums {
    double total = 0;
    std::vector<double> tasks{};    // mean cross-entropy over the known labels
    std::vector<double> weights{};  // of the tasks
    int64_t batches = 0;
    double gradient_norms = 0;  // over optimiser steps, before clipping; 0 without train.clip_norm
};

// Which of an optimiser step's micro-batches a batch is.
struct MicroBatch {
    int64_t index = 0, count = 1;
};

class Learner {
  public:
    // Fresh weights, keyed by seed, which also keys dropout, Shift3D and the loss weights. The context's compute type
    // is the caller's to choose (compute_type()).
    Learner(Context& context, const Config& config, uint64_t seed, const ClassWeights& class_weights = {});

    // Enqueues one optimiser step, number `step` (from 0), at this learning rate; on a GPU it returns before that ran,
    // and a step of the same shapes as the one before replays a recorded graph. volume (N, D, H, W, 1) and features (N,
    // F), the one the model lacks undefined; labels as labels_of() makes them. A loss that is not finite stops all
    // further updates: see sums(). With train.accumulate > 1 a step is several calls, its micro-batches in order, and
    // the last of them moves the weights along the mean of their gradients.
    void step(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, int64_t step,
              double learning_rate, const MicroBatch& micro = {});
    void step(const Batch& batch, const std::array<int64_t, 3>& crop, int64_t step, double learning_rate,
              const MicroBatch& micro = {});
    // labels[k][n], -1 unknown, on the device. Throws Error(input) for one out of range.
    std::vector<Tensor> labels_of(const std::vector<std::vector<int64_t>>& labels);

    // Sums start at these again; the next step is number `step`.
    void begin_sums(int64_t step, const LossSums& sums = {});
    // Sums over the batches since then; waits for the device. Throws Error(input) naming the step when a loss was not
    // finite; the weights are those before that step.
    LossSums sums();

    // probabilities[k][n * classes + c], in evaluation mode.
    std::vector<std::vector<double>> probabilities(const Batch& batch, const std::array<int64_t, 3>& crop);

    const CovidMtl& net() const { return net_; }
    // The network's weights, the optimiser's state, the loss's own parameters; in this order in a checkpoint.
    NamedTensors state() const;
    // Takes back what a checkpoint holds; throws Error(input) naming the file when it belongs to another model.
    void restore(const ModelFile& file);
    // The network's weights alone, all of them.
    void load(const ModelFile& file);
    // Those that fit (--init): transfer_weights().
    Transfer transfer(const ModelFile& file);

  private:
    Tensor volume_of(const Batch& batch, const std::array<int64_t, 3>& crop);
    Tensor device_input(const Batch& batch, const std::array<int64_t, 3>& crop);
    Tensor features_of(const Batch& batch);
    void process(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, uint64_t step,
                 double learning_rate);
    void enqueue(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, uint64_t step,
                 double learning_rate);

    Context& context_;
    uint64_t seed_;
    CovidMtl net_;
    MultitaskLoss loss_;
    std::unique_ptr<Optimiser> optimiser_;
    int64_t accumulate_;  // micro-batches of a step that is not the last of an epoch
    Shift3dOptions shift_;
    Tensor tracker_;             // track_losses()
    int64_t first_step_ = 0;     // of the tracker
    double learning_rate_ = 0;   // of the last step
    std::vector<Tensor> seen_;   // inputs of the last step, for their shapes: a graph is recorded when they come twice
    std::unique_ptr<StepGraph> graph_;
};

// train.precision as a context takes it.
Dtype compute_type(const Config& config);

}  // namespace cmtl
