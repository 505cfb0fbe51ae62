#include "training/learner.hpp"

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "engine/gpu/target.hpp"
#include "engine/operators/multitask_loss.hpp"
#include "engine/operators/shift3d.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"

namespace cmtl {

namespace {
NamedTensors trainable(const CovidMtl& net, const MultitaskLoss& loss) {
    NamedTensors out;
    for (const Module* module : {static_cast<const Module*>(&net), static_cast<const Module*>(&loss)})
        for (const Parameter& parameter : module->parameters())
            if (parameter.trainable) out.emplace_back(parameter.name, parameter.value);
    return out;
}

std::unique_ptr<Optimiser> make_optimiser(Context& context, const TrainConfig& train, NamedTensors parameters) {
    std::unique_ptr<Optimiser> optimiser;
    if (train.optimiser == "adamw")
        optimiser = std::make_unique<AdamW>(
            context, std::move(parameters),
            AdamWOptions{.betas = train.betas, .epsilon = train.eps, .weight_decay = train.weight_decay});
    else
        optimiser = std::make_unique<Sgd>(
            context, std::move(parameters),
            SgdOptions{.momentum = train.momentum, .weight_decay = train.weight_decay, .nesterov = train.nesterov});
    optimiser->set_clip_norm(train.clip_norm);
    return optimiser;
}
}  // namespace

Dtype compute_type(const Config& config) { return config.train.precision == "bf16" ? Dtype::bf16 : Dtype::f32; }

Learner::Learner(Context& context, const Config& config, uint64_t seed, const ClassWeights& class_weights)
    : context_(context),
      seed_(seed),
      net_(context, config.model, seed),
      loss_(context, config.loss, static_cast<int64_t>(config.model.tasks.size()), class_weights),
      optimiser_(make_optimiser(context, config.train, trainable(net_, loss_))),
      accumulate_(config.train.accumulate),
      shift_(config.model.shift3d),
      tracker_(context.zeros({3 + 2 * static_cast<int64_t>(config.model.tasks.size())}, Dtype::f64)) {}

void Learner::step(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, int64_t step,
                   double learning_rate, const MicroBatch& micro) {
    require(micro.index >= 0 && micro.index < micro.count && micro.count <= accumulate_, "learner",
            "micro-batch {} of {}, but a step has up to {}", micro.index, micro.count, accumulate_);
    learning_rate_ = learning_rate;
    const uint64_t number = micro_step(static_cast<uint64_t>(step), static_cast<uint64_t>(micro.index));
    // The gradients of a step in parts stay in the same tensors, so that one recording serves all its micro-batches.
    if (accumulate_ > 1 && micro.index == 0) optimiser_->zero_gradients();
    process(volume, features, labels, number, learning_rate);
    if (accumulate_ > 1 && micro.index == micro.count - 1) optimiser_->step(learning_rate, tracker_, micro.count);
}

void Learner::process(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, uint64_t step,
                      double learning_rate) {
    if (!StepGraph::supported(context_)) return enqueue(volume, features, labels, step, learning_rate);

    std::vector<Tensor> inputs{volume, features};
    inputs.insert(inputs.end(), labels.begin(), labels.end());
    const auto work = [&](const std::vector<Tensor>& in) { enqueue(in[0], in[1], {in.begin() + 2, in.end()}, step, learning_rate); };
    if (!graph_ && same_shapes(inputs, seen_)) graph_ = std::make_unique<StepGraph>(context_, inputs, work);
    seen_ = graph_ ? std::vector<Tensor>{} : inputs;  // a batch is large: not kept once its shapes served
    if (graph_ && graph_->fits(inputs))
        graph_->replay(inputs, {step, shift3d_probability(shift_, step), learning_rate});
    else
        work(inputs);
}

// One step, or one of its micro-batches, in the order in which a device runs it.
void Learner::enqueue(const Tensor& volume, const Tensor& features, const std::vector<Tensor>& labels, uint64_t step,
                      double learning_rate) {
    const Pass pass{context_, true, seed_, step};
    {
        Tape tape(context_);
        const auto result = loss_(pass, net_.forward(pass, volume, features), labels);
        track_losses(context_, result.total.detach(), result.tasks, result.weights, tracker_);
        tape.backward(result.total);
    }
    if (accumulate_ > 1) return;
    optimiser_->step(learning_rate, tracker_);
    optimiser_->clear_gradients();
}

void Learner::step(const Batch& batch, const std::array<int64_t, 3>& crop, int64_t number, double learning_rate,
                   const MicroBatch& micro) {
    step(volume_of(batch, crop), features_of(batch), labels_of(batch.labels), number, learning_rate, micro);
}

std::vector<Tensor> Learner::labels_of(const std::vector<std::vector<int64_t>>& labels) {
    std::vector<Tensor> out;
    for (size_t k = 0; k < labels.size(); ++k) out.push_back(class_labels(context_, labels[k], net_.options().tasks[k].classes));
    return out;
}

void Learner::begin_sums(int64_t step, const LossSums& sums) {
    const size_t tasks = net_.options().tasks.size();
    std::vector<double> values{sums.total};
    for (const auto* part : {&sums.tasks, &sums.weights}) {
        values.insert(values.end(), part->begin(), part->end());
        values.resize(values.size() + tasks - part->size());
    }
    values.push_back(static_cast<double>(sums.batches));
    values.push_back(0);
    context_.write<double>(tracker_, values);
    optimiser_->set_norm_sum(sums.gradient_norms);
    first_step_ = step - (sums.batches + accumulate_ - 1) / accumulate_;
}

LossSums Learner::sums() {
    const std::vector<double> values = context_.to_vector<double>(tracker_);
    const auto tasks = static_cast<std::ptrdiff_t>(net_.options().tasks.size());
    LossSums sums{values[0],
                  {values.begin() + 1, values.begin() + 1 + tasks},
                  {values.begin() + 1 + tasks, values.begin() + 1 + 2 * tasks},
                  static_cast<int64_t>(values[values.size() - 2]),
                  optimiser_->norm_sum()};
    if (values.back() != 0)
        fail(ErrorKind::input, "train",
             "the loss became {} in step {}: lower train.lr (it is {} in this step), or look for extreme values in the "
             "input",
             values.back(), first_step_ + sums.batches / accumulate_ + 1, learning_rate_);
    return sums;
}

Tensor Learner::volume_of(const Batch& batch, const std::array<int64_t, 3>& crop) {
    if (!batch.crops.empty()) return device_input(batch, crop);
    if (batch.volume.empty()) return {};
    return context_.from<float>({static_cast<int64_t>(batch.cases.size()), crop[0], crop[1], crop[2], 1}, batch.volume);
}

// Voxels go over as they are, half the bytes of finished input; noise, turns and standardising are the device's.
Tensor Learner::device_input(const Batch& batch, const std::array<int64_t, 3>& crop) {
    const auto cases = static_cast<int64_t>(batch.crops.size()), voxels = crop[0] * crop[1] * crop[2];
    require(static_cast<int64_t>(batch.voxels.size()) == cases * voxels, "learner", "{} voxels for {} crops of {}", batch.voxels.size(), cases, voxels);
    const Tensor raw = context_.empty({cases, voxels, 2}, Dtype::u8);
    const auto* bytes = reinterpret_cast<const uint8_t*>(batch.voxels.data());
    context_.write<uint8_t>(raw, {bytes, batch.voxels.size() * 2});
    const Tensor input = context_.empty({cases, crop[0], crop[1], crop[2], 1});
    on_target(context_, [&]<class Target>(Target) {
        for (int64_t n = 0; n < cases; ++n)
            kernels::augmented_crop<Target>(context_.stream(), batch.crops[static_cast<size_t>(n)], batch.noise,
                                            reinterpret_cast<const uint16_t*>(raw.device_data<uint8_t>()) + n * voxels,
                                            input.device_data<float>() + n * voxels);
    });
    return input;
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
    for (auto& entry : optimiser_->state()) state.push_back(std::move(entry));
    for (auto& entry : weights_of(context_, loss_)) state.push_back(std::move(entry));
    return state;
}

void Learner::load(const ModelFile& file) { load_weights(context_, net_, file.weights, file.source); }

Transfer Learner::transfer(const ModelFile& file) {
    const bool named = file.metadata.contains("cmtl.model");
    return transfer_weights(context_, net_, net_.options().tasks, file.weights, named ? &file.options.tasks : nullptr,
                            file.source);
}

void Learner::restore(const ModelFile& file) {
    load(file);
    optimiser_->restore(file.other);
    NamedTensors loss;
    for (const auto& entry : file.other)
        if (entry.first.rfind("loss.", 0) == 0) loss.push_back(entry);
    load_weights(context_, loss_, loss, file.source);
}

}  // namespace cmtl
