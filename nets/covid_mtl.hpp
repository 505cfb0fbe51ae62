#pragma once
// COVID-MTL in all its forms: a volume branch, a feature branch, both, and any number of task heads.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/operators/shift3d.hpp"
#include "nets/module.hpp"

namespace cmtl {

struct Task {
    std::string name;  // "CT", "NAT", "Severity"
    int64_t classes = 2;
    bool operator==(const Task&) const = default;
};

struct ModelOptions {
    std::string architecture = "covid_mtl";  // of the volume branch: one of architectures()
    std::vector<Task> tasks{{"CT", 2}, {"NAT", 2}, {"Severity", 3}};
    bool volume = true;    // ShiftNet3D branch, or that of another architecture
    bool features = true;  // AFNN branch
    int64_t feature_count = 375;
    double dropout = 0.3;        // in front of the heads' convolution (features only: in front of the classifier)
    double feature_dropout = 0;  // of the scaled features, in front of the AFNN
    std::string feature_init =
        "default";           // first weights of the AFNN: default (PyTorch's) or xavier (uniform, biases 0)
    Shift3dOptions shift3d;  // p = 0 makes SqueezeNet3D of ShiftNet3D
};

// covid_mtl (ShiftNet3D), resnet3d34 and decovnet: what makes maps of the volume. DeCoVNet brings its own heads.
const std::vector<std::string>& architectures();

// Throws Error(usage) naming the first option that makes no sense.
void check(const ModelOptions& options);

// Every field out; back in, missing fields take their defaults, unknown keys and wrong types throw Error(usage) naming
// them.
nlohmann::json to_json(const ModelOptions& options);
ModelOptions model_options_from_json(const nlohmann::json& json);

// Whatever the architecture.
class CovidMtl : public Module {
  public:
    // Fresh weights, keyed by seed and parameter name: Kaiming normal (fan_out) for convolutions, PyTorch's defaults
    // elsewhere, in ResNet3D-34 and DeCoVNet as their authors have it. Parameters that two forms of the model share begin with the same values. Throws as check(options).
    CovidMtl(Context& context, const ModelOptions& options, uint64_t seed);
    ~CovidMtl() override;

    const ModelOptions& options() const;
    void collect(const std::string& prefix, std::vector<Parameter>& out) const override;

    // volume: (N, D, H, W, 1) f32, standardised; features: (N, feature_count) f32, scaled; the branch that the model
    // lacks takes an undefined tensor. Returns the tasks' logits (N, classes), in order. Throws Error(input) on wrong
    // shapes. `plan`: a fixed Shift3D plan instead of the drawn one (training passes only; used by tests).
    std::vector<Tensor> forward(const Pass& pass, const Tensor& volume, const Tensor& features,
                                const Tensor& plan = {}) const;

    // forward() in two steps, for whoever looks at what lies between. The last activation of the volume branch,
    // (N, D', H', W', C); undefined, as `volume` has to be then, when the model has no volume branch.
    Tensor volume_maps(const Pass& pass, const Tensor& volume, const Tensor& plan = {}) const;
    // The logits from volume_maps()' result and the features, (N, feature_count), as forward() takes them.
    std::vector<Tensor> logits_from(const Pass& pass, const Tensor& maps, const Tensor& features) const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// Weights as a PyTorch state dict: copies under PyTorch's names in its order of axes; num_batches_tracked is ignored
// when read and not written. load_weights throws Error(input) naming the first missing, unknown or misshapen tensor
// ("checkpoint of another architecture") and `source`; nothing is changed then.
NamedTensors weights_of(Context& context, const Module& module);
void load_weights(Context& context, const Module& module, const NamedTensors& weights, const std::string& source);

// The form of model a bare state dict belongs to (branches, tasks by number and classes, feature count), read off its
// names and shapes. Heads 1, 2, 3 are CT, NAT, Severity; where the classes contradict that, a head of three classes is
// Severity. Throws Error(input) when it is none of these models'.
ModelOptions infer_options(const NamedTensors& weights, const std::string& source);

}  // namespace cmtl
