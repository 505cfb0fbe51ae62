// Batch normalisation with its ReLU at the network's shapes. Compulsory passes: evaluation reads x and writes y; training
// reads x once more for the statistics; backward reads x and dy twice and writes dx.
#include "bench/operator_bench.hpp"
#include "engine/operators/batch_norm3d.hpp"

namespace cmtl {

namespace {

const bool registered = [] {
    struct Layer {
        std::string name;
        Shape shape;
    };
    std::vector<Layer> layers{{"stem", {1, stem_grid.d, stem_grid.h, stem_grid.w, 64}}};
    const int64_t squeeze[] = {32, 64, 96, 128}, expand[] = {64, 128, 192, 256};
    for (size_t i = 0; i < 4; ++i) {
        const Grid& g = fire_grids[i];
        layers.push_back({fmt::format("{}_squeeze", g.name), {1, g.d, g.h, g.w, squeeze[i]}});
        layers.push_back({fmt::format("{}_expand", g.name), {1, g.d, g.h, g.w, expand[i]}});
    }
    for (const Layer& layer : layers) {
        const double bytes = 4.0 * double(layer.shape.count());
        const Shape channels{layer.shape[-1]};
        for (bool training : {false, true})
            register_bench(std::string("batch_norm3d/") + (training ? "training/" : "evaluation/") + layer.name,
                           [=, shape = layer.shape](benchmark::State& state) {
                               Context context(bench_options());
                               const Tensor x = bench_values(context, shape, 1), scale = context.full(channels, 1),
                                            shift = context.zeros(channels), mean = context.zeros(channels), variance = context.full(channels, 1);
                               const double seconds = time_calls(state, context, [&] {
                                   batch_norm3d(context, x, scale, shift, mean, variance, {.training = training, .relu = true});
                               });
                               set_rates(state, seconds, 0, (training ? 3 : 2) * bytes);
                           });
        register_bench("batch_norm3d/backward/" + layer.name, [=, shape = layer.shape](benchmark::State& state) {
            Context context(bench_options());
            Tensor x = bench_values(context, shape, 1), scale = context.full(channels, 1), shift = context.zeros(channels);
            const Tensor mean = context.zeros(channels), variance = context.full(channels, 1);
            for (Tensor* t : {&x, &scale, &shift}) t->set_requires_grad();
            const double seconds = time_backward(state, context, [&] {
                x.clear_grad();
                return batch_norm3d(context, x, scale, shift, mean, variance, {.training = true, .relu = true});
            });
            set_rates(state, seconds, 0, 5 * bytes);
        });
    }
    return true;
}();

}  // namespace

}  // namespace cmtl
