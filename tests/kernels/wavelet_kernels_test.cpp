// The kernels of the wavelet against the definition, to the bit; PyWavelets' own sub-bands where those lie there.
#include "kernels/wavelet.hpp"

#include <array>
#include <functional>

#include "kernels/kernel_case.hpp"
#include "npy.hpp"
#include "reference/wavelet.hpp"
#include "test_data.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class Wavelet : public KernelTest<Target> {};
TYPED_TEST_SUITE(Wavelet, Targets);

template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
std::vector<T> some_values(int64_t count, uint64_t seed) {
    std::vector<T> v(static_cast<size_t>(count));
    std::mt19937_64 engine(seed);
    for (T& each : v) each = static_cast<T>(static_cast<double>(engine() % 4096000) / 1000 - 1024);
    return v;
}

using Size3 = std::array<int64_t, 3>;  // z, y, x
int64_t volume(const Size3& s) { return s[0] * s[1] * s[2]; }
int64_t even(int64_t n) { return n + n % 2; }

// An (outer, n, inner) image of an axis of even length n, of which outputs first to first + length - 1 are wanted.
struct Axis {
    int64_t outer, n, inner, first, length;
};

template <class Target, class T>
void check_axis(const Axis& a) {
    const auto image = some_values<T>(a.outer * a.n * a.inner, static_cast<uint64_t>(a.n));
    std::vector<T> x;
    for (int64_t o = 0; o < a.outer; ++o)
        for (int64_t i = a.first - 2; i < a.first + a.length + 3; ++i)
            for (int64_t c = 0; c < a.inner; ++c)
                x.push_back(image[static_cast<size_t>((o * a.n + (i + 4 * a.n) % a.n) * a.inner + c)]);
    std::vector<std::vector<T>> expected;
    for (const bool high_pass : {false, true}) {
        const auto all = reference::coif1(image, a.outer, a.n, a.inner, high_pass);
        expected.emplace_back();
        for (int64_t o = 0; o < a.outer; ++o)
            for (int64_t i = a.first; i < a.first + a.length; ++i)
                for (int64_t c = 0; c < a.inner; ++c)
                    expected.back().push_back(all[static_cast<size_t>((o * a.n + i) * a.inner + c)]);
    }
    for (const size_t offset : {0u, 1u}) {
        const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
            const auto in = device.array(x, offset), low = device.array<T>(expected[0].size(), -1, offset),
                       high = device.array<T>(expected[0].size(), -1, offset);
            wavelet_pass<Target, T>(device.stream, {a.outer, a.length, a.inner, a.first, a.n}, in.data(), low.data(),
                                    high.data());
            return std::vector<std::vector<T>>{low.host(), high.host()};
        });
        ASSERT_TRUE(same_bytes(results[0], expected[0])) << "low, " << a.outer << " x " << a.length << " x " << a.inner;
        ASSERT_TRUE(same_bytes(results[1], expected[1]))
            << "high, " << a.outer << " x " << a.length << " x " << a.inner;
    }
}

TYPED_TEST(Wavelet, AlongRows) {
    for (const Axis& a :
         {Axis{1, 2, 1, 0, 2}, Axis{1, 4, 1, 3, 1}, Axis{300, 6, 1, 2, 1}, Axis{7, 6, 1, 0, 6}, Axis{3, 520, 1, 5, 511},
          Axis{2, 520, 1, 7, 512}, Axis{3, 520, 1, 7, 513}, Axis{40, 48, 1, 0, 37}, Axis{31, 48, 1, 11, 37}}) {
        check_axis<TypeParam, double>(a);
        check_axis<TypeParam, float>(a);
    }
}

TYPED_TEST(Wavelet, AlongOtherAxes) {
    for (const Axis& a : {Axis{1, 2, 3, 0, 2}, Axis{2, 4, 5, 3, 1}, Axis{3, 40, 7, 0, 32}, Axis{3, 40, 7, 7, 33},
                          Axis{1, 72, 33, 4, 65}, Axis{5, 6, 129, 1, 5}}) {
        check_axis<TypeParam, double>(a);
        check_axis<TypeParam, float>(a);
    }
}

