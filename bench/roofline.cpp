#include "bench/roofline.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/gpu/target.hpp"
#include "kernels/roofline.hpp"

namespace cmtl {

namespace {

using clock = std::chrono::steady_clock;
double since(clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); }

constexpr int lanes = 16, chains = 12;
constexpr int64_t rounds = 4'000'000;

// Twelve independent chains of 16 floats hide the latency of an FMA on every processor of the last decade.
CMTL_MULTIARCH float fma_chains(float seed, int64_t count) {
    typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));
    Lanes sum[chains], a, b;
    for (int i = 0; i < lanes; ++i) {
        a[i] = 0.999f + seed * 1e-9f;
        b[i] = 1e-3f + seed * 1e-9f;
        for (auto& s : sum) s[i] = seed + static_cast<float>(i);
    }
    for (int64_t r = 0; r < count; ++r)
        for (auto& s : sum) s = s * a + b;
    float total = 0;
    for (const auto& s : sum)
        for (int i = 0; i < lanes; ++i) total += s[i];
    return total;
}

CMTL_MULTIARCH void triad(float* y, const float* a, const float* b, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = a[i] + 0.5f * b[i];
}

Roofline device_roofline(Context& context) {
    // simt is no device whose speed says anything: a token amount of work.
    const bool simt = context.device().kind == Device::Kind::simt;
    const int64_t rounds = simt ? 100 : 100'000, count = int64_t{1} << (simt ? 16 : 27);
    const int blocks = simt ? 2 : 132 * 16;
    const Tensor sink = context.zeros({1}), a = context.full({count}, 1.0f), b = context.full({count}, 2.0f), y = context.empty({count});
    Roofline found{0, 0};
    const auto seconds = [&](auto&& body) {
        context.synchronize();
        const auto start = clock::now();
        body();
        context.synchronize();
        return since(start);
    };
    on_target(context, [&]<class Target>(Target) {
        for (int repeat = 0; repeat < 4; ++repeat) {
            const double fma = seconds([&] { kernels::roofline_fma<Target>(context.stream(), blocks, rounds, sink.device_data<float>()); });
            found.flops_per_second = std::max(found.flops_per_second, 2.0 * 8 * 256 * double(blocks) * double(rounds) / fma);
            const double triad = seconds([&] {
                kernels::roofline_triad<Target>(context.stream(), count, a.device_data<float>(), b.device_data<float>(), y.device_data<float>());
            });
            found.bytes_per_second = std::max(found.bytes_per_second, 3.0 * sizeof(float) * double(count) / triad);
        }
    });
    return found;
}

}  // namespace

Roofline measure_roofline(Context& context) {
    if (context.on_gpu()) return device_roofline(context);
    Roofline found{0, 0};
    const int threads = omp_get_max_threads();
    volatile float sink = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
        const auto start = clock::now();
#pragma omp parallel num_threads(threads)
        {
            const float result = fma_chains(static_cast<float>(omp_get_thread_num()), rounds);
#pragma omp critical
            sink = sink + result;
        }
        const double flops = 2.0 * lanes * chains * double(rounds) * threads / since(start);
        if (flops > found.flops_per_second) found.flops_per_second = flops;
    }
    const int64_t count = 1 << 23;  // 32 MiB a buffer: three of them pass every cache, and are less than the network takes
    std::vector<float> y(static_cast<size_t>(count)), a(y.size(), 1.0f), b(y.size(), 2.0f);
    for (int repeat = 0; repeat < 3; ++repeat) {
        const auto start = clock::now();
        parallel_ranges(count, [&](int64_t begin, int64_t end) { triad(&y[begin], &a[begin], &b[begin], end - begin); });
        const double bytes = 3.0 * sizeof(float) * double(count) / since(start);
        if (bytes > found.bytes_per_second) found.bytes_per_second = bytes;
    }
    return found;
}

}  // namespace cmtl
