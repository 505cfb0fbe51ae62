// Pools.
#include "bench/counters/cases.hpp"

#include "kernels/adaptive_max_pool3d.hpp"
#include "kernels/pool3d.hpp"

namespace cmtl::kernels {

using Launches = std::function<void()>;

std::vector<CounterCase> pool_cases() {
    static constexpr Pool3dSizes z{1, 16, 20, 20, 64, 3, 2, 1};
    static constexpr int64_t in = z.d * z.h * z.w * z.channels, out = in / 8;
    const std::string size = "16x20x20, 64 channels, k3 s2 p1";
    static constexpr AdaptiveMaxPool3dSizes a{1, 64, {16, 20, 20}, {4, 6, 6}};
    static constexpr int64_t cells = 4 * 6 * 6 * 64;
    const std::string adaptive = "16x20x20 to 4x6x6, 64 channels";
    return {
        {"max-pool forward",
         size,
         {{"max_pool3d_forward_k3", "4 in + 5 out", 4 * in + 5 * out, 2.07}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(in), y = d.array<float>(out), w = d.array<uint8_t>(out)] {
                 max_pool3d_forward<Simt>(s, z, x, y, w);
             };
         }},
        {"max-pool backward",
         size,
         {{"max_pool3d_backward_k3", "4 in + 5 out", 4 * in + 5 * out, 1.78}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), dy = d.floats(out), w = d.array<uint8_t>(out, 13), dx = d.array<float>(in)] {
                 max_pool3d_backward<Simt>(s, z, dy, w, dx);
             };
         }},
        {"adaptive maximum",
         adaptive,
         {{"adaptive_max_pool3d_forward", "4 in + 8 out", 4 * in + 8 * cells, 1.43}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(in), y = d.array<float>(cells), w = d.array<int32_t>(cells)] {
                 adaptive_max_pool3d_forward<Simt>(s, a, x, y, w);
             };
         }},
        {"adaptive maximum, backward",
         adaptive,
         {{"adaptive_max_pool3d_backward", "4 in + 8 out", 4 * in + 8 * cells, 2.51}},
         [](CounterDevice& d) -> Launches {
             int32_t* const w = d.array<int32_t>(cells);
             adaptive_max_pool3d_forward<Simt>(d.stream(), a, d.floats(in), d.array<float>(cells), w);
             return [s = d.stream(), w, dy = d.floats(cells), dx = d.array<float>(in)] {
                 adaptive_max_pool3d_backward<Simt>(s, a, dy, w, dx);
             };
         }},
        {"average over the grid",
         "4 samples, 3000 rows, 512 channels",
         {{"global_avg_pool3d_forward", "4 N R C", 4 * 4 * 3000 * 512, 1.01}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(4 * 3000 * 512), y = d.array<float>(4 * 512)] {
                 global_avg_pool3d_forward<Simt>(s, 4, 3000, 512, x, y);
             };
         }},
        {"average over the grid, backward",
         "4 samples, 1000 rows, 512 channels",
         {{"global_avg_pool3d_backward", "4 N R C", 4 * 4 * 1000 * 512, 2}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), dy = d.floats(4 * 512), dx = d.array<float>(4 * 1000 * 512)] {
                 global_avg_pool3d_backward<Simt>(s, 4, 1000, 512, dy, dx);
             };
         }},
    };
}

}  // namespace cmtl::kernels
