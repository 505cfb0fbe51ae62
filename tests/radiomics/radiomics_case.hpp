#pragma once
// Volumes and results for tests of radiomics.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/parallel.hpp"
#include "npy.hpp"
#include "radiomics/extract.hpp"
#include "test_data.hpp"

namespace cmtl::test {

inline Geometry grid_of(const std::vector<size_t>& zyx, Vector3 spacing = {1, 1, 1}) {
    Geometry g;
    g.size = {static_cast<int64_t>(zyx[2]), static_cast<int64_t>(zyx[1]), static_cast<int64_t>(zyx[0])};
    g.spacing = spacing;
    return g;
}

template <class T>
Image<T> image_of(const NpyArray<T>& array) {
    Image<T> image(grid_of(array.shape));
    image.voxels = array.values;
    return image;
}

// The devices that features are tested on: the CPU, and the kernels as simt executes them, or the GPU named by
// CMTL_TEST_DEVICE.
inline std::vector<Device> devices() {
    const char* named = std::getenv("CMTL_TEST_DEVICE");
    return {Device{}, named ? parse_device(named) : Device{Device::Kind::simt, 0}};
}

// Names to values.
inline std::map<std::string, double> by_name(const RadiomicsResult& result) {
    std::map<std::string, double> out;
    for (size_t i = 0; i < result.names.size(); ++i) out[result.names[i]] = result.values[i];
    return out;
}

// |actual - expected| within 1e-9 of the expected value, 1e-7 for MCC. Sums that vanish are what rounding leaves: below
// a thousandth the bound is that of a thousandth.
inline void expect_feature(const std::string& name, double actual, double expected) {
    const double tolerance = name.ends_with("MCC") ? 1e-7 : 1e-9;
    if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(actual)) << name << " is " << actual;
    else
        EXPECT_LE(std::abs(actual - expected), tolerance * std::max(std::abs(expected), 1e-3))
            << name << ": " << actual << ", expected " << expected;
}

// Sets OpenMP's number of threads for a scope.
class Threads {
  public:
    explicit Threads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
    ~Threads() { omp_set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

  private:
    int before_;
};

}  // namespace cmtl::test
