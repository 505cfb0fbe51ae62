// Radiomics from the image to levels and first-order sums. Sizes are those of a small box with odd rows, so that
// nothing lies on round addresses by chance.
#include <cmath>

#include "bench/counters/cases.hpp"
#include "kernels/discretise.hpp"
#include "kernels/first_order.hpp"
#include "kernels/wavelet.hpp"

namespace cmtl::kernels {
namespace {

using Launches = std::function<void()>;

// From -1000 to 1000: slow waves along rows with noise of some 60, as CT has it.
double* doubles(CounterDevice& d, int64_t count) {
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = 900 * std::sin(static_cast<double>(i) / 40) + static_cast<double>(i * 7919 % 200) - 100;
    return static_cast<double*>(d.put(values));
}

// A box of 20 x 61 x 85 outputs.
constexpr int64_t nz = 20, ny = 61, nx = 85, count = nz * ny * nx;

std::vector<CounterCase> wavelet_cases() {
    const std::string rows = "rows of 85 doubles begin at any address", size = "20 x 61 x 85 outputs, double";
    static constexpr WaveletLines along_x{(nz + 5) * (ny + 5), nx, 1, 10, 200}, along_y{nz + 5, ny, nx, 10, 200},
        along_z{1, nz, ny * nx, 10, 200};
    static constexpr int64_t x_out = (nz + 5) * (ny + 5) * nx, x_in = (nz + 5) * (ny + 5) * (nx + 5),
                             y_out = (nz + 5) * ny * nx;
    return {
        {"wavelet along x",
         size,
         {{"wavelet_rows", "8 (in + 2 out)", 8 * (x_in + 2 * x_out), 1.1,
           "where a row ends its five more inputs shift the lanes that store the next"}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = doubles(d, x_in), low = d.array<double>(x_out),
                     high = d.array<double>(x_out)] { wavelet_pass<Simt, double>(s, along_x, x, low, high); };
         }},
        {"wavelet along y",
         size,
         {{"wavelet_columns", "8 (in + 2 out)", 8 * (x_out + 2 * y_out), 1.3, rows}},
         [](CounterDevice& d) -> Launches {
             return [s = d.stream(), x = doubles(d, x_out), low = d.array<double>(y_out),
                     high = d.array<double>(y_out)] { wavelet_pass<Simt, double>(s, along_y, x, low, high); };
         }},
        {"wavelet along z, at the ROI",
         "20 x 61 x 85 voxels, double",
         {{"wavelet_gather", "8 in + 20 M", 8 * y_out + 20 * count, 2.5}},
         [](CounterDevice& d) -> Launches {
             std::vector<int32_t> offsets;
             for (int32_t m = 0; m < count; ++m) offsets.push_back(m);
             return [s = d.stream(), list = static_cast<int32_t*>(d.put(offsets)), x = doubles(d, y_out),
                     low = d.array<double>(count), high = d.array<double>(count)] {
                 wavelet_gather<Simt, double>(s, along_z, count, list, x, low, high);
             };
         }},
    };
}

std::vector<CounterCase> value_cases() {
    const std::string size = "103700 values";
    return {
        {"range of values",
         size,
         {{"value_range", "8 M", 8 * count, 1.01}},
         [](CounterDevice& d) -> Launches {
             void* const scratch = d.array<std::byte>(static_cast<int64_t>(value_range_scratch(count)));
             return [s = d.stream(), x = doubles(d, count), range = d.array<ValueRange>(1), scratch] {
                 value_range<Simt>(s, count, x, range, scratch);
             };
         }},
        {"discretise",
         size,
         {{"discretise", "14 M", 14 * count, 1.01, "lanes whose levels share a bank wait for each other", 0.6, count,
           0.03}},
         [](CounterDevice& d) -> Launches {
             std::vector<int32_t> offsets;
             for (int32_t m = 0; m < count; ++m) offsets.push_back(m);
             return [s = d.stream(), x = doubles(d, count), list = static_cast<int32_t*>(d.put(offsets)),
                     levels = d.array<uint16_t>(count), counts = d.array<unsigned>(82)] {
                 discretise<Simt, uint16_t>(s, count, x, list, {-1000, 25, 81}, levels, counts);
             };
         }},
        {"first-order sums",
         size,
         {{"first_order", "16 M, two passes", 16 * count, 1.01}},
         [](CounterDevice& d) -> Launches {
             void* const scratch = d.array<std::byte>(static_cast<int64_t>(first_order_scratch(count)));
             return [s = d.stream(), x = doubles(d, count), sums = d.array<FirstOrderSums>(1),
                     moments = d.array<FirstOrderMoments>(1), scratch] {
                 first_order_sums<Simt>(s, count, x, 0, -800, 800, sums, scratch);
                 first_order_moments<Simt>(s, count, x, 1, -800, 800, 2, moments, scratch);
             };
         }},
    };
}

}  // namespace

std::vector<CounterCase> radiomics_image_cases() {
    std::vector<CounterCase> all = wavelet_cases();
    for (CounterCase& each : value_cases()) all.push_back(std::move(each));
    return all;
}

}  // namespace cmtl::kernels