TYPED_TEST(Wavelet, OneFilterAlone) {
    this->on_devices([](TestDevice& device) {
        const auto x = some_values<double>((9 + 5) * (9 + 5) * 4, 3);
        const auto in = device.array(x);
        const auto both = [&](const WaveletLines& lines) {
            const auto count = static_cast<size_t>(lines.outer * lines.length * lines.inner);
            const auto low = device.array<double>(count, -1), high = device.array<double>(count, -1),
                       low_alone = device.array<double>(count, -1), high_alone = device.array<double>(count, -1);
            wavelet_pass<TypeParam, double>(device.stream, lines, in.data(), low.data(), high.data());
            wavelet_pass<TypeParam, double>(device.stream, lines, in.data(), low_alone.data(), nullptr);
            wavelet_pass<TypeParam, double>(device.stream, lines, in.data(), nullptr, high_alone.data());
            EXPECT_TRUE(same_bytes(low.host(), low_alone.host()));
            EXPECT_TRUE(same_bytes(high.host(), high_alone.host()));
        };
        both({56, 9, 1, 0, 10});
        both({14, 9, 4, 0, 10});
    });
}

TYPED_TEST(Wavelet, NothingToDo) {
    this->on_devices([](TestDevice& device) {
        const auto y = device.array<double>(4, 7);
        wavelet_pass<TypeParam, double>(device.stream, {0, 5, 3, 0, 8}, y.data(), y.data(), y.data());
        wavelet_gather<TypeParam, double>(device.stream, {1, 5, 3, 0, 8}, 0, nullptr, y.data(), y.data(), y.data());
        EXPECT_EQ(y.host(), std::vector<double>(4, 7));
    });
}

// PyWavelets 1.8: swt of six floats.
TYPED_TEST(Wavelet, FloatsAsPyWaveletsTakesThem) {
    const std::vector<float> x{3.25f, -7.5f, 1000.125f, -0.1f, 42.3f, 17.77f};
    const std::vector<float> low{-0x1.17b634p+6f, 0x1.79ab5ep+8f,  0x1.a741e0p+9f,
                                 0x1.61562ap+8f,  -0x1.dfddb4p+4f, 0x1.f2da7ap+3f};
    const std::vector<float> high{0x1.5a353cp+8f, -0x1.aa4832p+9f, 0x1.8ffcc2p+8f,
                                  0x1.57fb3cp+5f, -0x1.bf7258p+3f, 0x1.356a52p+6f};
    std::vector<float> wrapped;
    for (size_t i = 0; i < 11; ++i) wrapped.push_back(x[(i + 4) % 6]);
    this->on_devices([&](TestDevice& device) {
        const auto in = device.array(wrapped), a = device.array<float>(6, -1), b = device.array<float>(6, -1);
        wavelet_pass<TypeParam, float>(device.stream, {1, 6, 1, 0, 6}, in.data(), a.data(), b.data());
        EXPECT_EQ(a.host(), low);
        EXPECT_EQ(b.host(), high);
    });
}

// The whole transform of a box of an image with the ROI's voxels packed: eight sub-bands, first letter x, last z.
template <class Target, class T>
std::vector<std::vector<double>> sub_bands(TestDevice& device, const Size3& image, const std::vector<T>& voxels,
                                           const Size3& low, const Size3& size, const std::vector<int32_t>& offsets) {
    std::vector<T> region;
    const auto source = [](int64_t c, int64_t n) {
        const int64_t at = (c + 4 * even(n)) % even(n);
        return at < n ? at : 0;
    };
    for (int64_t z = low[0] - 2; z < low[0] + size[0] + 3; ++z)
        for (int64_t y = low[1] - 2; y < low[1] + size[1] + 3; ++y)
            for (int64_t x = low[2] - 2; x < low[2] + size[2] + 3; ++x)
                region.push_back(voxels[static_cast<size_t>(
                    (source(z, image[0]) * image[1] + source(y, image[1])) * image[2] + source(x, image[2]))]);
    const auto in = device.array(region);
    const auto list = device.array(offsets);
    const WaveletLines along_x{(size[0] + 5) * (size[1] + 5), size[2], 1, low[2], even(image[2])},
        along_y{size[0] + 5, size[1], size[2], low[1], even(image[1])},
        along_z{1, size[0], size[1] * size[2], low[0], even(image[0])};
    const auto count_x = static_cast<size_t>((size[0] + 5) * (size[1] + 5) * size[2]),
               count_y = static_cast<size_t>((size[0] + 5) * size[1] * size[2]);
    std::vector<DeviceArray<T>> x, y;
    std::vector<DeviceArray<double>> z;
    for (int b = 0; b < 2; ++b) x.push_back(device.array<T>(count_x, -1));
    wavelet_pass<Target, T>(device.stream, along_x, in.data(), x[0].data(), x[1].data());
    for (size_t a = 0; a < 2; ++a) {
        for (int b = 0; b < 2; ++b) y.push_back(device.array<T>(count_y, -1));
        wavelet_pass<Target, T>(device.stream, along_y, x[a].data(), y[2 * a].data(), y[2 * a + 1].data());
    }
    std::vector<std::vector<double>> bands;
    for (size_t a = 0; a < 4; ++a) {
        for (int b = 0; b < 2; ++b) z.push_back(device.array<double>(offsets.size(), -1));
        wavelet_gather<Target, T>(device.stream, along_z, static_cast<int64_t>(offsets.size()), list.data(),
                                  y[a].data(), z[2 * a].data(), z[2 * a + 1].data());
    }
    for (const auto& each : z) bands.push_back(each.host());
    return bands;
}

