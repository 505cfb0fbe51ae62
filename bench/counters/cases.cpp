// The least traffic of each kernel of the network; radiomics_*_cases.cpp state that of the others. Sizes are the network's
// layers, cut down so that all cases together run in a minute on one core.
#include "bench/counters/cases.hpp"

#include "base/error.hpp"
#include "kernels/augmentation.hpp"
#include "kernels/batch_norm3d.hpp"
#include "kernels/column_sums.hpp"
#include "kernels/conv3d.hpp"
#include "kernels/dropout.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/fire_join.hpp"
#include "kernels/linear.hpp"
#include "kernels/optimiser.hpp"
#include "kernels/pool3d.hpp"
#include "kernels/roofline.hpp"
#include "kernels/shift3d.hpp"
#include "kernels/softmax_cross_entropy.hpp"
#include "kernels/stem.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;
constexpr DrawKey key{20201209, 1, 3, nullptr};

std::vector<CounterCase> elementwise_cases() {
    static constexpr int64_t n = 100000;
    const std::string size = "100000 elements";
    return {
        {"relu forward",
         size,
         {{"relu_forward", "8 n", 8 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(n), y = d.array<float>(n)] { relu_forward<Simt>(s, n, x, y); };
         }},
        {"relu backward",
         size,
         {{"relu_backward", "12 n", 12 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), y = d.floats(n), dy = d.floats(n), dx = d.array<float>(n)] {
                 relu_backward<Simt>(s, n, y, dy, dx);
             };
         }},
        {"add",
         size,
         {{"add", "12 n", 12 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), a = d.floats(n), b = d.floats(n), y = d.array<float>(n)] {
                 add<Simt>(s, n, a, b, y);
             };
         }},
        {"copy of columns",
         "2000 rows, 64 of 128 columns",
         {{"copy_columns", "8 R C", 8 * 2000 * 64, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(2000 * 64), y = d.array<float>(2000 * 128)] {
                 copy_columns<Simt>(s, 2000, 64, x, 64, y, 128);
             };
         }},
        {"f32 to bf16",
         size,
         {{"convert", "6 n", 6 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(n), y = d.array<uint16_t>(n)] {
                 convert<Simt>(s, n, Element::f32, x, Element::bf16, y);
             };
         }},
        {"dropout",
         size,
         {{"dropout", "8 n", 8 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(n), y = d.array<float>(n)] { dropout<Simt>(s, n, 0.3, key, x, y); };
         }},
        {"triad",
         size,
         {{"roofline_triad", "12 n", 12 * n, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), a = d.floats(n), b = d.floats(n), y = d.array<float>(n)] {
                 roofline_triad<Simt>(s, n, a, b, y);
             };
         }},
        {"SGD step",
         "3 tensors of 50000",
         {{"sgd", "20 n", 20 * 150000, 1}},
         [](CounterDevice& d) -> Launches {
             std::vector<SgdTensor> tensors;
             for (int i = 0; i < 3; i++) tensors.push_back({d.floats(50000), d.floats(50000), d.floats(50000), 50000});
             return [s = d.stream(), tensors] {
                 sgd_step<Simt>(s, {0.005f, nullptr, 0.9f, 5e-5f, true, nullptr}, tensors.data(),
                                static_cast<int64_t>(tensors.size()));
             };
         }},
        {"AdamW step",
         "3 tensors of 50000",
         {{"adamw", "28 n", 28 * 150000, 1.02}},
         [](CounterDevice& d) -> Launches {
             std::vector<AdamWTensor> tensors;
             for (int i = 0; i < 3; i++)
                 tensors.push_back(
                     {d.floats(50000), d.floats(50000), d.array<float>(50000, 0.5f), d.floats(50000), 50000});
             const UpdateControl* const control =
                 static_cast<UpdateControl*>(d.put<UpdateControl>({{1, 0, 0, 1, 1, 0.01, 1}}));
             return [s = d.stream(), tensors, control] {
                 adamw_step<Simt>(s, {0.1f, 0.999f, 0.001f, 1e-8f, nullptr, control}, tensors.data(),
                                  static_cast<int64_t>(tensors.size()));
             };
         }},
        {"gradient norm",
         "3 tensors of 50000",
         {{"sum_squares", "4 n", 4 * 150000, 1.01}},
         [](CounterDevice& d) -> Launches {
             std::vector<GradientTensor> tensors;
             for (int i = 0; i < 3; i++) tensors.push_back({d.floats(50000), 50000});
             return [s = d.stream(), tensors, sums = d.array<double>(3 * update_blocks(50000))] {
                 sum_squares<Simt>(s, tensors.data(), static_cast<int64_t>(tensors.size()), sums);
             };
         }},
    };
}

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

