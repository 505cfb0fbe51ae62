// What imaging makes on the CPU, made on simt.
#include "device_imaging/device_operations.hpp"

#include <gtest/gtest.h>

#include "imaging/lungs.hpp"
#include "imaging/phantom.hpp"

namespace cmtl {
namespace {

class DeviceOperationsTest : public testing::Test {
  protected:
    Context context{ContextOptions{.device = {Device::Kind::simt}}};
    const DeviceOperations simt{context};
};

PhantomCase phantom(int severity) {
    PhantomOptions options;
    options.size = {78, 74, 53};
    options.spacing = {5, 5, 6};
    options.severity = severity;
    return phantom_case(7, options);
}

TEST_F(DeviceOperationsTest, ResampleAsOnTheCpu) {
    const Volume hu = phantom(1).hu;
    for (const Index3& size : {Index3{78, 74, 53}, Index3{97, 60, 70}, Index3{78, 90, 53}, Index3{1, 74, 20}}) {
        const Volume expected = resample_cubic(hu, size), found = simt.resample_cubic(hu, size);
        ASSERT_EQ(found.geometry, expected.geometry);
        ASSERT_EQ(found.voxels.size(), expected.voxels.size());
        for (size_t n = 0; n < found.voxels.size(); ++n) ASSERT_NEAR(found.voxels[n], expected.voxels[n], 4096e-6) << n;
    }
}

TEST_F(DeviceOperationsTest, MasksAsOnTheCpu) {
    const Mask lungs = phantom(2).lungs;
    for (const Element element : {Element::disk, Element::ball}) {
        EXPECT_EQ(simt.dilate(lungs, 11, element).voxels, dilate(lungs, 11, element).voxels);
        EXPECT_EQ(simt.close(lungs, 16, element).voxels, close(lungs, 16, element).voxels);
        Mask found = lungs, expected = lungs;
        simt.fill_holes(found, element);
        fill_holes(expected, element);
        EXPECT_EQ(found.voxels, expected.voxels);
    }
}

TEST_F(DeviceOperationsTest, ComponentsAsOnTheCpu) {
    const PhantomCase patient = phantom(2);
    Mask air(patient.hu.geometry);
    for (size_t n = 0; n < air.voxels.size(); ++n) air.voxels[n] = patient.hu.voxels[n] < -700;
    for (int variant = 0; variant < 8; ++variant) {
        const ComponentOptions options{variant & 1 ? Connectivity::corners : Connectivity::faces, (variant & 2) != 0,
                                       (variant & 4) != 0};
        const Components expected(air, options), found = simt.components(air, options);
        ASSERT_GT(expected.list().size(), 2u);
        ASSERT_EQ(found.list().size(), expected.list().size());
        for (size_t c = 0; c < found.list().size(); ++c) {
            const Component &f = found.list()[c], &e = expected.list()[c];
            EXPECT_EQ(f.voxels, e.voxels);
            EXPECT_EQ(f.low, e.low);
            EXPECT_EQ(f.high, e.high);
            EXPECT_EQ(f.centre, e.centre);
            EXPECT_EQ(f.touches_sides, e.touches_sides);
            EXPECT_EQ(f.touches_ends, e.touches_ends);
        }
        std::vector<uint8_t> values(found.list().size());
        for (size_t c = 0; c < values.size(); ++c) values[c] = static_cast<uint8_t>(c % 250 + 1);
        Mask a(air.geometry), b(air.geometry);
        found.paint(a, values);
        expected.paint(b, values);
        EXPECT_EQ(a.voxels, b.voxels);
    }
}

// Every step of the segmentation asks the operations that it is given, and the mask stays the same.
struct Counting : DeviceOperations {
    using DeviceOperations::DeviceOperations;
    Mask dilate(const Mask& m, double radius, Element e) const override {
        ++calls[0];
        return DeviceOperations::dilate(m, radius, e);
    }
    Mask close(const Mask& m, double radius, Element e) const override {
        ++calls[1];
        return DeviceOperations::close(m, radius, e);
    }
    void fill_holes(Mask& m, Element e) const override {
        ++calls[2];
        DeviceOperations::fill_holes(m, e);
    }
    Components components(const Mask& m, const ComponentOptions& o) const override {
        ++calls[3];
        return DeviceOperations::components(m, o);
    }
    mutable std::array<int, 4> calls{};
};

TEST_F(DeviceOperationsTest, LungsAsOnTheCpu) {
    for (const int severity : {0, 2}) {
        const Volume hu = phantom(severity).hu;
        const Counting run(context);
        LungOptions options;
        const Lungs expected = segment_lungs(hu, options);
        options.operations = &run;
        const Lungs found = segment_lungs(hu, options);
        EXPECT_EQ(found.mask.voxels, expected.mask.voxels);
        EXPECT_EQ(found.flags, expected.flags);
        EXPECT_EQ(found.trachea_ml, expected.trachea_ml);
        EXPECT_GT(found.litres(), 2);
        EXPECT_EQ(run.calls, (std::array<int, 4>{1, 2, 2, 5}));
    }
}

TEST(DeviceOperationsOnTheCpu, AreTheCpus) {
    Context context{ContextOptions{.device = {Device::Kind::cpu}}};
    const DeviceOperations run(context);
    const PhantomCase patient = phantom(0);
    const Index3 size{40, 41, 42};
    EXPECT_EQ(run.resample_cubic(patient.hu, size).voxels, resample_cubic(patient.hu, size).voxels);
    EXPECT_EQ(run.close(patient.lungs, 9, Element::ball).voxels, close(patient.lungs, 9, Element::ball).voxels);
}

}  // namespace
}  // namespace cmtl
