#include "nets/resnet3d34.hpp"

#include "engine/operators/elementwise.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {
namespace {

constexpr NormOptions norm{.eps = 1e-5, .momentum = 0.01};
constexpr ConvStart no_bias{.bias = false, .fan_in = true};

struct Stage {
    int64_t blocks, channels;
};
constexpr Stage stages[] = {{3, 64}, {4, 128}, {6, 256}, {3, 512}};

}  // namespace

BasicBlock::BasicBlock(const Initialiser& init, const std::string& name, int64_t in, int64_t out, int64_t stride)
    : conv1_(init, name + ".conv1", in, out, 3, {.stride = stride, .padding = 1}, no_bias),
      norm1_(init, name + ".bn1", out, norm),
      conv2_(init, name + ".conv2", out, out, 3, {.padding = 1}, no_bias),
      norm2_(init, name + ".bn2", out, norm) {
    if (stride == 1 && in == out) return;
    shortcut_.emplace(init, name + ".downsample.0", in, out, 1, Conv3dOptions{.stride = stride}, no_bias);
    shortcut_norm_.emplace(init, name + ".downsample.1", out, norm);
}

void BasicBlock::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    conv1_.collect(prefix, out);
    norm1_.collect(prefix, out);
    conv2_.collect(prefix, out);
    norm2_.collect(prefix, out);
    if (!shortcut_) return;
    shortcut_->collect(prefix, out);
    shortcut_norm_->collect(prefix, out);
}

Tensor BasicBlock::forward(const Pass& pass, Tensor x) const {
    // Temporaries are not named: without a tape each is free as soon as the next one is there.
    Tensor y = norm1_.forward(pass, conv1_.forward(pass, x), true);
    if (shortcut_) x = shortcut_norm_->forward(pass, shortcut_->forward(pass, x), false);
    y = norm2_.forward(pass, conv2_.forward(pass, y), false);
    y = add(pass.context, y, x);
    x = {};
    return relu(pass.context, y);
}

ResNet3d34::ResNet3d34(const Initialiser& init, const std::string& name, const Shift3dOptions& shift)
    : shift_(shift),
      stem_(init, name + ".conv1", 1, 64, 5, {.stride = 2, .padding = 2}, no_bias),
      stem_norm_(init, name + ".bn1", 64, norm) {
    int64_t in = 64;
    for (int stage = 0; stage < 4; ++stage)
        for (int64_t block = 0; block < stages[stage].blocks; ++block) {
            blocks_.emplace_back(init, name + ".layer" + std::to_string(stage + 1) + "." + std::to_string(block), in,
                                 stages[stage].channels, block == 0 ? 2 : 1);
            in = stages[stage].channels;
        }
}

void ResNet3d34::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    stem_.collect(prefix, out);
    stem_norm_.collect(prefix, out);
    for (const BasicBlock& block : blocks_) block.collect(prefix, out);
}

Tensor ResNet3d34::forward(const Pass& pass, const Tensor& volume, const Tensor& plan) const {
    Tensor x = stem_norm_.forward(pass, stem_.forward(pass, volume), true);
    if (const Tensor drawn = shift_plan_of(pass, shift_, x.shape(), plan); drawn.defined())
        x = shift3d(pass.context, x, drawn, shift_.fill);
    x = max_pool3d(pass.context, x, {.kernel = 3, .stride = 2, .padding = 1});
    for (const BasicBlock& block : blocks_) x = block.forward(pass, std::move(x));
    return x;
}

}  // namespace cmtl
