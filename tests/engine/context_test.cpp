#include "engine/context.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace cmtl {

TEST(Context, MakesTensors) {
    Context context;
    EXPECT_EQ(context.empty({2, 3}).dtype(), Dtype::f32);
    for (Dtype t : {Dtype::f32, Dtype::bf16, Dtype::f64, Dtype::i32, Dtype::i64, Dtype::u8}) {
        const Tensor zeros = context.zeros({3, 5}, t);
        EXPECT_EQ(zeros.dtype(), t);
        EXPECT_EQ(zeros.device(), Device{});
        for (size_t i = 0; i < zeros.bytes(); ++i) ASSERT_EQ(zeros.raw()[i], std::byte{0});
    }
    EXPECT_EQ(context.to_vector<float>(context.full({4}, 2.5f)), std::vector<float>(4, 2.5f));
    EXPECT_EQ(context.to_vector<int64_t>(context.from<int64_t>({2, 2}, std::vector<int64_t>{1, -2, 3, -4})), (std::vector<int64_t>{1, -2, 3, -4}));
    EXPECT_THROW(context.from<float>({3}, std::vector<float>{1, 2}), Error);
    EXPECT_EQ(context.zeros({0, 4}).count(), 0);
    EXPECT_TRUE(context.to_vector<float>(context.zeros({0, 4})).empty());
}

TEST(Context, CopiesInto) {
    Context context;
    const Tensor source = context.from<float>({2, 2}, std::vector<float>{1, 2, 3, 4}), target = context.zeros({2, 2});
    context.copy_into(source, target);
    EXPECT_EQ(context.to_vector<float>(target), context.to_vector<float>(source));
    EXPECT_THROW(context.copy_into(source, context.zeros({4})), Error);
    EXPECT_THROW(context.copy_into(source, context.zeros({2, 2}, Dtype::f64)), Error);
}

TEST(Context, CastsBetweenAllTypes) {
    Context context;
    const std::vector<float> values{0, 1, 2, 100, 127};  // every type holds them
    const Dtype types[] = {Dtype::f32, Dtype::bf16, Dtype::f64, Dtype::i32, Dtype::i64, Dtype::u8};
    const Tensor start = context.from<float>({5}, values);
    for (Dtype a : types)
        for (Dtype b : types) {
            const Tensor there = context.cast(context.cast(start, a), b);
            EXPECT_EQ(there.dtype(), b);
            EXPECT_EQ(context.to_vector<float>(context.cast(there, Dtype::f32)), values) << name_of(a) << " to " << name_of(b);
        }
    // A cast to the same type is a copy, not the same storage.
    EXPECT_NE(context.cast(start, Dtype::f32).raw(), start.raw());
    const Tensor signed_values = context.from<double>({3}, std::vector<double>{-1.5, 1e300, 0.1});
    const std::vector<float> f = context.to_vector<float>(context.cast(signed_values, Dtype::f32));
    EXPECT_EQ(f[0], -1.5f);
    EXPECT_EQ(f[1], std::numeric_limits<float>::infinity());
    EXPECT_EQ(f[2], 0.1f);
    EXPECT_EQ(context.to_vector<double>(context.cast(context.from<int64_t>({1}, std::vector<int64_t>{9007199254740991}), Dtype::f64))[0], 9007199254740991.0);
}

TEST(Context, CastsToBf16RoundToEven) {
    Context context;
    std::vector<float> values{1.0f, 1.00390625f, 1.01171875f, -1.00390625f, 3.4e38f, std::nanf("")};
    const std::vector<Bf16> cast = context.to_vector<Bf16>(context.cast(context.from<float>({6}, values), Dtype::bf16));
    EXPECT_EQ(static_cast<float>(cast[0]), 1.0f);
    EXPECT_EQ(static_cast<float>(cast[1]), 1.0f);         // half way: even below
    EXPECT_EQ(static_cast<float>(cast[2]), 1.015625f);    // half way: even above
    EXPECT_EQ(static_cast<float>(cast[3]), -1.0f);
    EXPECT_EQ(static_cast<float>(cast[4]), std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(static_cast<float>(cast[5])));
}

TEST(Context, ContextsDoNotKnowOfEachOther) {
    Context a, b;
    const Tensor kept = a.zeros({1000});
    EXPECT_GT(a.allocator().in_use(), 0u);
    EXPECT_EQ(b.allocator().in_use(), 0u);
}

// A tensor may outlive the context that made it.
TEST(Context, TensorsOutliveTheirContext) {
    Tensor survivor;
    {
        Context context;
        survivor = context.full({100}, 3);
    }
    for (float v : survivor.values<float>()) EXPECT_EQ(v, 3);
}

TEST(Device, ParsesItsSpellings) {
    EXPECT_EQ(parse_device("cpu"), Device{});
    EXPECT_NO_THROW(parse_device("auto"));
    EXPECT_EQ(to_string(Device{}), "cpu");
    EXPECT_EQ(to_string(Device{Device::Kind::cuda, 2}), "cuda:2");
    for (const char* bad : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cpu:0", "simt:1"}) {
        try {
            parse_device(bad);
            ADD_FAILURE() << "'" << bad << "' was accepted";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::usage) << e.what();
        }
    }
}

}  // namespace cmtl
