// Co-occurrence counts against their definition.
#include "kernels/glcm.hpp"
#include "kernels/roi_case.hpp"
#include "reference/glcm.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Glcm : public KernelTest<Target> {};
TYPED_TEST_SUITE(Glcm, Targets);

// Pairs in either order together.
std::vector<uint32_t> definition(const RoiCase& c, const std::vector<reference::Offset>& offsets) {
    std::vector<uint32_t> all;
    for (const auto& offset : offsets) {
        const auto counts = reference::glcm(c.sizes, c.levels, c.highest, offset);
        for (int a = 1; a <= c.highest; ++a)
            for (int b = 1; b <= a; ++b) {
                const auto count = [&](int i, int j) {
                    return counts[static_cast<size_t>((i - 1) * c.highest + j - 1)];
                };
                all.push_back(static_cast<uint32_t>(a == b ? count(a, a) : count(a, b) + count(b, a)));
            }
    }
    return all;
}

constexpr size_t h100 = 227 * 1024, turing = 64 * 1024;

template <class Target, class Level>
void expect_definition(const RoiCase& c, const std::vector<reference::Offset>& offsets, int64_t border, size_t shared) {
    const int directions = static_cast<int>(offsets.size());
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const RoiOnDevice<Level> on(device, c, border);
        const auto where = device.array(voxel_offsets(offsets));
        const auto counts = device.array<uint32_t>(static_cast<size_t>(directions * glcm_bins(c.highest)), 77u);
        std::vector<std::vector<uint32_t>> all;
        for (int call = 0; call < 2; ++call) {
            glcm<Target>(device.stream, on.roi, directions, where.data(), shared, counts.data());
            all.push_back(counts.host());
        }
        return all;
    });
    const auto expected = definition(c, offsets);
    EXPECT_EQ(results[0], expected);
    EXPECT_EQ(results[1], expected);
}

TYPED_TEST(Glcm, EqualsItsDefinition) {
    for (const RoiCase& c : roi_cases()) {
        SCOPED_TRACE(c.name);
        auto offsets = reference::directions();
        if (c.highest > 105) offsets = {offsets[0], offsets[6]};  // their tables are large
        each_level_type(c, [&](auto level) { expect_definition<TypeParam, decltype(level)>(c, offsets, 1, turing); });
    }
}

TYPED_TEST(Glcm, FartherNeighbours) {
    const RoiCase c =
        roi_case("20 levels", {9, 12, 30}, 20, [](auto, auto, auto, int64_t r) { return static_cast<int>(r % 21); });
    auto offsets = reference::directions(1);
    for (const auto& more : reference::directions(2)) offsets.push_back(more);
    ASSERT_EQ(offsets.size(), 13u + 49u);
    expect_definition<TypeParam, uint8_t>(c, offsets, 2, turing);
    expect_definition<TypeParam, uint8_t>(c, {{0, 0, 3}, {-3, 2, 0}}, 3, turing);
    expect_definition<TypeParam, uint8_t>(c, {}, 1, turing);
}

// 79 KiB of shared memory: a histogram that a block may have on one GPU and not on another.
TYPED_TEST(Glcm, SharedMemoryOfTheDeviceDoesNotShow) {
    const RoiCase c = roi_case("200 levels", {20, 30, 40}, 200, [](int64_t z, int64_t y, int64_t x, int64_t r) {
        return static_cast<int>((z + y + x + r % 9) % 200) + 1;
    });
    expect_definition<TypeParam, uint16_t>(c, {{0, 0, 1}, {1, -1, 1}}, 1, turing);
    if (std::is_same_v<TypeParam, Simt>) expect_definition<TypeParam, uint16_t>(c, {{0, 0, 1}, {1, -1, 1}}, 1, h100);
    expect_definition<TypeParam, uint16_t>(c, {{0, 0, 1}, {1, -1, 1}}, 1, 0);
}

TEST(GlcmBins, ArePairsInEitherOrder) {
    int64_t next = 0;
    for (int64_t a = 1; a <= 40; ++a)
        for (int64_t b = 1; b <= a; ++b) {
            EXPECT_EQ(glcm_bin(a, b), next);
            EXPECT_EQ(glcm_bin(b, a), next++);
        }
    EXPECT_EQ(glcm_bins(40), next);
}

}  // namespace
}  // namespace cmtl::kernels
