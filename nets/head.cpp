#include "nets/head.hpp"

#include "engine/operators/dropout.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {

Head::Head(const Initialiser& init, int number, const HeadOptions& options)
    : options_(options),
      stream_(name_hash("classifier" + std::to_string(number))),
      classify_(init, "classifier" + std::to_string(number) + ".1",
                (options.volume_channels > 0 ? reduced : 0) + options.feature_channels, options.classes) {
    if (options.volume_channels > 0)
        reduce_.emplace(init, "classifier" + std::to_string(number) + "_.1", options.volume_channels, reduced, 1);
}

void Head::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    if (reduce_) reduce_->collect(prefix, out);
    classify_.collect(prefix, out);
}

Tensor Head::forward(const Pass& pass, const Tensor& volume, const Tensor& features) const {
    // Heads differ in the seed of their masks; samples and voxels differ in the index that dropout() draws for.
    const RandomKey key{pass.seed ^ stream_, Purpose::dropout, pass.step};
    const double p = pass.training ? options_.dropout : 0.0;
    if (!reduce_) return classify_.forward(pass, dropout(pass.context, relu(pass.context, features), p, key));

    Tensor x = reduce_->forward(pass, dropout(pass.context, volume, p, key));
    x = relu(pass.context, x);
    x = global_avg_pool3d(pass.context, x);
    if (options_.feature_channels > 0) x = concat(pass.context, {x, features});
    return classify_.forward(pass, relu(pass.context, x));
}

}  // namespace cmtl
