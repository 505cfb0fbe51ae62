#include "training/tensor_training.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "training/class_weights.hpp"
#include "training/learner.hpp"
#include "training/schedule.hpp"

namespace cmtl {

namespace {
std::vector<int64_t> read_labels(Context& context, const Safetensors& batch, const fs::path& file, const Task& task,
                                 int64_t cases) {
    const std::string name = "labels_" + task.name;
    const Tensor* labels = batch.find(name);
    if (!labels) return std::vector<int64_t>(static_cast<size_t>(cases), -1);
    if (labels->shape() != Shape{cases} || (labels->dtype() != Dtype::i64 && labels->dtype() != Dtype::i32))
        fail(ErrorKind::input, "train", "{}: {} is {} {}: one whole number per case ({}) is needed", file.string(),
             name, name_of(labels->dtype()), labels->shape().text(), cases);
    return context.host().to_vector<int64_t>(labels->dtype() == Dtype::i64 ? *labels : context.host().cast(*labels, Dtype::i64));
}
}  // namespace

void train_on_tensors(const TensorTraining& job, const TrainRequest& request) {
    const ConfigTree tree = resolve_settings(request, "full");
    Config config = config_from_json(tree.tree());
    if (config.train.accumulate != 1)
        fail(ErrorKind::usage, "train", "train.accumulate is {}: the batch of --tensors is one step; leave it out",
             config.train.accumulate);
    Context context(ContextOptions{.device = request.device, .compute = compute_type(config)});
    const Safetensors batch = read_safetensors(context, job.tensors);
    const Tensor *volume = batch.find("volume"), *features = batch.find("features");
    std::optional<ModelFile> init;
    if (!job.init.empty()) {
        init = read_model(context, job.init);
        ModelOptions options = init->options;
        options.dropout = config.model.dropout;
        options.shift3d = config.model.shift3d;
        config.model = options;
    } else {
        config.model.volume = volume != nullptr;
        config.model.features = features != nullptr;
        if (features && features->rank() == 2) config.model.feature_count = features->size(1);
    }
    const Tensor* first = config.model.volume ? volume : features;
    if (!first || (config.model.features && !features))
        fail(ErrorKind::input, "train", "{}: no tensor '{}'", job.tensors.string(),
             config.model.volume && !volume ? "volume" : "features");
    const int64_t cases = first->rank() > 0 ? first->size(0) : 0;
    if (tree.was_set("train.batch_size") && config.train.batch_size != cases)
        fail(ErrorKind::usage, "train", "train.batch_size is {}, but {} holds {} cases", config.train.batch_size,
             job.tensors.string(), cases);
    std::vector<std::vector<int64_t>> labels;
    for (const Task& task : config.model.tasks) labels.push_back(read_labels(context, batch, job.tensors, task, cases));

    check_class_weights(config.loss.class_weights, config.model.tasks);
    Learner learner(context, config, request.seed.value_or(0),
                    class_weights(config.loss.class_weights, config.model.tasks, labels));
    if (init) learner.load(*init);
    const Tensor x = config.model.volume ? context.to_device(to_channels_last(context, *volume)) : Tensor();
    const Tensor f = config.model.features ? context.to_device(*features) : Tensor();
    const std::vector<Tensor> targets = learner.labels_of(labels);
    for (int64_t step = 0; step < job.steps && !interrupted(); ++step) {
        const double rate = learning_rate(config.train, step, job.steps, 1);  // a step is an epoch of one batch
        learner.begin_sums(step);
        learner.step(x, f, targets, step, rate);
        const double loss = learner.sums().total;
        if (!request.quiet) fmt::print("step {} loss {:.6f}\n", step + 1, loss);
    }
    if (!job.save.empty() && !interrupted()) {
        ModelFile file;
        file.options = config.model;
        write_safetensors(job.save, weights_of(context, learner.net()), model_metadata(file));
    }
}

}  // namespace cmtl
