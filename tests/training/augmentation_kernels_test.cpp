// The augmentation on a device is that of the host, bit by bit.
#include <gtest/gtest.h>

#include "kernels/augmentation.hpp"
#include "kernels/kernel_test.hpp"
#include "training/augmentation.hpp"

namespace cmtl {
namespace {

using kernels::TestDevice;

template <class Target>
class AugmentationOnDevices : public kernels::KernelTest<Target> {};
TYPED_TEST_SUITE(AugmentationOnDevices, kernels::Targets);

kernels::AugmentedCrop crop_of(const Augmentation& a, const IntensityStatistics& statistics, const PreparationOptions& o, uint64_t case_number) {
    kernels::AugmentedCrop c{{}, {}, {}, a.noise_sd, case_number, o.clip, statistics.mean, statistics.deviation, a.quarter_turns, a.flip};
    for (size_t axis = 0; axis < 3; ++axis) {
        c.size[axis] = static_cast<int>(o.size[axis]);
        c.offset[axis] = static_cast<int>(a.offset[axis]);
        c.crop[axis] = static_cast<int>(o.crop[axis]);
    }
    return c;
}

TYPED_TEST(AugmentationOnDevices, IsTheHostsBitByBit) {
    this->on_devices([](TestDevice& device) {
        PreparationOptions o;
        o.size = {12, 41, 43};
        o.crop = {5, 35, 35};
        o.clip = 900;
        std::vector<uint16_t> host(12 * 41 * 43);
        for (size_t i = 0; i < host.size(); ++i)
            if (i % 5 != 0) host[i] = static_cast<uint16_t>(1 + philox({1, Purpose::test, 0}, i)[0] % 1100);
        const auto volume = device.array(host);
        const auto input = device.array<float>(5 * 35 * 35, -77);
        const IntensityStatistics statistics{321.7, 433.3};
        for (uint64_t number = 0; number < 24; ++number) {
            const Augmentation a{{static_cast<int64_t>(number % 7), 3, 8}, number % 3 ? 2.5 + static_cast<double>(number) : 0,
                                 static_cast<int>(number % 4), number % 8 >= 4};
            const uint64_t case_number = number * number * number * 9973;
            kernels::augmented_crop<TypeParam>(device.stream, crop_of(a, statistics, o, case_number),
                                               {5, static_cast<uint32_t>(Purpose::noise), number, nullptr}, volume.data(), input.data());
            ASSERT_EQ(input.host(), augmented_input(host, a, statistics, o, 5, number, case_number)) << "draw " << number;
        }
    });
}

}  // namespace
}  // namespace cmtl
