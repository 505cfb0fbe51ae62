// Zones against flooding.
#include "kernels/glszm.hpp"

#include "kernels/dialect.hpp"
#include "kernels/glszm.cuh"
#include "kernels/roi_case.hpp"
#include "reference/glszm.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
__global__ void join_roots_kernel(int32_t* parents, int32_t a, int32_t b) { forest::join_roots(parents, a, b); }
__global__ void root_kernel(int32_t* parents, int32_t v, int32_t* root) { *root = forest::root(parents, v); }
}  // namespace CMTL_TARGET
namespace {

template <class Target>
class Glszm : public KernelTest<Target> {};
TYPED_TEST_SUITE(Glszm, Targets);

using Zones = std::vector<std::pair<int, int64_t>>;

// (level, size) of all zones, from the table and the list.
Zones zones(const std::vector<uint32_t>& small, const std::vector<uint32_t>& records, uint32_t count) {
    Zones all;
    for (size_t i = 0; i < small.size(); ++i)
        for (uint32_t n = 0; n < small[i]; ++n)
            all.emplace_back(static_cast<int>(i) / glszm_small_size + 1,
                             static_cast<int64_t>(i) % glszm_small_size + 1);
    for (size_t i = 0; i < count; ++i) {
        EXPECT_GT(records[2 * i + 1], static_cast<uint32_t>(glszm_small_size));
        all.emplace_back(static_cast<int>(records[2 * i]), records[2 * i + 1]);
    }
    std::sort(all.begin(), all.end());
    return all;
}

template <class Target, class Level>
void expect_definition(const RoiCase& c) {
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const RoiOnDevice<Level> on(device, c, 1);
        const auto small = device.array<uint32_t>(static_cast<size_t>(c.highest * glszm_small_size), 77u);
        const auto records =
            device.array<ZoneRecord>(static_cast<size_t>(glszm_most_records(on.roi.count)), ZoneRecord{77, 77});
        const auto count = device.array<uint32_t>(1, 77u);
        const auto parents = device.array<int32_t>(static_cast<size_t>(on.roi.box.elements()), 77);
        std::vector<std::vector<uint32_t>> all;
        for (int call = 0; call < 2; ++call) {
            glszm<Target>(device.stream, on.roi, parents.data(), {small.data(), records.data(), count.data()});
            parents.host();  // its margins are checked, too
            all.push_back(small.host());
            all.push_back(count.host());
            std::vector<ZoneRecord> found = records.host();
            found.resize(std::min<size_t>(found.size(), all.back()[0]));
            std::sort(found.begin(), found.end(),
                      [](auto a, auto b) { return std::pair(a.level, a.size) < std::pair(b.level, b.size); });
            std::vector<uint32_t> flat;
            for (const ZoneRecord& r : found) flat.insert(flat.end(), {r.level, r.size});
            all.push_back(flat);
        }
        return all;
    });
    const auto expected = reference::glszm(c.sizes, c.levels);
    for (size_t call : {0u, 1u}) {
        ASSERT_EQ(results[3 * call + 2].size(), 2 * results[3 * call + 1][0]);
        EXPECT_EQ(zones(results[3 * call], results[3 * call + 2], results[3 * call + 1][0]), expected);
    }
}

TYPED_TEST(Glszm, EqualsItsDefinition) {
    for (const RoiCase& c : roi_cases()) {
        SCOPED_TRACE(c.name);
        each_level_type(c, [&](auto level) { expect_definition<TypeParam, decltype(level)>(c); });
    }
}

// Around the size from which zones are listed, and more zones in a row than a warp has lanes.
TYPED_TEST(Glszm, SmallAndLargeZonesPart) {
    for (int64_t size : {1, 2, 63, 64, 65, 66, 130}) {
        SCOPED_TRACE(size);
        expect_definition<TypeParam, uint8_t>(
            roi_case("rows", {1, 99, size}, 9,
                     [](int64_t, int64_t y, int64_t, int64_t) { return y % 2 ? 0 : static_cast<int>(y % 9) + 1; }));
        expect_definition<TypeParam, uint8_t>(
            roi_case("columns", {size, 1, 99}, 9,
                     [](int64_t, int64_t, int64_t x, int64_t) { return x % 2 ? 0 : static_cast<int>(x % 9) + 1; }));
    }
}

// More roots in a block's stretch than its table has places, and one zone all around.
TYPED_TEST(Glszm, MoreZonesThanABlockCanHold) {
    expect_definition<TypeParam, uint16_t>(
        roi_case("pairs in a sea", {12, 40, 120}, 250, [](int64_t z, int64_t y, int64_t x, int64_t) {
            return z % 2 == 0 && y % 2 == 0 && x % 3 < 2 ? static_cast<int>((z * 31 + y * 7 + x / 3) % 249) + 2 : 1;
        }));
}

// What a thread finds when others were faster: it hangs what was a root a moment ago.
TEST(GlszmTrees, RootsThatAreNoneAnyMoreAreJoinedAllTheSame) {
    TestDevice device(simt_runtime());
    struct Case {
        int32_t a, b;
        std::vector<int32_t> before, after;
    };
    for (const Case& c : {Case{5, 3, {-1, -1, -1, -1, -1, -1}, {-1, -1, -1, -1, -1, 3}},
                          Case{5, 3, {-1, -1, -1, -1, -1, 0}, {-1, -1, -1, 0, -1, 0}},    // 5 was hung from 0 meanwhile
                          Case{3, 5, {-1, -1, -1, -1, -1, 4}, {-1, -1, -1, -1, 3, 4}},    // from 4
                          Case{5, 3, {-1, -1, -1, 1, -1, -1}, {-1, -1, -1, 1, -1, 3}},    // 3 from 1: still an ancestor
                          Case{5, 3, {-1, -1, -1, 1, -1, 0}, {-1, 0, -1, 1, -1, 0}},      // both, from different ones
                          Case{5, 3, {-1, -1, -1, 1, -1, 1}, {-1, -1, -1, 1, -1, 1}}}) {  // both, from the same
        const auto parents = device.array(c.before);
        launch({"join_roots", dim3(1), dim3(1), 0, device.stream}, join_roots_kernel, parents.data(), c.a, c.b);
        EXPECT_EQ(parents.host(), c.after);
    }
}
TEST(GlszmTrees, PathsAreHalvedOnTheWayToTheRoot) {
    TestDevice device(simt_runtime());
    const auto parents = device.array(std::vector<int32_t>{-7, 0, 1, 2, 3, 4, 5});
    const auto root = device.array(std::vector<int32_t>{77});
    launch({"root", dim3(1), dim3(1), 0, device.stream}, root_kernel, parents.data(), 6, root.data());
    EXPECT_EQ(root.host()[0], 0);
    EXPECT_EQ(parents.host(), (std::vector<int32_t>{-7, 0, 0, 2, 2, 4, 4}));
}

}  // namespace
}  // namespace cmtl::kernels