template <class Target, class T>
void check_whole(const Size3& image, const Size3& low, const Size3& size) {
    const auto voxels = some_values<T>(volume(image), 5);
    std::vector<int32_t> offsets;
    for (int64_t m = 0; m < volume(size); ++m)
        if (m % 7 != 3) offsets.push_back(static_cast<int32_t>(m));
    const auto bands = same_under_every_schedule<Target>(
        [&](TestDevice& device) { return sub_bands<Target, T>(device, image, voxels, low, size, offsets); });
    Size3 whole = {even(image[0]), even(image[1]), even(image[2])};
    std::vector<T> padded;
    for (int64_t z = 0; z < whole[0]; ++z)
        for (int64_t y = 0; y < whole[1]; ++y)
            for (int64_t x = 0; x < whole[2]; ++x)
                padded.push_back(
                    voxels[static_cast<size_t>((z % image[0] * image[1] + y % image[1]) * image[2] + x % image[2])]);
    for (size_t band = 0; band < 8; ++band) {
        const auto x = reference::coif1(padded, whole[0] * whole[1], whole[2], 1, band & 4);
        const auto y = reference::coif1(x, whole[0], whole[1], whole[2], band & 2);
        const auto z = reference::coif1(y, 1, whole[0], whole[1] * whole[2], band & 1);
        std::vector<double> expected;
        for (const int32_t o : offsets) {
            const int64_t plane = size[1] * size[2], k = low[0] + o / plane, j = low[1] + o % plane / size[2],
                          i = low[2] + o % size[2];
            expected.push_back(static_cast<double>(z[static_cast<size_t>((k * whole[1] + j) * whole[2] + i)]));
        }
        ASSERT_TRUE(same_bytes(bands[band], expected)) << "band " << band;
    }
}

TYPED_TEST(Wavelet, OfABoxInAllThreeAxes) {
    check_whole<TypeParam, double>({8, 7, 10}, {0, 0, 0}, {8, 7, 10});
    check_whole<TypeParam, float>({8, 7, 10}, {3, 2, 4}, {5, 5, 6});
    check_whole<TypeParam, double>({3, 4, 2}, {1, 3, 0}, {2, 1, 2});
    check_whole<TypeParam, double>({20, 18, 22}, {4, 5, 6}, {9, 10, 11});
    check_whole<TypeParam, float>({6, 6, 6}, {5, 5, 5}, {1, 1, 1});
}

TYPED_TEST(Wavelet, PyWaveletsSubBands) {
    CMTL_NEED_DATA("radiomics/oracle/cases.json");
    for (const std::string name : {"synth_tiny_even_10x12x14", "synth_tiny_odd_9x11x13"}) {
        const std::filesystem::path stem = test::data_folder() / "radiomics/oracle" / name;
        const auto image = test::read_npy<double>(stem.string() + "_image.npy");
        const Size3 size = {static_cast<int64_t>(image.shape[0]), static_cast<int64_t>(image.shape[1]),
                            static_cast<int64_t>(image.shape[2])};
        std::vector<int32_t> all(image.values.size());
        for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
        this->on_devices([&](TestDevice& device) {
            const auto bands = sub_bands<TypeParam, double>(device, size, image.values, {0, 0, 0}, size, all);
            for (size_t band = 0; band < 8; ++band) {
                const std::string letters{"LH"[band / 4], "LH"[band / 2 % 2], "LH"[band % 2]};
                const auto expected = test::read_npy<double>(stem.string() + "_wavelet-" + letters + ".npy");
                EXPECT_TRUE(same_bytes(bands[band], expected.values)) << name << ' ' << letters;
            }
        });
    }
}

}  // namespace
}  // namespace cmtl::kernels
