// Batch norms, and what is fused with them: fire modules and the stem.
#include "bench/counters/cases.hpp"

#include "kernels/batch_norm3d.hpp"
#include "kernels/column_sums.hpp"
#include "kernels/fire_join.hpp"
#include "kernels/shift3d.hpp"
#include "kernels/stem.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;
constexpr DrawKey key{20201209, 1, 3, nullptr};

struct Norm {
    BatchNorm3dForwardArguments forward;
    BatchNorm3dBackwardArguments backward;
};
Norm norm(CounterDevice& d, const BatchNorm3dSizes& z, const float* x, float* y) {
    const BatchNorm3dSaved saved{d.array<float>(z.channels), d.array<float>(z.channels), d.array<float>(z.channels, 1)};
    const float *scale = d.array<float>(z.channels, 1), *shift = d.array<float>(z.channels);
    void* const scratch = d.array<std::byte>(static_cast<int64_t>(batch_norm3d_scratch(z)));
    const int64_t count = z.rows * z.channels;
    return {{z, true, true, 1e-3, 0.01, x, scale, shift, d.array<float>(z.channels), d.array<float>(z.channels, 1), y,
             saved, scratch},
            {z, true, true, x, d.floats(count), scale, shift, saved, d.array<float>(count), d.array<float>(z.channels),
             d.array<float>(z.channels), scratch}};
}

std::vector<CounterCase> batch_norm_cases() {
    static constexpr int64_t rows = 12 * 15 * 15, channels = 128, count = rows * channels;
    const std::string size = "2700 rows, 128 channels";
    return {
        {"batch norm forward",
         size,
         {{"batch_norm3d_moments", "4 R C", 4 * count, 1.2}, {"batch_norm3d_apply", "8 R C", 8 * count, 1.38}},
         [](CounterDevice& d) -> Launches {
             const Norm n = norm(d, {rows, channels}, d.floats(count), d.array<float>(count));
             return [s = d.stream(), n] { batch_norm3d_forward<Simt>(s, n.forward); };
         }},
        {"batch norm backward",
         size,
         {{"batch_norm3d_gradient_sums", "8 R C", 8 * count, 1.17},
          {"batch_norm3d_apply_gradient", "12 R C", 12 * count, 1.42}},
         [](CounterDevice& d) -> Launches {
             const Norm n = norm(d, {rows, channels}, d.floats(count), d.array<float>(count));
             return [s = d.stream(), n] { batch_norm3d_backward<Simt>(s, n.backward); };
         }},
        {"column sums",
         "20000 rows, 64 columns",
         {{"column_sums_partial", "4 R C", 4 * 20000 * 64, 1.04}},
         [](CounterDevice& d) -> Launches {
             void* const scratch = d.array<std::byte>(static_cast<int64_t>(column_sums_scratch(20000, 64)));
             return [s = d.stream(), x = d.floats(20000 * 64), y = d.array<float>(64), scratch] {
                 column_sums<Simt>(s, 20000, 64, x, y, scratch);
             };
         }},
    };
}

std::vector<CounterCase> fire_join_cases() {
    static constexpr int64_t rows = 12 * 15 * 15, channels = 64, count = rows * 2 * channels;
    const std::string size = "2700 rows, 64 + 64 channels";
    const auto forward = [](bool bypass) {
        return [bypass](CounterDevice& d) -> Launches {
            const Norm one = norm(d, {rows, channels}, d.floats(count / 2), nullptr),
                       three = norm(d, {rows, channels}, d.floats(count / 2), nullptr);
            const FireJoinForwardArguments a{one.forward, three.forward, bypass ? d.floats(count) : nullptr,
                                             d.array<float>(count)};
            return [s = d.stream(), a] { fire_join_forward<Simt>(s, a); };
        };
    };
    const auto backward = [](bool bypass) {
        return [bypass](CounterDevice& d) -> Launches {
            const Norm one = norm(d, {rows, channels}, d.floats(count / 2), nullptr),
                       three = norm(d, {rows, channels}, d.floats(count / 2), nullptr);
            const FireJoinBackwardArguments a{one.backward, three.backward, d.floats(count),
                                              bypass ? d.floats(count) : nullptr,
                                              bypass ? d.array<float>(count) : nullptr};
            return [s = d.stream(), a] { fire_join_backward<Simt>(s, a); };
        };
    };
    return {
        {"fire join", size, {{"fire_join", "8 n", 8 * count, 1.38}}, forward(false)},
        {"fire join, bypass", size, {{"fire_join", "12 n", 12 * count, 1.26}}, forward(true)},
        {"fire join, backward",
         size,
         {{"fire_join_gradient_sums", "8 n", 8 * count, 1.17}, {"fire_join_apply_gradient", "12 n", 12 * count, 1.42}},
         backward(false)},
        {"fire join, bypass, backward",
         size,
         {{"fire_join_gradient_sums", "16 n", 16 * count, 1.05},
          {"fire_join_apply_gradient", "12 n", 12 * count, 1.42}},
         backward(true)},
    };
}

