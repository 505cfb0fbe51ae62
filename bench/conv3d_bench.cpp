// Convolutions at the published network's layer shapes (200x250x250, batch 1, f32), each direction by itself.
#include "bench/operator_bench.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

namespace {

struct Layer {
    std::string name;
    Conv3dProblem problem;
};

std::vector<Layer> layers() {
    std::vector<Layer> all{{"stem", {1, 200, 250, 250, 1, 64, 3, 2, 1}}};
    // squeeze in, squeeze out, expand, and what the second fire of the pair squeezes from.
    const int64_t widths[][4] = {{64, 32, 64, 128}, {128, 64, 128, 256}, {256, 96, 192, 384}, {384, 128, 256, 512}};
    for (size_t i = 0; i < 4; ++i) {
        const Grid& g = fire_grids[i];
        const auto [in, squeeze, expand, joined] = widths[i];
        const auto add = [&](const char* part, int64_t from, int64_t to, int64_t kernel) {
            all.push_back({fmt::format("{}_{}", g.name, part), {1, g.d, g.h, g.w, from, to, kernel, 1, kernel / 2}});
        };
        add("squeeze", in, squeeze, 1);
        add("expand1x1", squeeze, expand, 1);
        add("expand3x3", squeeze, expand, 3);
        add("squeeze_bypass", joined, squeeze, 1);
    }
    all.push_back({"head", {1, 7, 8, 8, 512, 32, 1, 1, 0}});
    return all;
}

template <class List>
std::string_view chosen(const Context& context, const List& list, const Conv3dProblem& p) {
    for (const auto& implementation : list)
        if (implementation.supports(context, p).empty()) return implementation.name;
    return "none";
}

// Every tensor once.
double traffic(const Conv3dProblem& p) {
    return 4.0 * double(p.x_shape().count() + p.y_shape().count() + p.weight_shape().count());
}

template <class List, class Body>
void run(benchmark::State& state, const Conv3dProblem& p, const List& list, Body&& body) {
    Context context(bench_options());
    const Tensor x = bench_values(context, p.x_shape(), 1), weight = bench_values(context, p.weight_shape(), 2),
                 bias = bench_values(context, {p.out}, 3), y = bench_values(context, p.y_shape(), 4);
    state.SetLabel(std::string(chosen(context, list, p)));
    const double seconds = time_calls(state, context, [&] { body(context, x, weight, bias, y); });
    set_rates(state, seconds, p.flops(), traffic(p));
}

const bool registered = [] {
    for (const Layer& layer : layers()) {
        const Conv3dProblem p = layer.problem;
        register_bench("conv3d/forward/" + layer.name, [p](benchmark::State& state) {
            run(state, p, conv3d_forward_implementations(), [&p](Context& c, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor&) {
                conv3d(c, x, w, b, {.stride = p.stride, .padding = p.padding});
            });
        });
        if (p.in > 1)  // the gradient of the input image is never computed
            register_bench("conv3d/backward_data/" + layer.name, [p](benchmark::State& state) {
                run(state, p, conv3d_backward_data_implementations(),
                    [&p](Context& c, const Tensor& x, const Tensor& w, const Tensor&, const Tensor& dy) {
                        run_first(c, "conv3d_backward_data", conv3d_backward_data_implementations(), p, dy, w, c.empty(x.shape()));
                    });
            });
        register_bench("conv3d/backward_weights/" + layer.name, [p](benchmark::State& state) {
            run(state, p, conv3d_backward_weights_implementations(),
                [&p](Context& c, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy) {
                    run_first(c, "conv3d_backward_weights", conv3d_backward_weights_implementations(), p, x, dy, c.empty(w.shape()),
                              c.empty(b.shape()));
                });
        });
    }
    return true;
}();

}  // namespace

}  // namespace cmtl
