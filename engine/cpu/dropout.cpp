#include "base/parallel.hpp"
#include "engine/operators/dropout_problem.hpp"

namespace cmtl {

namespace {

void run_channels(const DropoutProblem& p, const Tensor& x, const Tensor& y) {
    const int64_t samples = p.count / p.sample, rows = p.sample / p.channels;
    const float threshold = static_cast<float>(p.p), scale = static_cast<float>(1 / (1 - p.p));
    std::vector<float> factors(static_cast<size_t>(samples * p.channels));
    for (size_t i = 0; i < factors.size(); ++i)
        factors[i] = uniform_float(philox(p.key, i / 4)[i % 4]) > threshold ? scale : 0.0f;
    const float* source = x.data<float>();
    float* result = y.data<float>();
    parallel_ranges(samples * rows, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const float* const factor = factors.data() + row / rows * p.channels;
            for (int64_t c = 0; c < p.channels; ++c) {
                const int64_t i = row * p.channels + c;
                result[i] = factor[c] != 0.0f ? source[i] * factor[c] : 0.0f;
            }
        }
    }, 256);
}

void run(Context&, const DropoutProblem& p, const Tensor& x, const Tensor& y) {
    if (p.channels > 0) return run_channels(p, x, y);
    const float* source = x.data<float>();
    float* result = y.data<float>();
    const float threshold = static_cast<float>(p.p), scale = static_cast<float>(1 / (1 - p.p));
    parallel_ranges((p.count + 3) / 4, [&](int64_t begin, int64_t end) {
        for (int64_t quad = begin; quad < end; ++quad) {
            const Philox4 words = philox(p.key, static_cast<uint64_t>(quad));
            for (int64_t i = quad * 4; i < std::min(p.count, quad * 4 + 4); ++i)
                result[i] = uniform_float(words[static_cast<size_t>(i % 4)]) > threshold ? source[i] * scale : 0.0f;
        }
    }, 1024);
}

Refusal on_cpu(const Context& context, const DropoutProblem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<Dropout> cpu_dropout() { return {{"cpu", on_cpu, run}}; }

}  // namespace cmtl
