// Sums of GLCMs against their definition: integers equal, doubles to 1e-12.
#include "kernels/glcm.hpp"
#include "kernels/glcm_reduce.hpp"
#include "kernels/roi_case.hpp"
#include "reference/glcm.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class GlcmReduce : public KernelTest<Target> {};
TYPED_TEST_SUITE(GlcmReduce, Targets);

// counts: (a, b) by a, then b, for each direction.
using Counts = std::vector<std::vector<int64_t>>;

void expect_close(double actual, double expected, const char* what) {
    EXPECT_LE(std::abs(actual - expected), 1e-12 * std::abs(expected))
        << what << ": " << actual << ", expected " << expected;
}

template <class Target>
void expect_definition(int levels, const Counts& counts) {
    std::vector<uint32_t> bins;
    for (const auto& direction : counts)
        for (int a = 1; a <= levels; ++a)
            for (int b = 1; b <= a; ++b) {
                const auto count = [&](int i, int j) {
                    return direction[static_cast<size_t>((i - 1) * levels + j - 1)];
                };
                bins.push_back(static_cast<uint32_t>(a == b ? count(a, a) : count(a, b) + count(b, a)));
            }
    const int directions = static_cast<int>(counts.size());
    const GlcmIntegers at{levels};
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto source = device.array(bins);
        const auto integers = device.array<uint64_t>(static_cast<size_t>(directions * at.count()), 77u);
        const auto doubles = device.array(counts.size(), GlcmDoubles{7, 7, 7, 7, 7});
        const auto scratch =
            device.array<double>(glcm_reduce_scratch(levels, directions) / sizeof(double), unwritten());
        std::vector<std::vector<uint64_t>> all;
        for (int call = 0; call < 2; ++call) {
            glcm_reduce<Target>(device.stream, levels, directions, source.data(), integers.data(), doubles.data(),
                                scratch.data());
            scratch.host();  // its margins are checked, too
            all.push_back(integers.host());
            std::vector<uint64_t> bits(counts.size() * 5);
            const auto values = doubles.host();
            if (!values.empty()) std::memcpy(bits.data(), values.data(), bits.size() * sizeof(uint64_t));
            all.push_back(bits);
        }
        return all;
    });
    ASSERT_EQ(results[0], results[2]);
    ASSERT_EQ(results[1], results[3]);
    for (size_t d = 0; d < counts.size(); ++d) {
        SCOPED_TRACE(d);
        const reference::GlcmSums e = reference::glcm_sums(counts[d], levels);
        const uint64_t* const mine = results[0].data() + static_cast<int64_t>(d) * at.count();
        const auto part = [&](int64_t begin, size_t count) {
            return std::vector<int64_t>(mine + begin, mine + begin + count);
        };
        EXPECT_EQ(mine[at.total()], static_cast<uint64_t>(e.total));
        EXPECT_EQ(mine[at.product()], static_cast<uint64_t>(e.product));
        EXPECT_EQ(mine[at.most()], static_cast<uint64_t>(e.most));
        EXPECT_EQ(part(at.marginal(), e.marginal.size()), e.marginal);
        EXPECT_EQ(part(at.sums(), e.sums.size()), e.sums);
        EXPECT_EQ(part(at.differences(), e.differences.size()), e.differences);
        EXPECT_EQ(at.differences() + static_cast<int64_t>(e.differences.size()), at.count());
        GlcmDoubles got;
        std::memcpy(&got, results[1].data() + 5 * d, sizeof got);
        expect_close(got.energy, e.energy, "energy");
        expect_close(got.most, e.total ? static_cast<double>(e.most) / static_cast<double>(e.total) : 0, "most");
        expect_close(got.entropy, e.entropy, "entropy");
        expect_close(got.entropy1, e.entropy1, "entropy1");
        expect_close(got.entropy2, e.entropy2, "entropy2");
    }
}

TYPED_TEST(GlcmReduce, EqualsItsDefinition) {
    for (const RoiCase& c : roi_cases()) {
        SCOPED_TRACE(c.name);
        if (c.highest > 105) continue;
        Counts counts;
        for (const auto& offset : {reference::Offset{0, 0, 1}, {1, -1, 1}})
            counts.push_back(reference::glcm(c.sizes, c.levels, c.highest, offset));
        expect_definition<TypeParam>(c.highest, counts);
    }
    expect_definition<TypeParam>(5, {});
}

// Counts as of the largest ROI, of levels that are many or few; directions without pairs beside directions with one.
TYPED_TEST(GlcmReduce, LargeCountsAndEmptyDirections) {
    for (int levels : {1, 2, 33, 128, 129}) {
        SCOPED_TRACE(levels);
        const auto n = static_cast<size_t>(levels * levels);
        Counts counts(4, std::vector<int64_t>(n));
        std::mt19937_64 random(static_cast<uint64_t>(levels));
        for (size_t i = 0; i < n; ++i) counts[0][i] = static_cast<int64_t>(random() % (i % 3 ? 5 : 4000000000u / n));
        counts[1][n - 1] = 2000000000;
        counts[2][0] = 1;
        expect_definition<TypeParam>(levels, counts);
    }
}

}  // namespace
}  // namespace cmtl::kernels
