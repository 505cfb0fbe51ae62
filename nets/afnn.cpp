#include "nets/afnn.hpp"

#include "engine/operators/dropout.hpp"
#include "engine/operators/elementwise.hpp"

namespace cmtl {

Afnn::Afnn(const Initialiser& init, const std::string& name, int64_t feature_count, double dropout, bool xavier)
    : dropout_(dropout), stream_(name_hash(name)) {
    layers_.emplace_back(init, name + ".features.0", feature_count, 256);
    layers_.emplace_back(init, name + ".features.2", 256, 128);
    layers_.emplace_back(init, name + ".features.4", 128, 64);
    layers_.emplace_back(init, name + ".classifier", 64, channels);
    if (!xavier) return;
    std::vector<Parameter> all;
    collect("", all);
    for (const Parameter& parameter : all) {
        if (parameter.value.rank() == 2)
            initialise_xavier(init.context, parameter.value, init.seed, parameter.name);
        else
            init.context.copy_into(init.context.zeros(parameter.value.shape()), parameter.value);
    }
}

void Afnn::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    for (const Linear& layer : layers_) layer.collect(prefix, out);
}

Tensor Afnn::forward(const Pass& pass, const Tensor& features) const {
    const RandomKey key{pass.seed ^ stream_, Purpose::dropout, pass.step};
    Tensor x = layers_.front().forward(pass, dropout(pass.context, features, pass.training ? dropout_ : 0.0, key));
    for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i].forward(pass, relu(pass.context, x));
    return x;
}

}  // namespace cmtl
