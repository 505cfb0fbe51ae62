#include "nets/shiftnet3d.hpp"

#include "engine/operators/conv3d_problem.hpp"
#include "engine/operators/pool3d.hpp"
#include "engine/operators/stem.hpp"

namespace cmtl {
namespace {

struct FirePlan {
    int64_t position, in, squeeze,
        expand;  // position in the published `features` Sequential; poolings stand at 0, 3, 6, 9
    bool bypass;
};

constexpr FirePlan fire_plans[] = {
    {1, 64, 32, 64, false},     {2, 128, 32, 64, true},     // stage 1
    {4, 128, 64, 128, false},   {5, 256, 64, 128, true},    // stage 2
    {7, 256, 96, 192, false},   {8, 384, 96, 192, true},    // stage 3
    {10, 384, 128, 256, false}, {11, 512, 128, 256, true},  // stage 4
};

}  // namespace

ShiftNet3d::ShiftNet3d(const Initialiser& init, const std::string& name, const Shift3dOptions& shift)
    : shift_(shift),
      stem_(init, name + ".convbn.0", 1, 64, 3, {.stride = 2, .padding = 1}),
      stem_norm_(init, name + ".convbn.1", 64) {
    for (const FirePlan& fire : fire_plans)
        fires_.emplace_back(init, name + ".features." + std::to_string(fire.position), fire.in, fire.squeeze,
                            fire.expand, fire.bypass);
}

void ShiftNet3d::collect(const std::string& prefix, std::vector<Parameter>& out) const {
    stem_.collect(prefix, out);
    stem_norm_.collect(prefix, out);
    for (const Fire& fire : fires_) fire.collect(prefix, out);
}

Tensor ShiftNet3d::forward(const Pass& pass, const Tensor& volume, const Tensor& plan) const {
    const StemParameters parameters{stem_.weight(), stem_.bias(), stem_norm_.scale(), stem_norm_.shift(),
                                    stem_norm_.running_mean(), stem_norm_.running_variance()};
    const Conv3dProblem conv{volume.size(0), volume.size(1), volume.size(2), volume.size(3), 1,
                             parameters.weight.size(0), 3, 2, 1};
    Tensor x = stem(pass.context, volume, parameters,
                    {.training = pass.training,
                     .plan = shift_plan_of(pass, shift_, conv.y_shape(), plan),
                     .fill = shift_.fill});
    for (size_t i = 0; i < fires_.size(); ++i) {
        if (i > 0 && i % 2 == 0) x = max_pool3d(pass.context, x, {.kernel = 3, .stride = 2, .padding = 1});
        x = fires_[i].forward(pass, std::move(x));
    }
    return x;
}

}  // namespace cmtl
