// A fire module's end at the network's shapes. Compulsory passes: training reads both halves twice (statistics, then the join),
// evaluation once; a bypass is read once; the result is written once. Backward: the sums read both halves and the result's gradient,
// the second pass the same and writes both gradients; a bypass adds reading the result and writing its gradient.
#include "bench/operator_bench.hpp"
#include "engine/operators/fire_join.hpp"

namespace cmtl {

namespace {

FireJoinHalf half_of(Context& context, const Shape& shape, uint64_t seed) {
    const Shape channels{shape[-1]};
    return {bench_values(context, shape, seed), context.full(channels, 1), context.zeros(channels), context.zeros(channels), context.full(channels, 1)};
}

const bool registered = [] {
    const int64_t expand[] = {64, 128, 192, 256};
    for (size_t i = 0; i < 4; ++i) {
        const Grid& g = fire_grids[i];
        const Shape shape{1, g.d, g.h, g.w, expand[i]}, joined{1, g.d, g.h, g.w, 2 * expand[i]};
        const double bytes = 4.0 * double(joined.count());
        for (const bool bypass : {false, true}) {
            const std::string name = std::string(g.name) + (bypass ? "_bypass" : "");
            for (const bool training : {false, true})
                register_bench(std::string("fire_join/") + (training ? "training/" : "evaluation/") + name, [=](benchmark::State& state) {
                    Context context(bench_options());
                    const FireJoinHalf one = half_of(context, shape, 1), three = half_of(context, shape, 2);
                    const Tensor x = bypass ? bench_values(context, joined, 3) : Tensor();
                    const double seconds = time_calls(state, context, [&] { fire_join(context, one, three, x, {.training = training}); });
                    set_rates(state, seconds, 0, (training ? 3 : 2) * bytes + (bypass ? bytes : 0));
                });
            register_bench("fire_join/backward/" + name, [=](benchmark::State& state) {
                Context context(bench_options());
                FireJoinHalf one = half_of(context, shape, 1), three = half_of(context, shape, 2);
                Tensor x = bypass ? bench_values(context, joined, 3) : Tensor();
                for (FireJoinHalf* h : {&one, &three})
                    for (Tensor* t : {&h->x, &h->scale, &h->shift}) t->set_requires_grad();
                if (bypass) x.set_requires_grad();
                const double seconds = time_backward(state, context, [&] {
                    for (Tensor* t : {&one.x, &three.x, &x}) t->clear_grad();
                    return fire_join(context, one, three, x, {.training = true});
                });
                set_rates(state, seconds, 0, (bypass ? 7 : 5) * bytes);
            });
        }
    }
    return true;
}();

}  // namespace

}  // namespace cmtl
