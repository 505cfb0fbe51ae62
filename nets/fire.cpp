#include "nets/fire.hpp"

#include "base/error.hpp"
#include "engine/operators/fire_join.hpp"

namespace cmtl {

namespace {

FireJoinHalf half(Tensor x, const BatchNorm3d& norm) {
    return {std::move(x), norm.scale(), norm.shift(), norm.running_mean(), norm.running_variance()};
}

}  // namespace

Fire::Fire(const Initialiser& init, const std::string& name, int64_t in, int64_t squeeze, int64_t expand, bool bypass)
    : bypass_(bypass),
      squeeze_(init, name + ".squeeze", in, squeeze, 1),
      squeeze_norm_(init, name + ".squeeze_bn", squeeze),
      expand1_(init, name + ".expand1x1", squeeze, expand, 1),
      expand1_norm_(init, name + ".expand1x1_bn", expand),
      expand3_(init, name + ".expand3x3", squeeze, expand, 3, {.padding = 1}),
      expand3_norm_(init, name + ".expand3x3_bn", expand) {
    require(!bypass || in == 2 * expand, "fire", "{}: a bypass of {} channels does not fit {} + {}", name, in, expand,
            expand);
}

void Fire::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    squeeze_.collect(prefix, out);
    squeeze_norm_.collect(prefix, out);
    expand1_.collect(prefix, out);
    expand1_norm_.collect(prefix, out);
    expand3_.collect(prefix, out);
    expand3_norm_.collect(prefix, out);
}

Tensor Fire::forward(const Pass& pass, Tensor x) const {
    Tensor squeezed = squeeze_.forward(pass, x);
    if (!bypass_) x = {};
    squeezed = squeeze_norm_.forward(pass, squeezed, true);

    FireJoinHalf one = half(expand1_.forward(pass, squeezed), expand1_norm_);
    FireJoinHalf three = half(expand3_.forward(pass, squeezed), expand3_norm_);
    squeezed = {};
    return fire_join(pass.context, std::move(one), std::move(three), std::move(x), {.training = pass.training});
}

}  // namespace cmtl
