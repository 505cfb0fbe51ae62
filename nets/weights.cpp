// State dicts: out of a module, into one, and back to the form of model they belong to.
#include <map>
#include <set>

#include "base/error.hpp"
#include "engine/safetensors.hpp"
#include "nets/covid_mtl.hpp"

namespace cmtl {
namespace {

constexpr std::string_view tag = "weights";

bool ignored(const std::string& name) { return name.ends_with(".num_batches_tracked"); }

Shape file_shape(const Shape& s) { return s.rank() == 5 ? Shape{s[0], s[4], s[1], s[2], s[3]} : s; }

}  // namespace

NamedTensors weights_of(Context& context, const Module& module) {
    NamedTensors weights;
    for (const Parameter& parameter : module.parameters()) {
        const Tensor value = context.to_host(parameter.value.detach());
        Tensor file_order = to_channels_first(context, value);
        // Weights that need no reordering still share the module's storage, if that is on the host.
        weights.emplace_back(parameter.name, file_order.raw() == parameter.value.raw() ? context.copy(file_order) : file_order);
    }
    return weights;
}

void load_weights(Context& context, const Module& module, const NamedTensors& weights, const std::string& source) {
    const auto refuse = [&](const std::string& what) {
        fail(ErrorKind::input, tag, "{}: checkpoint of another architecture: {}", source, what);
    };
    std::map<std::string, const Tensor*> given;
    for (const auto& [name, tensor] : weights)
        if (!ignored(name)) given.emplace(name, &tensor);

    const std::vector<Parameter> parameters = module.parameters();
    std::vector<Tensor> values;
    for (const Parameter& parameter : parameters) {
        const auto found = given.find(parameter.name);
        if (found == given.end()) refuse(fmt::format("it lacks '{}'", parameter.name));
        const Tensor& value = *found->second;
        const Shape expected = file_shape(parameter.value.shape());
        if (value.shape() != expected)
            refuse(fmt::format("'{}' is {}, this model has {}", parameter.name, value.shape().text(), expected.text()));
        if (value.dtype() != Dtype::f32 && value.dtype() != Dtype::f64 && value.dtype() != Dtype::bf16)
            refuse(
                fmt::format("'{}' is {}, floating-point numbers are needed", parameter.name, name_of(value.dtype())));
        Tensor ready = to_channels_last(context, value);
        values.push_back(ready.dtype() == Dtype::f32 ? ready : context.host().cast(ready, Dtype::f32));
        given.erase(found);
    }
    if (!given.empty()) refuse(fmt::format("this model has no '{}'", given.begin()->first));
    for (size_t i = 0; i < parameters.size(); ++i) context.copy_into(context.to_device(values[i]), parameters[i].value);
}

namespace {

// CT, NAT, Severity by position; where the number of classes contradicts the position, by the number of classes.
std::vector<Task> name_tasks(const std::vector<int64_t>& classes) {
    const std::vector<Task> published = ModelOptions{}.tasks;
    std::vector<Task> tasks(classes.size());
    std::set<std::string> used;
    for (size_t i = 0; i < classes.size(); ++i) {
        tasks[i].classes = classes[i];
        if (i < published.size() && published[i].classes == classes[i])
            used.insert(tasks[i].name = published[i].name);
        else
            tasks[i].name.clear();
    }
    for (size_t i = 0; i < tasks.size(); ++i) {
        if (!tasks[i].name.empty()) continue;
        for (const Task& candidate : published)
            if (candidate.classes == tasks[i].classes && !used.contains(candidate.name)) {
                tasks[i].name = candidate.name;
                break;
            }
        if (tasks[i].name.empty()) tasks[i].name = fmt::format("task{}", i + 1);
        used.insert(tasks[i].name);
    }
    return tasks;
}

}  // namespace

ModelOptions infer_options(const NamedTensors& weights, const std::string& source) {
    std::map<std::string, Shape> shapes;
    for (const auto& [name, tensor] : weights) shapes.emplace(name, tensor.shape());
    const auto find = [&](const std::string& name, int rank) -> const Shape* {
        const auto found = shapes.find(name);
        if (found == shapes.end()) return nullptr;
        if (found->second.rank() != rank)
            fail(ErrorKind::input, tag, "{}: '{}' is {}, that of a model here has {} axes", source, name, found->second.text(),
                 rank);
        return &found->second;
    };

    ModelOptions options;
    // One tensor that only this architecture has.
    const std::pair<const char*, const char*> signs[] = {{"features.convbn.0.weight", "covid_mtl"},
                                                         {"features.conv1.weight", "resnet3d34"},
                                                         {"features.s1.pathway0_stem.conv.weight", "decovnet"}};
    options.volume = false;
    for (const auto& [sign, architecture] : signs)
        if (find(sign, 5) != nullptr) {
            options.volume = true;
            options.architecture = architecture;
            break;
        }
    const Shape* first = find("radioFNN.features.0.weight", 2);
    options.features = first != nullptr;
    if (first) options.feature_count = (*first)[1];
    std::vector<int64_t> classes;
    for (int number = 1;; ++number) {
        const Shape* head = find(fmt::format("classifier{}.1.weight", number), 2);
        if (!head) break;
        classes.push_back((*head)[0]);
    }
    // The published baselines by themselves: their one classifier has other layers than the heads here.
    if (find("layer1.0.conv1.weight", 5) || find("s1.pathway0_stem.conv.weight", 5))
        fail(ErrorKind::input, tag,
             "{}: a state dict of a volume branch by itself: put 'features.' in front of its names and add the heads' "
             "(classifier1.1.weight and so on)",
             source);
    if (classes.empty() || (!options.volume && !options.features))
        fail(ErrorKind::input, tag,
             "{}: is not a COVID-MTL state dict: it has none of {} (tensors such as features.convbn.0.weight, "
             "radioFNN.features.0.weight, classifier1.1.weight)",
             source, classes.empty() ? "the classifiers" : "the two branches");
    options.tasks = name_tasks(classes);
    try {
        check(options);
    } catch (const Error& error) {
        fail(ErrorKind::input, tag, "{}: is not a COVID-MTL state dict: {}", source, error.what());
    }
    return options;
}

}  // namespace cmtl
