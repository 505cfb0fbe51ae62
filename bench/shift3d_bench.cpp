// Shift3D behind the stem, every sample shifted: reads x and writes y, channels of one voxel coming from up to 64 places.
#include "bench/operator_bench.hpp"
#include "engine/operators/shift3d.hpp"

namespace cmtl {

namespace {

const bool registered = [] {
    const Shape shape{1, stem_grid.d, stem_grid.h, stem_grid.w, 64};
    const double bytes = 2 * 4.0 * double(shape.count());
    for (bool filled : {false, true}) {
        const std::optional<float> fill = filled ? std::optional<float>(0.0f) : std::nullopt;
        const std::string name = filled ? "filled" : "circular";
        register_bench("shift3d/forward/" + name, [=](benchmark::State& state) {
            Context context(bench_options());
            const Tensor x = bench_values(context, shape, 1);
            const auto plan = shift3d_plan(context, {1, Purpose::benchmark, 0}, shape, {.p = 1});
            const double seconds = time_calls(state, context, [&] { shift3d(context, x, plan, fill); });
            set_rates(state, seconds, 0, bytes);
        });
    }
    register_bench("shift3d/backward/circular", [=](benchmark::State& state) {
        Context context(bench_options());
        Tensor x = bench_values(context, shape, 1);
        x.set_requires_grad();
        const auto plan = shift3d_plan(context, {1, Purpose::benchmark, 0}, shape, {.p = 1});
        const double seconds = time_backward(state, context, [&] {
            x.clear_grad();
            return shift3d(context, x, plan);
        });
        set_rates(state, seconds, 0, bytes);
    });
    register_bench("shift3d/plan/64_channels", [=](benchmark::State& state) {
        Context context(bench_options());
        time_calls(state, context, [&] { benchmark::DoNotOptimize(shift3d_plan(context, {1, Purpose::benchmark, 0}, shape, {.p = 1})); });
    });
    return true;
}();

}  // namespace

}  // namespace cmtl
