#include "kernels/adaptive_max_pool3d.hpp"

#include "kernels/kernel_case.hpp"
#include "reference/adaptive_max_pool3d.hpp"

namespace cmtl::kernels {

namespace {

struct Pooling {
    Sizes x;
    Axes out;
    AdaptiveMaxPool3dSizes sizes() const { return {x[0], x[4], {x[1], x[2], x[3]}, out}; }
};

const std::vector<Pooling> poolings{
    {{1, 1, 1, 1, 1}, 1},         {{2, 5, 4, 7, 3}, 1},          {{1, 6, 8, 9, 16}, {3, 4, 3}},
    {{2, 7, 5, 9, 5}, {4, 3, 2}}, {{1, 2, 3, 4, 17}, {5, 7, 4}}, {{1, 3, 8, 8, 4}, {4, 12, 18}},
    {{3, 4, 6, 9, 8}, {1, 6, 9}},
};

}  // namespace

template <class Target>
class AdaptiveMaxPool3dKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(AdaptiveMaxPool3dKernels, Targets);

// Ties, NaN and infinities among small integers: results, winners and gradients are exact.
TYPED_TEST(AdaptiveMaxPool3dKernels, AgreeWithTheDefinition) {
    for (const Pooling& p : poolings) {
        SCOPED_TRACE(p.out.text());
        Array x = random_integers(p.x, 1);
        if (x.count() > 20) x[3] = not_a_number, x[x.count() / 2] = infinity, x[x.count() - 2] = -infinity;
        std::vector<int64_t> winners;
        const Array y = reference::adaptive_max_pool3d(x, p.out, nullptr, &winners), dy = random_integers(y.sizes, 2);
        Array dx(x.sizes), positions(y.sizes);
        for (int64_t i = 0; i < y.count(); ++i) {
            const int64_t at = winners[static_cast<size_t>(i)];
            dx[at] += dy[i];
            positions[i] = static_cast<double>(at / p.x[4] % (p.x[1] * p.x[2] * p.x[3]));
        }
        const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
            const auto tx = device.array(floats(x)), ty = device.array(y.values.size(), unwritten()),
                       alone = device.array(y.values.size(), unwritten()), tdy = device.array(floats(dy)),
                       tdx = device.array(x.values.size(), unwritten());
            const auto winner = device.array(y.values.size(), int32_t{-1});
            adaptive_max_pool3d_forward<TypeParam>(device.stream, p.sizes(), tx.data(), ty.data(), winner.data());
            adaptive_max_pool3d_forward<TypeParam>(device.stream, p.sizes(), tx.data(), alone.data(), nullptr);
            adaptive_max_pool3d_backward<TypeParam>(device.stream, p.sizes(), tdy.data(), winner.data(), tdx.data());
            const std::vector<int32_t> won = winner.host();
            return std::vector<std::vector<float>>{ty.host(), alone.host(), tdx.host(),
                                                   std::vector<float>(won.begin(), won.end())};
        });
        expect_near(results[0], y, 0, "y");
        expect_near(results[1], y, 0, "y without winners");
        expect_near(results[2], dx, 0, "dx");
        expect_near(results[3], positions, 0, "winner");
    }
}

TYPED_TEST(AdaptiveMaxPool3dKernels, LaunchNothingForNothing) {
    this->on_devices([](TestDevice& device) {
        const AdaptiveMaxPool3dSizes s{0, 3, 4, 2};
        adaptive_max_pool3d_forward<TypeParam>(device.stream, s, nullptr, nullptr, nullptr);
        adaptive_max_pool3d_backward<TypeParam>(device.stream, s, nullptr, nullptr, nullptr);
    });
}

}  // namespace cmtl::kernels
