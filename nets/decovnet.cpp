#include "nets/decovnet.hpp"

#include "base/error.hpp"
#include "engine/operators/adaptive_max_pool3d.hpp"
#include "engine/operators/dropout.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {
namespace {

constexpr NormOptions norm{.eps = 1e-5, .momentum = 0.1}, last_norm{.eps = 1e-5, .momentum = 0.1, .first_scale = 0};
constexpr ConvStart no_bias{.bias = false};
constexpr int64_t reduced = 32;

}  // namespace

DecovnetBlock::DecovnetBlock(const Initialiser& init, const std::string& name, int64_t in, int64_t inner, int64_t out,
                             int64_t stride)
    : shortcut_(init, name + ".branch1", in, out, 1, {.stride = {1, stride, stride}}, no_bias),
      shortcut_norm_(init, name + ".branch1_bn", out, norm) {
    const std::string branch = name + ".branch2.";
    convs_.emplace_back(init, branch + "a", in, inner, Axes{3, 1, 1}, Conv3dOptions{.padding = {1, 0, 0}}, no_bias);
    convs_.emplace_back(init, branch + "b", inner, inner, Axes{1, 3, 3},
                        Conv3dOptions{.stride = {1, stride, stride}, .padding = {0, 1, 1}}, no_bias);
    convs_.emplace_back(init, branch + "c", inner, out, Axes{1}, Conv3dOptions{}, no_bias);
    norms_.emplace_back(init, branch + "a_bn", inner, norm);
    norms_.emplace_back(init, branch + "b_bn", inner, norm);
    norms_.emplace_back(init, branch + "c_bn", out, last_norm);
}

void DecovnetBlock::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    shortcut_.collect(prefix, out);
    shortcut_norm_.collect(prefix, out);
    for (size_t i = 0; i < convs_.size(); ++i) {
        convs_[i].collect(prefix, out);
        norms_[i].collect(prefix, out);
    }
}

Tensor DecovnetBlock::forward(const Pass& pass, Tensor x) const {
    Tensor y = norms_[0].forward(pass, convs_[0].forward(pass, x), true);
    x = shortcut_norm_.forward(pass, shortcut_.forward(pass, x), false);
    y = norms_[1].forward(pass, convs_[1].forward(pass, y), true);
    y = norms_[2].forward(pass, convs_[2].forward(pass, y), false);
    y = add(pass.context, x, y);
    x = {};
    return relu(pass.context, y);
}

DecovnetBranch::DecovnetBranch(const Initialiser& init, const std::string& name, const Shift3dOptions& shift)
    : shift_(shift),
      stem_(init, name + ".s1.pathway0_stem.conv", 1, 16, {5, 7, 7}, {.stride = {1, 2, 2}, .padding = {2, 3, 3}},
            no_bias),
      stem_norm_(init, name + ".s1.pathway0_stem.bn", 16, norm),
      block1_(init, name + ".s2.pathway0_res0", 16, 16, 64, 1),
      block2_(init, name + ".s3.pathway0_res0", 64, 32, 128, 2) {}

void DecovnetBranch::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    stem_.collect(prefix, out);
    stem_norm_.collect(prefix, out);
    block1_.collect(prefix, out);
    block2_.collect(prefix, out);
}

Tensor DecovnetBranch::forward(const Pass& pass, const Tensor& volume, const Tensor& plan) const {
    if (volume.size(1) < 2)
        fail(ErrorKind::input, "decovnet", "a volume of {} slices: DeCoVNet needs two or more", volume.size(1));
    Tensor x = stem_norm_.forward(pass, stem_.forward(pass, volume), true);
    if (const Tensor drawn = shift_plan_of(pass, shift_, x.shape(), plan); drawn.defined())
        x = shift3d(pass.context, x, drawn, shift_.fill);
    x = max_pool3d(pass.context, x, {.kernel = {1, 3, 3}, .stride = {1, 2, 2}, .padding = {0, 1, 1}});
    x = block1_.forward(pass, std::move(x));
    x = max_pool3d(pass.context, x, {.kernel = {2, 1, 1}, .stride = {2, 1, 1}, .padding = 0});
    return block2_.forward(pass, std::move(x));
}

DecovnetHead::DecovnetHead(const Initialiser& init, int number, const HeadOptions& options)
    : options_(options),
      stream_(name_hash("classifier" + std::to_string(number))),
      reduce_(init, "classifier" + std::to_string(number) + ".0", reduced + options.feature_channels, reduced, 0.01),
      classify_(init, "classifier" + std::to_string(number) + ".1", reduced, options.classes, 0.01) {
    const std::string name = "classifier" + std::to_string(number) + "_.";
    const ConvStart start{.zero_bias = true};
    convs_.emplace_back(init, name + "1", options.volume_channels, 64, 3, Conv3dOptions{.padding = 1}, start);
    convs_.emplace_back(init, name + "4", 64, 32, 3, Conv3dOptions{.padding = 1}, start);
    convs_.emplace_back(init, name + "8", 32, reduced, 3, Conv3dOptions{.padding = 1}, start);
}

void DecovnetHead::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    for (const Conv3d& conv : convs_) conv.collect(prefix, out);
    reduce_.collect(prefix, out);
    classify_.collect(prefix, out);
}

Tensor DecovnetHead::forward(const Pass& pass, const Tensor& volume, const Tensor& features) const {
    Context& context = pass.context;
    Tensor x = adaptive_max_pool3d(context, volume, {16, 24, 36});
    x = relu(context, convs_[0].forward(pass, x));
    x = adaptive_max_pool3d(context, x, {4, 12, 18});
    x = relu(context, convs_[1].forward(pass, x));
    x = adaptive_max_pool3d(context, x, {1, 6, 9});
    x = channel_dropout(context, x, pass.training ? options_.dropout : 0.0,
                        {pass.seed ^ stream_, Purpose::dropout, pass.step});
    x = relu(context, convs_[2].forward(pass, x));
    x = global_avg_pool3d(context,
                          adaptive_max_pool3d(context, x, 1));  // the mean of one voxel: (N, 1, 1, 1, C) to (N, C)
    if (options_.feature_channels > 0) x = concat(context, {x, relu(context, features)});
    return classify_.forward(pass, reduce_.forward(pass, x));
}

}  // namespace cmtl
