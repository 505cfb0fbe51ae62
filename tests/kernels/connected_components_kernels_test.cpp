// Components and holes against the CPU's: labels, sizes and masks are equal.
#include "kernels/connected_components.hpp"

#include <cmath>

#include "imaging/components.hpp"
#include "imaging/morphology.hpp"
#include "kernels/kernel_case.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class ConnectedComponents : public KernelTest<Target> {};
TYPED_TEST_SUITE(ConnectedComponents, Targets);

Mask mask_of(int64_t nx, int64_t ny, int64_t nz, const std::function<bool(int64_t, int64_t, int64_t, uint64_t)>& set) {
    Geometry g;
    g.size = {nx, ny, nz};
    Mask mask(g);
    std::mt19937_64 random(20201209);
    for (int64_t k = 0; k < nz; ++k)
        for (int64_t j = 0; j < ny; ++j)
            for (int64_t i = 0; i < nx; ++i)
                mask.at(i, j, k) = set(i, j, k, random() >> 1) ? static_cast<uint8_t>(1 + (i + j) % 3) : 0;
    return mask;
}

std::vector<std::pair<std::string, Mask>> masks() {
    const auto random = [](uint64_t percent) {
        return [=](int64_t, int64_t, int64_t, uint64_t r) { return r % 100 < percent; };
    };
    return {
        {"one set", mask_of(1, 1, 1, random(100))},
        {"one not set", mask_of(1, 1, 1, random(0))},
        {"none", mask_of(35, 4, 3, random(0))},
        {"all", mask_of(35, 9, 5, random(100))},
        {"row", mask_of(133, 1, 1, random(60))},
        {"column", mask_of(1, 133, 1, random(60))},
        {"stack", mask_of(1, 1, 133, random(60))},
        {"sparse", mask_of(31, 17, 13, random(12))},
        {"near the threshold", mask_of(33, 18, 21, random(31))},
        {"dense", mask_of(67, 19, 7, random(70))},
        {"spiral", mask_of(64, 64, 3,
                           [](int64_t i, int64_t j, int64_t, uint64_t) {
                               const double x = static_cast<double>(i) - 31.5, y = static_cast<double>(j) - 31.5;
                               const double turn = std::atan2(y, x) / 6.283185307179586, r = std::hypot(x, y) / 8;
                               return r - turn - std::floor(r - turn) < 0.5;
                           })},
        {"boxes in boxes", mask_of(37, 35, 33,
                                   [](int64_t i, int64_t j, int64_t k, uint64_t) {
                                       return std::min({i, j, k, 36 - i, 34 - j, 32 - k}) % 3 == 1;
                                   })},
        {"chessboard", mask_of(40, 12, 5, [](int64_t i, int64_t j, int64_t k, uint64_t) { return (i + j + k) % 2; })},
    };
}

struct Counted {
    std::vector<int32_t> labels, sizes;
};
Counted on_cpu(const Mask& mask, const ComponentOptions& options) {
    const Components parts(mask, options);
    Counted c{std::vector<int32_t>(mask.voxels.size(), 0), {}};
    for (int64_t k = 0; k < mask.nz(); ++k)
        parts.visit_slice(k, [&](int32_t component, int64_t at, int64_t count) {
            std::fill_n(c.labels.begin() + at, count, component + 1);
        });
    for (const Component& each : parts.list()) c.sizes.push_back(static_cast<int32_t>(each.voxels));
    return c;
}

TYPED_TEST(ConnectedComponents, EqualTheCpus) {
    for (const auto& [name, mask] : masks())
        for (int variant = 0; variant < 8; ++variant) {
            SCOPED_TRACE(name + ", variant " + std::to_string(variant));
            const bool corners = variant & 1, in_slices = variant & 2, background = variant & 4;
            const ComponentGrid grid{mask.nx(), mask.ny(), mask.nz(), corners, in_slices, background};
            const Counted expected =
                on_cpu(mask, {corners ? Connectivity::corners : Connectivity::faces, in_slices, background});
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto in = device.array(mask.voxels);
                const auto labels = device.array<int32_t>(mask.voxels.size(), 77);
                const auto count = device.array<int32_t>(1, 77),
                           sizes = device.array<int32_t>(expected.sizes.size(), 77);
                const auto scratch = device.array<std::byte>(connected_components_scratch<TypeParam>(grid) + 256, {});
                auto* const at =
                    reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(scratch.data()) + 255) / 256 * 256);
                for (int call = 0; call < 2; ++call) {
                    connected_components<TypeParam>(device.stream, grid, in.data(), labels.data(), count.data(), at);
                    component_sizes<TypeParam>(device.stream, grid.count(), labels.data(),
                                               static_cast<int64_t>(expected.sizes.size()), sizes.data());
                }
                scratch.host();  // its margins are checked, too
                return std::vector<std::vector<int32_t>>{count.host(), labels.host(), sizes.host()};
            });
            EXPECT_EQ(results[0], std::vector<int32_t>{static_cast<int32_t>(expected.sizes.size())});
            EXPECT_EQ(results[1], expected.labels);
            EXPECT_EQ(results[2], expected.sizes);
        }
}

// More components in a block's stretch than its table has places.
TYPED_TEST(ConnectedComponents, MoreThanABlockCanHold) {
    const Mask mask = mask_of(
        96, 50, 6, [](int64_t i, int64_t j, int64_t k, uint64_t) { return i % 2 == 0 && j % 2 == 0 && k % 2 == 0; });
    const Counted expected = on_cpu(mask, {});
    this->on_devices([&](TestDevice& device) {
        const auto labels = device.array(expected.labels);
        const auto sizes = device.array<int32_t>(expected.sizes.size(), 77);
        component_sizes<TypeParam>(device.stream, std::ssize(mask.voxels), labels.data(), std::ssize(expected.sizes),
                                   sizes.data());
        EXPECT_EQ(sizes.host(), expected.sizes);
    });
}

TYPED_TEST(ConnectedComponents, HolesAreFilledAsOnTheCpu) {
    for (const auto& [name, mask] : masks())
        for (const bool in_slices : {false, true}) {
            SCOPED_TRACE(name + (in_slices ? ", in slices" : ""));
            Mask expected = mask;
            fill_holes(expected, in_slices ? Element::disk : Element::ball);
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto in = device.array(mask.voxels);
                const auto parents = device.array<int32_t>(mask.voxels.size(), 77);
                for (int call = 0; call < 2; ++call)
                    fill_holes<TypeParam>(device.stream, {mask.nx(), mask.ny(), mask.nz(), true, in_slices}, in.data(),
                                          parents.data());
                parents.host();
                return std::vector<std::vector<uint8_t>>{in.host()};
            });
            EXPECT_EQ(results[0], expected.voxels);
        }
}

TYPED_TEST(ConnectedComponents, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        const auto count = device.array<int32_t>(1, 77);
        connected_components<TypeParam>(device.stream, {0, 4, 4}, nullptr, nullptr, count.data(), nullptr);
        component_sizes<TypeParam>(device.stream, 0, nullptr, 0, nullptr);
        fill_holes<TypeParam>(device.stream, {0, 4, 4}, nullptr, nullptr);
        EXPECT_EQ(count.host()[0], 0);
    });
}

}  // namespace
}  // namespace cmtl::kernels
