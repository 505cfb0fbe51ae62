// Run lengths against their definition.
#include "kernels/glrlm.hpp"
#include "kernels/roi_case.hpp"
#include "reference/glrlm.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Glrlm : public KernelTest<Target> {};
TYPED_TEST_SUITE(Glrlm, Targets);

template <class Target, class Level>
void expect_definition(const RoiCase& c, const std::vector<reference::Offset>& offsets) {
    const size_t directions = offsets.size();
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const RoiOnDevice<Level> on(device, c, 1);
        const auto where = device.array(voxel_offsets(offsets));
        const auto runs =
            device.array<uint32_t>(directions * static_cast<size_t>(c.highest * on.roi.box.longest()), 77u);
        const auto lines = device.array<uint32_t>(directions, 77u);
        std::vector<std::vector<uint32_t>> all;
        for (int call = 0; call < 2; ++call) {
            glrlm<Target>(device.stream, on.roi, static_cast<int>(directions), where.data(), runs.data(), lines.data());
            all.push_back(runs.host());
            all.push_back(lines.host());
        }
        return all;
    });
    std::vector<uint32_t> runs, lines;
    for (const auto& offset : offsets) {
        for (int64_t n : reference::glrlm(c.sizes, c.levels, c.highest, offset))
            runs.push_back(static_cast<uint32_t>(n));
        lines.push_back(reference::line_of_two(c.sizes, c.levels, offset));
    }
    for (size_t call : {0u, 1u}) {
        EXPECT_EQ(results[2 * call], runs);
        EXPECT_EQ(results[2 * call + 1], lines);
    }
}

TYPED_TEST(Glrlm, EqualsItsDefinition) {
    for (const RoiCase& c : roi_cases()) {
        SCOPED_TRACE(c.name);
        each_level_type(c,
                        [&](auto level) { expect_definition<TypeParam, decltype(level)>(c, reference::directions()); });
    }
}

TYPED_TEST(Glrlm, AnyDirections) {
    const RoiCase c = roi_cases()[5];
    expect_definition<TypeParam, uint8_t>(c, {{-1, 0, 0}, {0, -1, 1}, {-1, -1, -1}, {0, 0, -1}});
    expect_definition<TypeParam, uint8_t>(c, {});
}

// Voxels that meet on lines of some directions only, never as neighbours.
TYPED_TEST(Glrlm, LinesOfTwoAcrossGaps) {
    for (const auto& [dz, dy, dx] :
         {std::array{0, 0, 4}, {0, 5, 0}, {6, 0, 0}, {0, 3, 3}, {3, -3, 0}, {4, 4, -4}, {3, 2, 1}, {0, 1, 2}}) {
        const RoiCase c = roi_case("pair", {7, 7, 7}, 3, [&](int64_t z, int64_t y, int64_t x, int64_t) {
            const int64_t y0 = dy < 0 ? 6 : 1, x0 = dx < 0 ? 6 : 1;
            return (z == 0 && y == y0 && x == x0) || (z == dz && y == y0 + dy && x == x0 + dx) ? 3 : 0;
        });
        SCOPED_TRACE(testing::PrintToString(std::array{dz, dy, dx}));
        expect_definition<TypeParam, uint8_t>(c, reference::directions());
    }
}

}  // namespace
}  // namespace cmtl::kernels
