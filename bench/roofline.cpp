#include "bench/roofline.hpp"

#include <omp.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"

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

}  // namespace

Roofline measure_roofline() {
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
