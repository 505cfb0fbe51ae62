// Shift3D, augmented crops, convolutions and fully connected layers.
#include "bench/counters/cases.hpp"

#include "base/error.hpp"
#include "kernels/augmentation.hpp"
#include "kernels/conv3d.hpp"
#include "kernels/linear.hpp"
#include "kernels/shift3d.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;
constexpr DrawKey key{20201209, 1, 3, nullptr};

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
    };
}

// One convolution in one direction.
CounterCase convolution(std::string name, const char* kernel, const Conv3dSizes& z, Conv3dDirection direction,
                        double most_moved, std::string reason = {}) {
    const int64_t in = z.n * z.d * z.h * z.w * z.in, out = z.positions() * z.out, weights = z.weights();
    const std::string size = fmt::format("{}x{}x{}, {} to {} channels, k{} s{}", z.d, z.h, z.w, z.in, z.out,
                                         z.kernel.text(), z.stride.text());
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

std::vector<CounterCase> layer_cases() {
    std::vector<CounterCase> all;
    for (auto&& part : {shift_cases(), convolution_cases(), head_cases()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace cmtl::kernels
