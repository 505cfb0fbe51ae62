#include "nets/afnn.hpp"

#include "engine/operators/elementwise.hpp"

namespace cmtl {

Afnn::Afnn(const Initialiser& init, const std::string& name, int64_t feature_count) {
    layers_.emplace_back(init, name + ".features.0", feature_count, 256);
    layers_.emplace_back(init, name + ".features.2", 256, 128);
    layers_.emplace_back(init, name + ".features.4", 128, 64);
    layers_.emplace_back(init, name + ".classifier", 64, channels);
}

void Afnn::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    for (const Linear& layer : layers_) layer.collect(prefix, out);
}

Tensor Afnn::forward(const Pass& pass, const Tensor& features) const {
    Tensor x = layers_.front().forward(pass, features);
    for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i].forward(pass, relu(pass.context, x));
    return x;
}

}  // namespace cmtl
