#include "engine/tensor.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "engine/context.hpp"

namespace cmtl {

namespace {
template <class Call>
void expect_internal(std::string_view tag, Call&& call) {
    try {
        call();
        ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::internal);
        EXPECT_TRUE(std::string_view(e.what()).starts_with(tag)) << e.what();
    }
}
}  // namespace

TEST(Shape, CountsComparesAndPrints) {
    const Shape shape{2, 17, 20, 18, 64};
    EXPECT_EQ(shape.rank(), 5);
    EXPECT_EQ(shape.count(), 2 * 17 * 20 * 18 * 64);
    EXPECT_EQ(shape[1], 17);
    EXPECT_EQ(shape[-1], 64);
    EXPECT_EQ(shape.text(), "2x17x20x18x64");
    EXPECT_EQ(Shape{}.count(), 1);
    EXPECT_EQ(Shape{}.text(), "scalar");
    EXPECT_EQ((Shape{3, 0, 2}).count(), 0);
    EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
    EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
    EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
    // More than 2^31 elements: the full cohort's volumes.
    EXPECT_EQ((Shape{60, 340, 390, 390}).count(), int64_t{60} * 340 * 390 * 390);
    expect_internal("[tensor]", [] { Shape{1, 2, 3, 4, 5, 6, 7}; });
    expect_internal("[tensor]", [] { Shape{1, -2}; });
}

TEST(Tensor, CopiesShareTheirElements) {
    Context context;
    Tensor a = context.full({2, 3}, 1);
    EXPECT_TRUE(a.unique());
    Tensor b = a;
    EXPECT_FALSE(a.unique());
    b.data<float>()[4] = 7;
    EXPECT_EQ(a.data<float>()[4], 7);
    const Tensor c = context.copy(a);
    a.data<float>()[0] = -1;
    EXPECT_EQ(c.data<float>()[0], 1);
    EXPECT_EQ(c.data<float>()[4], 7);
    b = Tensor();
    EXPECT_TRUE(a.unique());
    EXPECT_FALSE(b.defined());
}

TEST(Tensor, ReshapesInPlace) {
    Context context;
    Tensor a = context.zeros({2, 3, 4});
    a.set_requires_grad();
    const Tensor b = a.reshape({6, 4});
    EXPECT_EQ(b.shape(), (Shape{6, 4}));
    EXPECT_EQ(b.raw(), a.raw());
    EXPECT_FALSE(b.requires_grad());
    EXPECT_FALSE(a.detach().requires_grad());
    EXPECT_EQ(a.detach().raw(), a.raw());
    expect_internal("[tensor]", [&] { a.reshape({5, 5}); });
}

TEST(Tensor, IsReadAsItsOwnTypeOnly) {
    Context context;
    const Tensor integers = context.zeros({4}, Dtype::i64);
    EXPECT_NO_THROW(integers.data<int64_t>());
    expect_internal("[tensor]", [&] { integers.data<float>(); });
    expect_internal("[tensor]", [&] { context.zeros({4}).data<double>(); });
    expect_internal("[tensor]", [] { Tensor().data<float>(); });
    EXPECT_EQ(integers.bytes(), 32u);
    EXPECT_EQ(context.zeros({3}, Dtype::bf16).bytes(), 6u);
}

TEST(Tensor, OnlySinglePrecisionTakesGradients) {
    Context context;
    Tensor a = context.zeros({2});
    EXPECT_FALSE(a.requires_grad());
    EXPECT_FALSE(a.grad().defined());
    a.set_requires_grad();
    EXPECT_TRUE(a.requires_grad());
    EXPECT_FALSE(a.grad().defined());
    const auto slot = a.slot();
    a.set_requires_grad();  // again: keeps what has been accumulated
    EXPECT_EQ(a.slot(), slot);
    a.set_requires_grad(false);
    EXPECT_FALSE(a.requires_grad());
    Tensor integers = context.zeros({2}, Dtype::i32);
    expect_internal("[tensor]", [&] { integers.set_requires_grad(); });
}

}  // namespace cmtl