std::vector<CounterCase> stem_cases() {
    static constexpr StemSizes stem{1, 16, 20, 20, 64};
    static constexpr int64_t in = stem.d * stem.h * stem.w * stem.channels, out = in / 8;
    const std::string size = "16x20x20, 64 channels";
    const std::string stem_reason = "as shift3d_gather: each channel of a voxel comes from its own place";
    const auto stem_plan = [](CounterDevice& d) {
        int32_t* const plan = d.array<int32_t>(stem.n * stem.channels * 2);
        shift3d_plan<Simt>(d.stream(), {stem.n, stem.d, stem.h, stem.w, stem.channels}, key, {1, 0.2, false}, plan);
        return plan;
    };
    return {
        {"stem after its convolution",
         size,
         {{"stem_pool_forward", "4 in + 5 out", 4 * in + 5 * out, 2.11}},
         [](CounterDevice& d) -> Launches {
             const float* x = d.floats(in);
             const Norm n = norm(d, stem.rows(), x, nullptr);
             batch_norm3d_forward<Simt>(d.stream(), n.forward);
             return [s = d.stream(), x, n, y = d.array<float>(out), w = d.array<uint8_t>(out)] {
                 stem_pool_forward<Simt>(s, stem, {nullptr, false, 0}, x,
                                         batch_norm3d_coefficients(stem.rows(), n.forward.scratch), y, w);
             };
         }},
        {"stem, every sample shifted",
         size,
         {{"stem_pool_forward_moved", "4 in + 5 out", 4 * in + 5 * out, 10.8, stem_reason}},
         [stem_plan](CounterDevice& d) -> Launches {
             const float* x = d.floats(in);
             const Norm n = norm(d, stem.rows(), x, nullptr);
             batch_norm3d_forward<Simt>(d.stream(), n.forward);
             const int32_t* plan = stem_plan(d);
             return [s = d.stream(), x, n, plan, y = d.array<float>(out), w = d.array<uint8_t>(out)] {
                 stem_pool_forward<Simt>(s, stem, {plan, false, 0}, x,
                                         batch_norm3d_coefficients(stem.rows(), n.forward.scratch), y, w);
             };
         }},
        {"stem, every sample shifted, backward",
         size,
         {{"stem_gradient_sums_moved", "4 in + 5 out", 4 * in + 5 * out, 6.36, stem_reason},
          {"stem_apply_gradient_moved", "8 in + 5 out", 8 * in + 5 * out, 5.88, stem_reason}},
         [stem_plan](CounterDevice& d) -> Launches {
             const Norm n = norm(d, stem.rows(), d.floats(in), nullptr);
             const int32_t* plan = stem_plan(d);
             return [s = d.stream(), n, plan, dy = d.floats(out), w = d.array<uint8_t>(out, 13)] {
                 stem_pool_backward<Simt>(s, stem, {plan, false, 0}, dy, w, n.backward);
             };
         }},
        {"stem after its convolution, backward",
         size,
         {{"stem_gradient_sums", "4 in + 5 out", 4 * in + 5 * out, 2.17},
          {"stem_apply_gradient", "8 in + 5 out", 8 * in + 5 * out, 1.57}},
         [](CounterDevice& d) -> Launches {
             const Norm n = norm(d, stem.rows(), d.floats(in), nullptr);
             return [s = d.stream(), n, dy = d.floats(out), w = d.array<uint8_t>(out, 13)] {
                 stem_pool_backward<Simt>(s, stem, {nullptr, false, 0}, dy, w, n.backward);
             };
         }},
    };
}

}  // namespace

std::vector<CounterCase> norm_cases() {
    std::vector<CounterCase> all;
    for (auto&& part : {batch_norm_cases(), fire_join_cases(), stem_cases()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace cmtl::kernels
