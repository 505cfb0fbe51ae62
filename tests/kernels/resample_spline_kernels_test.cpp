// Spline resampling along each axis against plain loops, to the bit; the whole of it against the CPU's.
#include "kernels/resample_spline.hpp"

#include "imaging/resample.hpp"
#include "kernels/kernel_case.hpp"
#include "reference/resample_spline.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class ResampleSpline : public KernelTest<Target> {};
TYPED_TEST_SUITE(ResampleSpline, Targets);

std::vector<float> hounsfield(int64_t count, uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = static_cast<float>(engine() % 4096000) / 1000 - 1024;
    return values;
}

std::vector<SplineTap> taps_of(int64_t in, int64_t out) {
    std::vector<SplineTap> taps;
    for (const cmtl::SplineTap& t : spline_taps(in, out))
        taps.push_back({t.first, {t.weight[0], t.weight[1], t.weight[2], t.weight[3]}});
    return taps;
}

std::vector<float> defined(const SplineLines& l, const std::vector<float>& x) {
    std::vector<float> y(static_cast<size_t>(l.outer * l.out * l.inner));
    const auto taps = taps_of(l.in, l.out);
    for (int64_t o = 0; o < l.outer; ++o)
        for (int64_t c = 0; c < l.inner; ++c) {
            std::vector<float> line;
            for (int64_t i = 0; i < l.in; ++i) line.push_back(x[static_cast<size_t>((o * l.in + i) * l.inner + c)]);
            const auto result = reference::resample_spline(line, taps);
            for (int64_t i = 0; i < l.out; ++i)
                y[static_cast<size_t>((o * l.out + i) * l.inner + c)] = result[static_cast<size_t>(i)];
        }
    return y;
}

template <class Target>
std::vector<float> resampled(TestDevice& device, const SplineLines& l, const std::vector<float>& x, size_t offset) {
    const auto in = device.array(x, offset),
               out = device.array(static_cast<size_t>(l.outer * l.out * l.inner), unwritten(), offset);
    const auto taps = device.array(taps_of(l.in, l.out));
    const auto scratch = device.array(resample_spline_scratch<Target>(l) / sizeof(double), 0.0);
    for (int call = 0; call < 2; ++call)
        resample_spline<Target>(device.stream, l, taps.data(), in.data(), out.data(), scratch.data());
    scratch.host();  // its margins are checked, too
    return out.host();
}

TYPED_TEST(ResampleSpline, EqualsItsDefinition) {
    for (const SplineLines& l : {SplineLines{1, 1, 1, 1}, SplineLines{1, 1, 5, 1}, SplineLines{1, 5, 1, 1},
                                 SplineLines{2, 2, 3, 1}, SplineLines{3, 27, 28, 1}, SplineLines{130, 33, 31, 1},
                                 SplineLines{129, 64, 32, 1}, SplineLines{5, 31, 97, 1}, SplineLines{1, 1, 4, 7},
                                 SplineLines{2, 3, 2, 3}, SplineLines{3, 40, 65, 67}, SplineLines{1, 33, 20, 129}}) {
        SCOPED_TRACE(testing::Message() << l.outer << " x " << l.in << " -> " << l.out << " x " << l.inner);
        const auto x = hounsfield(l.outer * l.in * l.inner, static_cast<uint64_t>(l.in));
        for (const size_t offset : {0u, 1u}) {
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                return std::vector<std::vector<float>>{resampled<TypeParam>(device, l, x, offset)};
            });
            EXPECT_TRUE(same_bits(results[0], defined(l, x)));
        }
    }
}

// More lines than there are places in scratch memory, so that blocks take several groups.
TYPED_TEST(ResampleSpline, ManyLines) {
    this->on_devices([](TestDevice& device) {
        for (const SplineLines& l : {SplineLines{65700, 2, 1, 1}, SplineLines{2, 1, 2, 32900}}) {
            const auto x = hounsfield(l.outer * l.in * l.inner, 7);
            EXPECT_TRUE(same_bits(resampled<TypeParam>(device, l, x, 0), defined(l, x)));
        }
    });
}

// A volume along x, y and z is what the CPU makes of it, whose compiler may fuse products and sums: to 1e-6 of the
// range.
TYPED_TEST(ResampleSpline, VolumesAsOnTheCpu) {
    this->on_devices([](TestDevice& device) {
        Geometry g;
        g.size = {37, 29, 11};
        Volume volume(g);
        volume.voxels = hounsfield(g.count(), 3);
        const Index3 size{45, 17, 23};
        auto x = resampled<TypeParam>(device, {g.size[1] * g.size[2], g.size[0], size[0], 1}, volume.voxels, 0);
        x = resampled<TypeParam>(device, {g.size[2], g.size[1], size[1], size[0]}, x, 0);
        x = resampled<TypeParam>(device, {1, g.size[2], size[2], size[0] * size[1]}, x, 0);
        const Volume expected = resample_cubic(volume, size);
        ASSERT_EQ(x.size(), expected.voxels.size());
        for (size_t n = 0; n < x.size(); ++n) ASSERT_NEAR(x[n], expected.voxels[n], 4096e-6) << n;
    });
}

TYPED_TEST(ResampleSpline, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        const auto y = device.array<float>(4, 7);
        resample_spline<TypeParam>(device.stream, {0, 5, 3, 1}, nullptr, y.data(), y.data(), nullptr);
        EXPECT_EQ(y.host(), std::vector<float>(4, 7));
    });
}

}  // namespace
}  // namespace cmtl::kernels
