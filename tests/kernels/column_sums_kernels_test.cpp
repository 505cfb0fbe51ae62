// Sums over the rows of a matrix, against sums in long double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/column_sums.hpp"
#include "kernels/kernel_test.hpp"

namespace cmtl::kernels {
namespace {

template <class Target>
class ColumnSums : public KernelTest<Target> {};
TYPED_TEST_SUITE(ColumnSums, Targets);

template <class Target>
std::vector<float> sums(TestDevice& device, int64_t rows, int64_t columns, const std::vector<float>& values,
                        size_t offset = 0) {
    const auto x = device.array(values, offset), result = device.array<float>(static_cast<size_t>(columns), -1);
    const auto scratch = device.array<double>(column_sums_scratch(rows, columns) / sizeof(double), 1e300);
    column_sums<Target>(device.stream, rows, columns, x.data(), result.data(), scratch.data());
    scratch.host();  // its margins are checked, too
    return result.host();
}

std::vector<float> definition(int64_t rows, int64_t columns, const std::vector<float>& x) {
    std::vector<float> result;
    for (int64_t c = 0; c < columns; ++c) {
        long double sum = 0;
        for (int64_t r = 0; r < rows; ++r) sum += static_cast<long double>(x[static_cast<size_t>(r * columns + c)]);
        result.push_back(static_cast<float>(sum));
    }
    return result;
}

TYPED_TEST(ColumnSums, AnyShape) {
    this->on_devices([](TestDevice& device) {
        for (const auto& [rows, columns] : {std::pair{1, 1},
                                            {1, 5},
                                            {7, 3},
                                            {255, 64},
                                            {256, 1},
                                            {257, 4},
                                            {3000, 12},
                                            {600, 130},
                                            {513, 516},
                                            {0, 3}}) {
            std::vector<float> x(static_cast<size_t>(rows * columns));
            for (size_t i = 0; i < x.size(); ++i)
                x[i] = static_cast<float>(static_cast<int>(i * 7919 % 2001) - 1000) / 8;
            for (size_t offset : {0u, 1u})  // the second breaks the alignment of 16-byte loads
                ASSERT_EQ(sums<TypeParam>(device, rows, columns, x, offset), definition(rows, columns, x))
                    << rows << " x " << columns;
        }
    });
}

// What cancels in double and would not in float: the gradient of a bias in front of a batch norm.
TYPED_TEST(ColumnSums, LosesNothingToCancellation) {
    this->on_devices([](TestDevice& device) {
        const int64_t rows = 2000, columns = 8;
        std::vector<float> x;
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < columns; ++c)
                x.push_back(r == 1777 ? 0.5f : (r % 2 ? -1e6f : 1e6f) * (1 + static_cast<float>(r / 2 % 3)));
        EXPECT_EQ(sums<TypeParam>(device, rows, columns, x), definition(rows, columns, x));
    });
}

TYPED_TEST(ColumnSums, NanAndInfinityStayInTheirColumn) {
    this->on_devices([](TestDevice& device) {
        std::vector<float> x(40 * 4, 1.0f);
        x[5 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
        x[9 * 4 + 2] = std::numeric_limits<float>::infinity();
        const std::vector<float> got = sums<TypeParam>(device, 40, 4, x);
        EXPECT_EQ(got[0], 40.0f);
        EXPECT_TRUE(std::isnan(got[1]));
        EXPECT_EQ(got[2], std::numeric_limits<float>::infinity());
        EXPECT_EQ(got[3], 40.0f);
    });
}

TEST(ColumnSumsRows, CoverEveryRowOnceInBoundedBlocks) {
    for (int64_t rows : {int64_t{1}, int64_t{256}, int64_t{257}, int64_t{262144}, int64_t{262145}, int64_t{15625000},
                         int64_t{1} << 40}) {
        const ColumnSumsRows cut = column_sums_rows(rows);
        EXPECT_LE(cut.blocks, 1024);
        EXPECT_GE(cut.blocks * cut.per_block, rows);
        EXPECT_LT((cut.blocks - 1) * cut.per_block, rows);
    }
}

}  // namespace
}  // namespace cmtl::kernels
