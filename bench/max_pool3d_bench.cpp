// The network's four max-pools (kernel 3, stride 2, padding 1). Compulsory traffic: x once and y once; backward dy, one byte
// of winner per output, and dx.
#include "bench/operator_bench.hpp"
#include "engine/operators/pool3d.hpp"

namespace cmtl {

namespace {

const bool registered = [] {
    struct Layer {
        const char* name;
        Shape x, y;
    };
    const Grid *g = fire_grids, s = stem_grid;
    const Layer layers[] = {{"pool0", {1, s.d, s.h, s.w, 64}, {1, g[0].d, g[0].h, g[0].w, 64}},
                            {"pool3", {1, g[0].d, g[0].h, g[0].w, 128}, {1, g[1].d, g[1].h, g[1].w, 128}},
                            {"pool6", {1, g[1].d, g[1].h, g[1].w, 256}, {1, g[2].d, g[2].h, g[2].w, 256}},
                            {"pool9", {1, g[2].d, g[2].h, g[2].w, 384}, {1, g[3].d, g[3].h, g[3].w, 384}}};
    for (const Layer& layer : layers) {
        const double in = double(layer.x.count()), out = double(layer.y.count());
        register_bench(std::string("max_pool3d/forward/") + layer.name, [=](benchmark::State& state) {
            Context context(bench_options());
            const Tensor x = bench_values(context, layer.x, 1);
            const double seconds = time_calls(state, context, [&] { max_pool3d(context, x); });
            set_rates(state, seconds, 0, 4 * (in + out));
        });
        register_bench(std::string("max_pool3d/backward/") + layer.name, [=](benchmark::State& state) {
            Context context(bench_options());
            Tensor x = bench_values(context, layer.x, 1);
            x.set_requires_grad();
            const double seconds = time_backward(state, context, [&] {
                x.clear_grad();
                return max_pool3d(context, x);
            });
            set_rates(state, seconds, 0, 4 * (in + out) + out);
        });
    }
    return true;
}();

}  // namespace

}  // namespace cmtl
