// The least traffic of each kernel; *_cases.cpp state it by their kind. Sizes of the network's are its layers, cut down
// so that all cases together run in a minute on one core.
#include "bench/counters/cases.hpp"

#include "kernels/dropout.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/optimiser.hpp"
#include "kernels/roofline.hpp"

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
        {"dropout of channels",
         "2 samples of 1000 voxels, 64 channels",
         {{"channel_dropout", "8 n", 8 * 2 * 1000 * 64, 1}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = d.floats(2 * 64000), y = d.array<float>(2 * 64000)] {
                 channel_dropout<Simt>(s, 2 * 64000, 64000, 64, 0.3, key, x, y);
             };
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

}  // namespace

std::vector<CounterCase> counter_cases() {
    std::vector<CounterCase> all;
    for (auto&& part : {elementwise_cases(), norm_cases(), pool_cases(), layer_cases(), radiomics_image_cases(),
                        radiomics_matrix_cases(), imaging_cases()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

}  // namespace cmtl::kernels
