#pragma once
// A network with its loss and its optimiser: the part of training that knows tensors.
#include <cstdint>
#include <vector>

#include "engine/context.hpp"
#include "engine/optimiser.hpp"
#include "nets/covid_mtl.hpp"
#include "nets/losses.hpp"
#include "pipeline/model_file.hpp"
#include "training/config.hpp"
#include "training/dataset.hpp"

namespace cmtl {

class Learner {
  public:
    // Fresh weights, keyed by seed, which also keys dropout, Shift3D and the loss weights.
    Learner(Context& context, const Config& config, uint64_t seed);

    struct Losses {
        double total = 0;
        std::vector<double> tasks;    // mean cross-entropy over the known labels
        std::vector<double> weights;  // of the tasks in this step
    };
    // One optimiser step, number `step` (from 0), at this learning rate. volume (N, D, H, W, 1) and features (N, F),
    // the one the model lacks undefined; labels[k][n], -1 unknown. Throws Error(input) naming the step when the loss is
    // not finite; the weights are those before the step then.
    Losses step(const Tensor& volume, const Tensor& features, const std::vector<std::vector<int64_t>>& labels,
                int64_t step, double learning_rate);
    Losses step(const Batch& batch, const std::array<int64_t, 3>& crop, int64_t step, double learning_rate);

    // probabilities[k][n * classes + c], in evaluation mode.
    std::vector<std::vector<double>> probabilities(const Batch& batch, const std::array<int64_t, 3>& crop);

    const CovidMtl& net() const { return net_; }
    // The network's weights, the momentum, the loss's own parameters; in this order in a checkpoint.
    NamedTensors state() const;
    // Takes back what a checkpoint holds; throws Error(input) naming the file when it belongs to another model.
    void restore(const ModelFile& file);
    // The network's weights alone (--init).
    void load(const ModelFile& file);

  private:
    Tensor volume_of(const Batch& batch, const std::array<int64_t, 3>& crop);
    Tensor features_of(const Batch& batch);

    Context& context_;
    uint64_t seed_;
    CovidMtl net_;
    MultitaskLoss loss_;
    Sgd optimiser_;
};

}  // namespace cmtl
