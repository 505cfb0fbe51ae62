#include "nets/covid_mtl.hpp"

#include "base/error.hpp"
#include "nets/afnn.hpp"
#include "nets/decovnet.hpp"
#include "nets/head.hpp"
#include "nets/resnet3d34.hpp"
#include "nets/shiftnet3d.hpp"

namespace cmtl {

struct CovidMtl::Parts {
    ModelOptions options;
    std::optional<Afnn> features;
    std::unique_ptr<VolumeBranch> volume;
    std::vector<std::unique_ptr<TaskHead>> heads;
};

namespace {

std::unique_ptr<VolumeBranch> make_volume_branch(const Initialiser& init, const ModelOptions& options) {
    if (options.architecture == "resnet3d34") return std::make_unique<ResNet3d34>(init, "features", options.shift3d);
    if (options.architecture == "decovnet") return std::make_unique<DecovnetBranch>(init, "features", options.shift3d);
    return std::make_unique<ShiftNet3d>(init, "features", options.shift3d);
}

std::unique_ptr<TaskHead> make_head(const Initialiser& init, int number, const ModelOptions& model,
                                    const HeadOptions& options) {
    if (model.architecture == "decovnet" && model.volume) return std::make_unique<DecovnetHead>(init, number, options);
    return std::make_unique<Head>(init, number, options);
}

}  // namespace

const std::vector<std::string>& architectures() {
    static const std::vector<std::string> all{"covid_mtl", "resnet3d34", "decovnet"};
    return all;
}

CovidMtl::CovidMtl(Context& context, const ModelOptions& options, uint64_t seed) : parts_(std::make_unique<Parts>()) {
    check(options);
    const Initialiser init{context, seed};
    parts_->options = options;
    if (options.features)
        parts_->features.emplace(init, "radioFNN", options.feature_count, options.feature_dropout,
                                 options.feature_init == "xavier");
    if (options.volume) parts_->volume = make_volume_branch(init, options);
    for (size_t i = 0; i < options.tasks.size(); ++i)
        parts_->heads.push_back(make_head(init, static_cast<int>(i) + 1, options,
                                          {.volume_channels = options.volume ? parts_->volume->channels() : 0,
                                           .feature_channels = options.features ? Afnn::channels : 0,
                                           .classes = options.tasks[i].classes,
                                           .dropout = options.dropout}));
}

CovidMtl::~CovidMtl() = default;

const ModelOptions& CovidMtl::options() const { return parts_->options; }

void CovidMtl::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    if (parts_->features) parts_->features->collect(prefix, out);
    if (parts_->volume) parts_->volume->collect(prefix, out);
    for (const auto& head : parts_->heads) head->collect(prefix, out);
}

namespace {

void check_input(const char* name, bool wanted, const Tensor& tensor, const std::string& shape, bool fits) {
    if (wanted && !tensor.defined())
        fail(ErrorKind::input, "covid_mtl", "this model needs {}, and none is given", name);
    if (!wanted && tensor.defined())
        fail(ErrorKind::input, "covid_mtl", "{} given, but this model has no branch for it", name);
    if (wanted && (!fits || tensor.dtype() != Dtype::f32 || tensor.count() == 0))
        fail(ErrorKind::input, "covid_mtl", "{} of shape {} ({}): this model takes {} f32", name, tensor.shape().text(),
             name_of(tensor.dtype()), shape);
}

// `volume`: the volumes, or the maps made of them.
void check_features(const ModelOptions& options, const Tensor& volume, const Tensor& features) {
    check_input("features", options.features, features, fmt::format("N x {}", options.feature_count),
                features.defined() && features.rank() == 2 && features.size(1) == options.feature_count);
    if (options.volume && options.features && volume.defined() && volume.size(0) != features.size(0))
        fail(ErrorKind::input, "covid_mtl", "{} volumes, but features of {} cases", volume.size(0), features.size(0));
}

}  // namespace

Tensor CovidMtl::volume_maps(const Pass& pass, const Tensor& volume, const Tensor& plan) const {
    check_input("a volume", parts_->options.volume, volume, "N x D x H x W x 1",
                volume.defined() && volume.rank() == 5 && volume.size(4) == 1);
    return parts_->volume ? parts_->volume->forward(pass, volume, plan) : Tensor();
}

std::vector<Tensor> CovidMtl::logits_from(const Pass& pass, const Tensor& maps, const Tensor& features) const {
    const ModelOptions& options = parts_->options;
    const int64_t channels = options.volume ? parts_->volume->channels() : 0;
    check_input("maps", options.volume, maps, fmt::format("N x D x H x W x {}", channels),
                maps.defined() && maps.rank() == 5 && maps.size(4) == channels);
    check_features(options, maps, features);
    Tensor from_features;
    if (options.features) from_features = parts_->features->forward(pass, features);
    std::vector<Tensor> logits;
    for (const auto& head : parts_->heads) logits.push_back(head->forward(pass, maps, from_features));
    return logits;
}

std::vector<Tensor> CovidMtl::forward(const Pass& pass, const Tensor& volume, const Tensor& features,
                                      const Tensor& plan) const {
    check_features(parts_->options, volume, features);  // before the long part
    return logits_from(pass, volume_maps(pass, volume, plan), features);
}

}  // namespace cmtl
