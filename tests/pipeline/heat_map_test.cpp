// Grad-CAM's cells in the patient: against PyTorch's grid_sample, and where a CT's own coordinates say they lie.
#include "pipeline/heat_map.hpp"

#include <gtest/gtest.h>

#include "imaging/geometry.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

TEST(HeatMap, SpreadsOverTheInputAsPyTorchDoes) {
    Context context;
    const golden::File file(context, "grad_cam_full.safetensors");
    const std::vector<int64_t> size = file.metadata("case")["size"];
    PreparationOptions options;
    options.crop = {size[1], size[2], size[3]};
    options.size = {size[1] + 9, size[2] + 7, size[3] + 5};
    options.evaluation_offset = {4, 3, 2};
    options.spacing_mm = 1.5;
    const Geometry grid =
        prepared_image(std::vector<uint16_t>(static_cast<size_t>(options.size[0] * options.size[1] * options.size[2])),
                       options)
            .hu.geometry;
    for (const char* one : {"2_0", "2_1", "3_2"}) {
        const Tensor cells = file[std::string("cam_") + one];
        CamMap map{{cells.size(0), cells.size(1), cells.size(2)}, {}};
        for (const double v : file.values(std::string("cam_") + one)) map.values.push_back(static_cast<float>(v));
        const HeatImage heat = placed(map, grid, options);
        std::vector<float> spread;
        for (int64_t z = 0; z < size[1]; ++z)
            for (int64_t y = 0; y < size[2]; ++y)
                for (int64_t x = 0; x < size[3]; ++x)
                    spread.push_back(static_cast<float>(heat.at(index_to_lps(
                        grid, {static_cast<double>(x + 2), static_cast<double>(y + 3), static_cast<double>(z + 4)}))));
        const std::string name = std::string("spread_") + one;
        const auto expected = file.values(name);
        ASSERT_GT(golden::largest(expected), 0.01) << name;
        EXPECT_LE(golden::largest_difference(golden::subset(name, spread), expected), 1e-5 * golden::largest(expected))
            << name;
        EXPECT_EQ(heat.at(index_to_lps(grid, {1, 3, 4})), 0);  // before the crop
        EXPECT_EQ(heat.at(index_to_lps(grid, {static_cast<double>(size[3] + 2), 3, 4})), 0);
    }
}

TEST(HeatMap, CellsOfAFixedNumberShareTheInputOut) {
    PreparationOptions options;
    options.size = options.crop = {12, 12, 12};
    options.evaluation_offset = {0, 0, 0};
    const Geometry grid = prepared_image(std::vector<uint16_t>(12 * 12 * 12), options).hu.geometry;
    const HeatImage heat = placed({{1, 1, 5}, {1, 2, 3, 4, 5}}, grid, options);
    EXPECT_DOUBLE_EQ(heat.at({0.7, 0, 0}), 1);  // centres at 0.7, 3.1, 5.5, ...
    EXPECT_DOUBLE_EQ(heat.at({5.5, 0, 11}), 3);
    EXPECT_NEAR(heat.at({6.7, 3, 3}), 3.5, 1e-12);
}

}  // namespace
}  // namespace cmtl
