#include "nets/grad_cam.hpp"

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "engine/operators/linear.hpp"

namespace cmtl {

namespace {
// The gradients of a module's parameters, taken aside while others are made in their place.
class GradientsAside {
  public:
    explicit GradientsAside(const Module& module) {
        for (const Parameter& parameter : module.parameters())
            if (const auto& slot = parameter.value.slot()) kept_.emplace_back(slot, std::exchange(slot->gradient, {}));
    }
    ~GradientsAside() {
        for (auto& [slot, gradient] : kept_) slot->gradient = std::move(gradient);
    }
    GradientsAside(const GradientsAside&) = delete;
    GradientsAside& operator=(const GradientsAside&) = delete;

  private:
    std::vector<std::pair<std::shared_ptr<GradientSlot>, Tensor>> kept_;
};

// One of the logits, as a tensor of one element that gradients run back from.
Tensor chosen(Context& context, const Tensor& logits, int64_t of_class) {
    std::vector<float> one_hot(static_cast<size_t>(logits.size(1)), 0.0f);
    one_hot[static_cast<size_t>(of_class)] = 1;
    return linear(context, logits, context.from<float>({1, logits.size(1)}, one_hot), {});
}
}  // namespace

GradCam::GradCam(Context& context, const CovidMtl& net, const Tensor& volume, const Tensor& features)
    : context_(context), net_(net), features_(features) {
    require(net.options().volume, "grad_cam", "a model without a volume branch");
    const NoGrad quiet(context);
    maps_ = net.volume_maps(Pass{context}, volume);
    require(maps_.size(0) == 1, "grad_cam", "{} cases at a time", maps_.size(0));
}

std::vector<Tensor> GradCam::logits() const {
    const NoGrad quiet(context_);
    return net_.logits_from(Pass{context_}, maps_, features_);
}

CamMap GradCam::map(size_t task, int64_t of_class) const {
    const GradientsAside aside(net_);
    Tensor leaf = maps_.detach();
    leaf.set_requires_grad();
    {
        const NoGrad quiet(context_);  // of whoever records here
        Tape tape(context_);
        const std::vector<Tensor> logits = net_.logits_from(Pass{context_}, leaf, features_);
        require(task < logits.size() && of_class >= 0 && of_class < logits[task].size(1), "grad_cam",
                "class {} of task {}", of_class, task);
        tape.backward(chosen(context_, logits[task], of_class));
    }
    const std::vector<float> values = context_.to_vector<float>(maps_),
                             gradient = context_.to_vector<float>(leaf.grad());
    CamMap map{{maps_.size(1), maps_.size(2), maps_.size(3)}, {}};
    const auto channels = static_cast<size_t>(maps_.size(4));
    const size_t cells = values.size() / channels;
    std::vector<double> weights(channels, 0);
    for (size_t i = 0; i < gradient.size(); ++i) weights[i % channels] += gradient[i];
    for (size_t cell = 0; cell < cells; ++cell) {
        double sum = 0;
        for (size_t c = 0; c < channels; ++c) sum += weights[c] * values[cell * channels + c];
        map.values.push_back(static_cast<float>(std::max(0.0, sum / static_cast<double>(cells))));
    }
    return map;
}

int64_t cell_step(int64_t voxels, int64_t cells) {
    for (int64_t step = 1; step < 2 * voxels; step *= 2)
        if ((voxels + step - 1) / step == cells) return step;
    return 0;
}

}  // namespace cmtl