std::vector<CounterCase> norm_cases() {
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

std::vector<CounterCase> pool_cases() {
    static constexpr Pool3dSizes z{1, 16, 20, 20, 64, 3, 2, 1};
    static constexpr int64_t in = z.d * z.h * z.w * z.channels, out = in / 8;
    const std::string size = "16x20x20, 64 channels, k3 s2 p1";
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

std::vector<CounterCase> shift_cases() {
    static constexpr Shift3dSizes z{2, 10, 20, 24, 64};
    static constexpr int64_t count = z.n * z.d * z.h * z.w * z.channels;
    const auto shifted = [](double p) {
        return [p](CounterDevice& d) -> Launches {
            int32_t* const plan = d.array<int32_t>(z.n * z.channels * 2);
            shift3d_plan<Simt>(d.stream(), z, key, {p, 0.2, false}, plan);
            return [s = d.stream(), x = d.floats(count), y = d.array<float>(count), plan] {
                shift3d_gather<Simt>(s, z, nullptr, false, x, plan, y);
            };
        };
    };
    const std::string crop_reason = "rows of a crop of 2-byte voxels begin at any address";
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
        {"Shift3D, no sample shifted",
         "2 x 10x20x24, 64 channels",
         {{"shift3d_gather", "8 n", 8 * count, 1.03}},
         shifted(0)},
        {"Shift3D, every sample shifted",
         "2 x 10x20x24, 64 channels",
         {{"shift3d_gather", "8 n", 8 * count, 3.37,
           "every channel comes from its own place: 4 bytes of a sector, whose other channels neighbouring rows ask "
           "for; the caches join them"}},
         shifted(1)},
        {"augmented crop",
         "24x48x48",
         {{"augmented_rows", "6 n", 6 * 24 * 48 * 48, 1.17, crop_reason}},
         [](CounterDevice& d) -> Launches {
             const AugmentedCrop crop{{34, 60, 60}, {5, 6, 8}, {24, 48, 48}, 5.0, 3, 2000, 300, 500, 0, true};
             return [s = d.stream(), crop, v = d.array<uint16_t>(34 * 60 * 60, 700), y = d.array<float>(24 * 48 * 48)] {
                 augmented_crop<Simt>(s, crop, key, v, y);
             };
         }},
        {"augmented crop, turned",
         "24x48x48",
         {{"augmented_turn", "6 n", 6 * 24 * 48 * 48, 1.17, crop_reason}},
         [](CounterDevice& d) -> Launches {
             const AugmentedCrop crop{{34, 60, 60}, {5, 6, 8}, {24, 48, 48}, 5.0, 3, 2000, 300, 500, 1, false};
             return [s = d.stream(), crop, v = d.array<uint16_t>(34 * 60 * 60, 700), y = d.array<float>(24 * 48 * 48)] {
                 augmented_crop<Simt>(s, crop, key, v, y);
             };
         }},
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

// One convolution in one direction.
CounterCase convolution(std::string name, const char* kernel, const Conv3dSizes& z, Conv3dDirection direction,
                        double most_moved, std::string reason = {}) {
    const int64_t in = z.n * z.d * z.h * z.w * z.in, out = z.positions() * z.out, weights = z.weights();
    const std::string size =
        fmt::format("{}x{}x{}, {} to {} channels, k{} s{}", z.d, z.h, z.w, z.in, z.out, z.kernel.text(), z.stride.text());
    return {std::move(name),
            size,
            {{kernel, "4 (in + out + weights)", 4 * (in + out + weights), most_moved, std::move(reason)}},
            [=](CounterDevice& d) -> Launches {
                void* const workspace = d.array<std::byte>(conv3d_workspace_bytes(z, direction) + 16);
                const Stream s = d.stream();
                if (direction == Conv3dDirection::forward)
                    return [=, x = d.floats(in), w = d.floats(weights), b = d.floats(z.out), y = d.array<float>(out)] {
                        conv3d_forward<Simt>(s, z, x, w, b, y, workspace);
                    };
                if (direction == Conv3dDirection::backward_data)
                    return [=, dy = d.floats(out), w = d.floats(weights), dx = d.array<float>(in)] {
                        conv3d_backward_data<Simt>(s, z, dy, w, dx, workspace);
                    };
                return [=, x = d.floats(in), dy = d.floats(out), dw = d.array<float>(weights),
                        db = d.array<float>(z.out)] { conv3d_backward_weights<Simt>(s, z, x, dy, dw, db, workspace); };
            }};
}

std::vector<CounterCase> convolution_cases() {
    using enum Conv3dDirection;
    const Conv3dSizes stem{1, 20, 24, 24, 1, 64, 3, 2, 1}, expand{1, 6, 10, 10, 32, 64, 3, 1, 1},
        squeeze{1, 8, 16, 16, 128, 32, 1, 1, 0};
    const auto bf16 = [](Conv3dSizes z) {
        z.bf16 = true;
        return z;
    };
    return {
        convolution("first convolution", "conv3d_forward_single_channel", stem, forward, 1.9,
                    "the input has one channel, so a row of a block's window is 49 floats at any address, and its halo "
                    "makes whole sectors hold a few bytes; "
                    "weights are transposed into shared memory once per block"),
        convolution("expand", "conv3d_forward", expand, forward, 9.93),
        convolution("expand, data gradient", "conv3d_backward_data", expand, backward_data, 9.74),
        convolution("expand, weight gradient", "conv3d_backward_weights", expand, backward_weights, 6.26),
        convolution("squeeze", "conv3d_forward", squeeze, forward, 1.2),
        convolution("squeeze, data gradient", "conv3d_backward_data", squeeze, backward_data, 1.78),
        convolution("squeeze, weight gradient", "conv3d_backward_weights", squeeze, backward_weights, 1.24),
        convolution(
            "first convolution, weight gradient", "conv3d_backward_weights", stem, backward_weights, 1.55,
            "rows of 27 partial sums of a one-channel input fill no whole sectors; x is read at every other voxel"),
        convolution("expand, bf16", "conv3d_forward_bf16", bf16(expand), forward, 8.77),
        convolution("expand, data gradient, bf16", "conv3d_backward_data_bf16", bf16(expand), backward_data, 8.51),
        convolution("expand, weight gradient, bf16", "conv3d_backward_weights_bf16", bf16(expand), backward_weights,
                    6.26),
    };
}

std::vector<CounterCase> head_cases() {
    static constexpr LinearSizes z{10, 375, 256};
    static constexpr int64_t bytes = 4 * (z.n * z.in + z.in * z.out + z.n * z.out);
    const std::string size = "10 samples, 375 to 256";
    const std::string odd = "rows of 375 floats begin at any address";
    return {
        {"fully connected",
         size,
         {{"linear_forward", "4 (N in + in out + N out)", bytes, 19.7, odd}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(z.n * z.in), w = d.floats(z.in * z.out), b = d.floats(z.out),
                     y = d.array<float>(z.n * z.out)] { linear_forward<Simt>(s, z, x, w, b, y); };
         }},
        {"fully connected, backward",
         size,
         {{"linear_input_gradient", "4 (N in + in out + N out)", bytes, 6.2},
          {"linear_weight_gradient", "4 (N in + in out + N out)", bytes, 6.4, odd}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(z.n * z.in), w = d.floats(z.in * z.out), dy = d.floats(z.n * z.out),
                     dx = d.array<float>(z.n * z.in), dw = d.array<float>(z.in * z.out),
                     db = d.array<float>(z.out)] { linear_backward<Simt>(s, z, x, w, dy, dx, dw, db); };
         }},
    };
}

}  // namespace

std::vector<CounterCase> counter_cases() {
    std::vector<CounterCase> all;
    for (auto&& part : {elementwise_cases(), norm_cases(), fire_join_cases(), pool_cases(), shift_cases(),
                        convolution_cases(), head_cases(), radiomics_image_cases(), radiomics_matrix_cases(),
                        imaging_cases()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace cmtl::kernels
