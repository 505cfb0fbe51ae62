// Sub-bands of float images, beside PyWavelets in float (tests/oracles/wavelet_float_oracle.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "radiomics/settings.hpp"
#include "radiomics/wavelet.hpp"

namespace cmtl {
namespace {

TEST(WaveletFloat, SubBandsToTheBit) {
    std::ifstream file(std::string(CMTL_SOURCE_DIR) + "/tests/oracles/goldens/wavelet_float.json");
    const auto json = nlohmann::json::parse(file);
    for (const auto& one : json["cases"]) {
        const auto size = one["size"].get<Index3>();
        const auto voxels = one["voxels"].get<std::vector<float>>();
        const Roi roi = find_roi(size, [&](int64_t, int64_t, uint8_t* row) { std::fill_n(row, size[0], 1); });
        const auto read = [&](int64_t j, int64_t k, int64_t i, int64_t count, float* to) {
            std::copy_n(voxels.begin() + (k * size[1] + j) * size[0] + i, count, to);
        };
        std::array<std::vector<double>, sub_bands> values;
        std::array<double*, sub_bands> out;
        for (size_t b = 0; b < sub_bands; ++b) out[b] = (values[b] = std::vector<double>(voxels.size())).data();
        wavelet<float>(roi, read, out);
        for (size_t b = 0; b < sub_bands; ++b) {
            const std::string name(image_type_names[b + 1].substr(8));
            EXPECT_EQ(values[b], one["bands"][name].get<std::vector<double>>()) << name;
        }
    }
}

}  // namespace
}  // namespace cmtl
