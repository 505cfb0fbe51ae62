#include "training/learner.hpp"

#include <cmath>

#include "base/error.hpp"
#include "engine/autograd.hpp"

namespace cmtl {

namespace {
NamedTensors trainable(const CovidMtl& net, const MultitaskLoss& loss) {
    NamedTensors out;
    for (const Module* module : {static_cast<const Module*>(&net), static_cast<const Module*>(&loss)})
        for (const Parameter& parameter : module->parameters())
            if (parameter.trainable) out.emplace_back(parameter.name, parameter.value);
    return out;
}
}  // namespace

Learner::Learner(Context& context, const Config& config, uint64_t seed)
    : context_(context),
      seed_(seed),
      net_(context, config.model, seed),
      loss_(context, config.loss, static_cast<int64_t>(config.model.tasks.size())),
      optimiser_(context, trainable(net_, loss_),
                 {.momentum = config.train.momentum,
                  .weight_decay = config.train.weight_decay,
                  .nesterov = config.train.nesterov}) {}

Learner::Losses Learner::step(const Tensor& volume, const Tensor& features,
                              const std::vector<std::vector<int64_t>>& labels, int64_t step, double learning_rate) {
    const Pass pass{context_, true, seed_, static_cast<uint64_t>(step)};
    Losses losses;
    Tape tape(context_);
    const auto result = loss_(pass, net_.forward(pass, volume, features), labels);
    losses.total = context_.to_vector<float>(result.total)[0];
    for (const Tensor& task : result.tasks) losses.tasks.push_back(context_.to_vector<float>(task)[0]);
    losses.weights = result.weights;
    if (!std::isfinite(losses.total))
        fail(ErrorKind::input, "train",
             "the loss became {} in step {}: lower train.lr (it is {} in this step), or look for extreme values in the "
             "input",
             losses.total, step + 1, learning_rate);
    tape.backward(result.total);
    optimiser_.step(learning_rate);
    optimiser_.clear_gradients();
    return losses;
}

Learner::Losses Learner::step(const Batch& batch, const std::array<int64_t, 3>& crop, int64_t number,
                              double learning_rate) {
    return step(volume_of(batch, crop), features_of(batch), batch.labels, number, learning_rate);
}

Tensor Learner::volume_of(const Batch& batch, const std::array<int64_t, 3>& crop) {
    if (batch.volume.empty()) return {};
    return context_.from<float>({static_cast<int64_t>(batch.cases.size()), crop[0], crop[1], crop[2], 1}, batch.volume);
}

Tensor Learner::features_of(const Batch& batch) {
    if (batch.features.empty()) return {};
    const auto n = static_cast<int64_t>(batch.cases.size());
    return context_.from<float>({n, static_cast<int64_t>(batch.features.size()) / n}, batch.features);
}

std::vector<std::vector<double>> Learner::probabilities(const Batch& batch, const std::array<int64_t, 3>& crop) {
    const NoGrad quiet(context_);
    const Pass pass{context_, false, seed_, 0};
    std::vector<std::vector<double>> out;
    for (const Tensor& logits : net_.forward(pass, volume_of(batch, crop), features_of(batch)))
        out.push_back(class_probabilities(context_, logits));
    return out;
}

NamedTensors Learner::state() const {
    NamedTensors state = weights_of(context_, net_);
    for (auto& entry : optimiser_.state()) state.push_back(std::move(entry));
    for (auto& entry : weights_of(context_, loss_)) state.push_back(std::move(entry));
    return state;
}

void Learner::load(const ModelFile& file) { load_weights(context_, net_, file.weights, file.source); }

void Learner::restore(const ModelFile& file) {
    load(file);
    optimiser_.restore(file.other);
    NamedTensors loss;
    for (const auto& entry : file.other)
        if (entry.first.rfind("loss.", 0) == 0) loss.push_back(entry);
    load_weights(context_, loss_, loss, file.source);
}

}  // namespace cmtl
