#include "bench/net_bench.hpp"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "bench/roofline.hpp"
#include "engine/autograd.hpp"
#include "nets/covid_mtl.hpp"
#include "nets/losses.hpp"
#include "nets/named_models.hpp"

namespace cmtl {

namespace {

Tensor normal(Context& context, const Shape& shape, uint64_t seed) {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    const RandomKey key{seed, Purpose::benchmark, 0};
    // Sums of four uniforms: near enough to a normal for timing, and fast for a hundred million values.
    for (size_t i = 0; i < values.size(); ++i) {
        const Philox4 w = philox(key, i);
        values[i] = (uniform_float(w[0]) + uniform_float(w[1]) + uniform_float(w[2]) + uniform_float(w[3]) - 2) * 1.7320508f;
    }
    return context.from(shape, values);
}

struct NetTimes {
    std::vector<double> seconds;  // sorted
    int64_t parameters;
    double flops;
    size_t peak_bytes;
    int64_t resident_bytes;
};

NetTimes time_net(const NetBenchOptions& o) {
    if (o.batch < 1 || std::min({o.depth, o.height, o.width}) < 1 || o.repeats < 1)
        fail(ErrorKind::usage, "bench", "batch {}, size {}x{}x{} and repeats {} must be positive", o.batch, o.depth, o.height, o.width, o.repeats);
    Context context({.device = o.device, .compute = o.dtype});
    // Every model has all tasks here unless its name says otherwise, so that their times compare.
    nlohmann::json settings = to_json(ModelOptions{});
    const auto known = std::ranges::find(named_models(), o.model, &NamedModel::name);
    settings.merge_patch(known != named_models().end() ? nlohmann::json::parse(known->options) : named_model_options(o.model));
    CovidMtl model(context, model_options_from_json(settings), o.seed);
    const std::vector<Task>& tasks = model.options().tasks;
    const MultitaskLoss loss(context, {}, static_cast<int64_t>(tasks.size()));
    NamedTensors trainable;
    for (const Parameter& p : model.parameters())
        if (p.trainable) trainable.emplace_back(p.name, p.value);
    Sgd optimiser(context, trainable, {});

    Tensor volume, features;
    if (model.options().volume) volume = normal(context, {o.batch, o.depth, o.height, o.width, 1}, o.seed);
    if (model.options().features) features = normal(context, {o.batch, model.options().feature_count}, o.seed + 1);
    std::vector<std::vector<int64_t>> labels(tasks.size(), std::vector<int64_t>(static_cast<size_t>(o.batch)));
    for (size_t k = 0; k < tasks.size(); ++k)
        for (size_t n = 0; n < labels[k].size(); ++n)
            labels[k][n] = static_cast<int64_t>(n + k) % tasks[k].classes;

    const auto pass_once = [&](uint64_t step) {
        if (!o.train) {
            model.forward({context, false, o.seed, step}, volume, features);
            context.synchronize();
            return;
        }
        const Pass pass{context, true, o.seed, step};
        {
            Tape tape(context);
            const auto result = loss(pass, model.forward(pass, volume, features), labels);
            tape.backward(result.total);
        }
        optimiser.step(0.005);
        optimiser.clear_gradients();
        context.synchronize();
    };

    pass_once(0);
    const double flops = context.flops();
    std::vector<double> seconds;
    for (int i = 0; i < o.repeats; ++i) {
        const auto start = std::chrono::steady_clock::now();
        pass_once(static_cast<uint64_t>(i) + 1);
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::sort(seconds.begin(), seconds.end());
    return {seconds, parameter_count(model), flops, context.allocator().high_water(), static_cast<int64_t>(usage.ru_maxrss) * 1024};
}

}  // namespace

nlohmann::json run_net_bench(const NetBenchOptions& o) {
    const NetTimes net = time_net(o);  // its tensors are gone before the roofline takes its buffers
    const double median = net.seconds[net.seconds.size() / 2];
    Context context({.device = o.device});
    const Roofline roofline = measure_roofline(context);
    return {{"model", o.model},
            {"parameters", net.parameters},
            {"mode", o.train ? "train" : "infer"},
            {"size", fmt::format("{}x{}x{}", o.depth, o.height, o.width)},
            {"batch", o.batch},
            {"dtype", name_of(o.dtype)},
            {"device", to_string(o.device)},
            {"threads", omp_get_max_threads()},
            {"repeats", o.repeats},
            {"median_s", median},
            {"min_s", net.seconds.front()},
            {"max_s", net.seconds.back()},
            {"peak_bytes", net.peak_bytes},
            {"resident_bytes", net.resident_bytes},
            {"gflops", net.flops / median * 1e-9},
            {"peak_gflops", roofline.flops_per_second * 1e-9},
            {"percent_of_peak", 100 * net.flops / median / roofline.flops_per_second},
            {"bandwidth_bytes_per_s", roofline.bytes_per_second}};
}

}  // namespace cmtl
