// Dilation, erosion and closing against the CPU's, voxel by voxel.
#include "kernels/morphology.hpp"

#include "imaging/morphology.hpp"
#include "kernels/kernel_case.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Morphology : public KernelTest<Target> {};
TYPED_TEST_SUITE(Morphology, Targets);

Mask blobs(const Index3& size, const Vector3& spacing, uint64_t per_mille, uint64_t seed) {
    Geometry g;
    g.size = size;
    g.spacing = spacing;
    Mask mask(g);
    std::mt19937_64 random(seed);
    for (uint8_t& v : mask.voxels) v = random() % 1000 < per_mille ? static_cast<uint8_t>(1 + random() % 255) : 0;
    return mask;
}

Mask expected(const Mask& mask, double radius, Element element, MorphologyStep step) {
    return step == MorphologyStep::dilate  ? dilate(mask, radius, element)
           : step == MorphologyStep::erode ? erode(mask, radius, element)
                                           : close(mask, radius, element);
}

template <class Target>
std::vector<uint8_t> result(TestDevice& device, const Mask& mask, double radius, Element element, MorphologyStep step) {
    const auto& s = mask.geometry.spacing;
    const ElementChords chords = element_chords({s[0], s[1], s[2]}, radius, element == Element::ball);
    const auto chord = device.array(chords.chord);
    const ElementOnDevice on{chords.reach_x, chords.reach_y, chords.reach_z, chord.data()};
    const MaskGrid grid{mask.nx(), mask.ny(), mask.nz()};
    const auto in = device.array(mask.voxels), out = device.array<uint8_t>(mask.voxels.size(), 77);
    const auto scratch = device.array<uint32_t>(morphology_scratch(grid, on, step) / 4, 77u);
    for (int call = 0; call < 2; ++call)
        morphology<Target>(device.stream, grid, on, step, in.data(), out.data(), scratch.data());
    scratch.host();  // its margins are checked, too
    return out.host();
}

template <class Target>
void check(const Mask& mask, double radius) {
    for (const Element element : {Element::disk, Element::ball})
        for (const MorphologyStep step : {MorphologyStep::dilate, MorphologyStep::erode, MorphologyStep::close}) {
            SCOPED_TRACE(testing::Message()
                         << mask.nx() << " x " << mask.ny() << " x " << mask.nz() << ", " << radius << " mm, element "
                         << static_cast<int>(element) << ", step " << static_cast<int>(step));
            const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
                return std::vector<std::vector<uint8_t>>{result<Target>(device, mask, radius, element, step)};
            });
            EXPECT_EQ(results[0], expected(mask, radius, element, step).voxels);
        }
}

TYPED_TEST(Morphology, EqualsTheCpus) {
    for (const double radius : {0.3, 1.0, 2.5, 4.7}) {
        check<TypeParam>(blobs({1, 1, 1}, {1, 1, 1}, 1000, 1), radius);
        check<TypeParam>(blobs({1, 1, 1}, {1, 1, 1}, 0, 1), radius);
        check<TypeParam>(blobs({32, 5, 3}, {1, 1, 1}, 20, 2), radius);
        check<TypeParam>(blobs({33, 1, 4}, {0.7, 0.8, 2.5}, 50, 3), radius);
        check<TypeParam>(blobs({1, 31, 2}, {0.7, 0.8, 2.5}, 100, 4), radius);
        check<TypeParam>(blobs({31, 14, 9}, {0.9, 0.6, 1.25}, 980, 5), radius);
        check<TypeParam>(blobs({70, 19, 7}, {1.1, 0.9, 0.7}, 30, 6), radius);
    }
}

// Chords across words, and longer than the grid.
TYPED_TEST(Morphology, ElementsWiderThanWords) {
    for (const double radius : {3.1, 3.2, 6.3, 6.4, 6.5, 11.0, 30.0}) {
        check<TypeParam>(blobs({203, 3, 2}, {0.1, 20, 28}, 10, 7), radius);
        check<TypeParam>(blobs({203, 3, 2}, {0.1, 20, 28}, 995, 8), radius);
        check<TypeParam>(blobs({64, 3, 2}, {0.1, 20, 28}, 30, 9), radius);
    }
}

TYPED_TEST(Morphology, InPlaceAndNothingToDo) {
    this->on_devices([](TestDevice& device) {
        const Mask mask = blobs({40, 9, 3}, {1, 1, 1}, 50, 10);
        const ElementChords chords = element_chords({1, 1, 1}, 2, true);
        const auto chord = device.array(chords.chord);
        const ElementOnDevice on{chords.reach_x, chords.reach_y, chords.reach_z, chord.data()};
        const MaskGrid grid{40, 9, 3};
        const auto in = device.array(mask.voxels);
        const auto scratch = device.array<uint32_t>(morphology_scratch(grid, on, MorphologyStep::close) / 4, 77u);
        morphology<TypeParam>(device.stream, grid, on, MorphologyStep::close, in.data(), in.data(), scratch.data());
        morphology<TypeParam>(device.stream, {0, 9, 3}, on, MorphologyStep::close, nullptr, nullptr, nullptr);
        EXPECT_EQ(in.host(), close(mask, 2, Element::ball).voxels);
    });
}

}  // namespace
}  // namespace cmtl::kernels
