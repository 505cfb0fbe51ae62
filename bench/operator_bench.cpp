#include "bench/operator_bench.hpp"

#include <memory>

#include "bench/roofline.hpp"
#include "engine/random.hpp"

namespace cmtl {

namespace {
Device device;

const Roofline& limits() {
    static const Roofline measured = [] {
        Context context(bench_options());
        return measure_roofline(context);
    }();
    return measured;
}
}  // namespace

void set_bench_device(Device chosen) { device = chosen; }
ContextOptions bench_options(Dtype compute) { return {.device = device, .compute = compute}; }

Tensor bench_values(Context& context, const Shape& shape, uint64_t seed) {
    const RandomKey key{seed, Purpose::benchmark, 1};
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); i += 4) {
        const Philox4 words = philox(key, i / 4);
        for (size_t j = i; j < std::min(i + 4, values.size()); ++j) values[j] = 2 * uniform_float(words[j % 4]) - 1;
    }
    return context.from<float>(shape, values);
}

double time_calls(benchmark::State& state, Context& context, const std::function<void()>& body) {
    body();  // touches every page and makes the libraries' plans
    context.synchronize();
    double total = 0;
    for (auto _ : state) {
        const auto start = std::chrono::steady_clock::now();
        body();
        context.synchronize();
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        state.SetIterationTime(seconds);
        total += seconds;
    }
    return total / static_cast<double>(state.iterations());
}

double time_backward(benchmark::State& state, Context& context, const std::function<Tensor()>& forward) {
    Tensor gradient;
    const auto once = [&] {
        Tape tape(context);
        Tensor y = forward();
        if (!gradient.defined()) gradient = bench_values(context, y.shape(), 99);
        auto own = std::make_shared<Tensor>(context.copy(gradient));
        Tensor loss = context.full({1}, 0);
        record(context, "bench", {y}, {&loss}, [own](Context&, std::vector<Tensor>, const std::vector<bool>&) {
            return std::vector<Tensor>{std::move(*own)};
        });
        y = Tensor();
        context.synchronize();
        const auto start = std::chrono::steady_clock::now();
        tape.backward(loss);
        context.synchronize();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    once();
    double total = 0;
    for (auto _ : state) {
        const double seconds = once();
        state.SetIterationTime(seconds);
        total += seconds;
    }
    return total / static_cast<double>(state.iterations());
}

void set_rates(benchmark::State& state, double seconds, double flops, double bytes) {
    if (flops > 0) {
        state.counters["GFLOP/s"] = flops / seconds * 1e-9;
        state.counters["%fma"] = 100 * flops / seconds / limits().flops_per_second;
    }
    if (bytes > 0) {
        state.counters["GB/s"] = bytes / seconds * 1e-9;
        state.counters["%mem"] = 100 * bytes / seconds / limits().bytes_per_second;
    }
}

void register_bench(const std::string& name, const std::function<void(benchmark::State&)>& body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond)->UseManualTime();
}

}  // namespace cmtl
