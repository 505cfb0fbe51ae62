#include "kernels/elementwise.hpp"

#include <bit>

#include "kernels/kernel_case.hpp"
#include "reference/elementwise.hpp"

namespace cmtl::kernels {

namespace {

// With every kind of value, the ends of vectors, more than one block, and addresses that allow no vectors.
Array values(int64_t count, uint64_t seed) {
    Array a = random_values({count}, seed);
    const double special[]{0.0, -0.0, infinity, -infinity, not_a_number};
    for (int64_t i = 0; i < count; i += 7) a[i] = special[static_cast<size_t>(i / 7 + static_cast<int64_t>(seed)) % 5];
    return a;
}
const std::vector<int64_t> counts{0, 1, 2, 3, 4, 5, 31, 64, 127, 1000, 4099};

}  // namespace

template <class Target>
class ElementwiseKernels : public KernelTest<Target> {};
TYPED_TEST_SUITE(ElementwiseKernels, Targets);

TYPED_TEST(ElementwiseKernels, ReluAndItsGradient) {
    for (int64_t count : counts)
        for (size_t shift : {0, 1}) {
            const Array x = values(count, 1), y = reference::relu(x);
            Array dy = random_values({count}, 2);  // finite where x is not a number: it passes there
            if (count > 5) dy[5] = not_a_number;
            Array dx = dy;
            for (int64_t i = 0; i < count; ++i)
                if (y[i] <= 0) dx[i] = 0;
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto tx = device.array(floats(x), shift), ty = device.array(x.values.size(), unwritten(), shift);
                const auto tdy = device.array(floats(dy), shift), tdx = device.array(x.values.size(), unwritten(), shift);
                relu_forward<TypeParam>(device.stream, count, tx.data(), ty.data());
                relu_backward<TypeParam>(device.stream, count, ty.data(), tdy.data(), tdx.data());
                auto out = std::vector{ty.host(), tdx.host()};
                relu_backward<TypeParam>(device.stream, count, ty.data(), tdy.data(), tdy.data());  // in place
                relu_forward<TypeParam>(device.stream, count, tx.data(), tx.data());
                out.push_back(tx.host());
                out.push_back(tdy.host());
                return out;
            });
            expect_near(results[0], y, 0, "y");
            expect_near(results[1], dx, 0, "dx");
            expect_near(results[2], y, 0, "y in place");
            expect_near(results[3], dx, 0, "dx in place");
        }
}

TYPED_TEST(ElementwiseKernels, AddAccumulateAndFill) {
    for (int64_t count : counts)
        for (size_t shift : {0, 1, 4}) {
            const Array a = values(count, 3), b = values(count, 4);
            Array sum(a.sizes);
            for (int64_t i = 0; i < count; ++i) sum[i] = static_cast<double>(static_cast<float>(a[i] + b[i]));
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto ta = device.array(floats(a), shift), tb = device.array(floats(b)), ts = device.array(a.values.size(), unwritten());
                const auto constant = device.array(a.values.size(), unwritten(), shift);
                add<TypeParam>(device.stream, count, ta.data(), tb.data(), ts.data());
                accumulate<TypeParam>(device.stream, count, ta.data(), tb.data());
                fill<TypeParam>(device.stream, count, -2.5f, constant.data());
                return std::vector{ts.host(), ta.host(), constant.host(), tb.host()};
            });
            expect_near(results[0], sum, 0, "sum");
            expect_near(results[1], sum, 0, "accumulated");
            expect_near(results[2], Array({count}, -2.5), 0, "constant");
            expect_near(results[3], b, 0, "what was added");
        }
}

TYPED_TEST(ElementwiseKernels, PartsJoinAndSplit) {
    const std::vector<std::vector<int64_t>> widths{{1}, {1, 2}, {64, 64}, {16, 3}, {4, 8, 12}, {5, 1, 1, 1, 1, 1, 1, 2}, {512, 65}, {600, 8}};
    for (const auto& channels : widths)
        for (int64_t rows : {0, 1, 7, 130}) {
            std::vector<Array> parts;
            for (size_t k = 0; k < channels.size(); ++k) parts.push_back(random_values({rows, channels[k]}, k));
            int64_t width = 0;
            for (int64_t c : channels) width += c;
            Array whole({rows, width});
            if (rows) whole = reference::concat(parts);
            const auto results = same_under_every_schedule<TypeParam>([&](TestDevice& device) {
                const auto joined = device.array(whole.values.size(), unwritten()), source = device.array(floats(whole));
                std::vector<std::vector<float>> out;
                int64_t column = 0;
                for (size_t k = 0; k < parts.size(); ++k) {
                    const auto part = device.array(floats(parts[k])), back = device.array(parts[k].values.size(), unwritten());
                    copy_columns<TypeParam>(device.stream, rows, channels[k], part.data(), channels[k], joined.data() + column, width);
                    copy_columns<TypeParam>(device.stream, rows, channels[k], source.data() + column, width, back.data(), channels[k]);
                    out.push_back(back.host());
                    part.host();
                    column += channels[k];
                }
                out.push_back(joined.host());
                return out;
            });
            for (size_t k = 0; k < parts.size(); ++k) expect_near(results[k], parts[k], 0, "part");
            expect_near(results.back(), whole, 0, "whole");
        }
}

namespace {

// The definition of bf16: the nearest of the floats whose lower half is zero, ties to the even one. By search among the two neighbours.
uint16_t nearest_bf16(float value) {
    if (std::isnan(value)) return 0x7fc0;
    const uint32_t bits = std::bit_cast<uint32_t>(value), low = bits & 0xffff0000u;
    const uint32_t high = low + 0x10000u;  // away from zero; infinity counts as the next power of two
    const auto size = [](uint32_t b) { return (b & 0x7fffffffu) == 0x7f800000u ? std::ldexp(1.0, 128) : std::abs(static_cast<double>(std::bit_cast<float>(b))); };
    if (std::isinf(value)) return static_cast<uint16_t>(low >> 16);
    const double v = std::abs(static_cast<double>(value)), down = v - size(low), up = size(high) - v;
    const bool take_low = down < up || (down == up && ((low >> 16) & 1) == 0);
    return static_cast<uint16_t>((take_low ? low : high) >> 16);
}

template <class T>
constexpr Element element_of() {
    if constexpr (std::is_same_v<T, float>) return Element::f32;
    else if constexpr (std::is_same_v<T, uint16_t>) return Element::bf16;
    else if constexpr (std::is_same_v<T, double>) return Element::f64;
    else if constexpr (std::is_same_v<T, int32_t>) return Element::i32;
    else if constexpr (std::is_same_v<T, int64_t>) return Element::i64;
    else return Element::u8;
}

// Values that are the same number in From and To; bf16 stands for uint16_t here.
template <class Target, class To, class From>
void expect_converted(const std::vector<From>& from, const std::vector<To>& to) {
    for (size_t count : {size_t{0}, size_t{1}, size_t{5}, std::min<size_t>(17, from.size()), from.size()})
        for (size_t shift : {0, 1}) {
            const std::vector<From> source(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
            const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
                const auto a = device.array(source, shift);
                const auto b = device.array(count, To{}, shift);
                convert<Target>(device.stream, static_cast<int64_t>(count), element_of<From>(), a.data(), element_of<To>(), b.data());
                return std::vector<std::vector<To>>{b.host()};
            });
            for (size_t i = 0; i < count; ++i)
                ASSERT_EQ(results[0][i], to[i]) << "element " << i << " of " << count << ", types " << static_cast<int>(element_of<From>()) << " to "
                                                << static_cast<int>(element_of<To>());
        }
}

template <class T>
std::vector<T> integers_as() {
    std::vector<T> v;
    for (int i = 0; i < 1100; ++i) {
        const int value = i * 37 % 256;
        if constexpr (std::is_same_v<T, uint16_t>) v.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16));
        else v.push_back(static_cast<T>(value));
    }
    return v;
}

template <class Target, class From>
void expect_from() {
    expect_converted<Target>(integers_as<From>(), integers_as<float>());
    expect_converted<Target>(integers_as<From>(), integers_as<uint16_t>());
    expect_converted<Target>(integers_as<From>(), integers_as<double>());
    expect_converted<Target>(integers_as<From>(), integers_as<int32_t>());
    expect_converted<Target>(integers_as<From>(), integers_as<int64_t>());
    expect_converted<Target>(integers_as<From>(), integers_as<uint8_t>());
}

}  // namespace

TYPED_TEST(ElementwiseKernels, EveryTypeBecomesEveryOther) {
    expect_from<TypeParam, float>();
    expect_from<TypeParam, uint16_t>();
    expect_from<TypeParam, double>();
    expect_from<TypeParam, int32_t>();
    expect_from<TypeParam, int64_t>();
    expect_from<TypeParam, uint8_t>();
}

TYPED_TEST(ElementwiseKernels, Bf16IsRoundedToNearestEven) {
    std::vector<float> from;
    for (uint32_t high : {0u, 1u, 0x3f80u, 0x3f81u, 0x7f7fu, 0x007fu, 0x4049u})
        for (uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
            for (uint32_t sign : {0u, 0x80000000u}) from.push_back(std::bit_cast<float>(sign | high << 16 | low));
    from.insert(from.end(), {INFINITY, -INFINITY});
    std::vector<uint16_t> to;
    for (float v : from) to.push_back(nearest_bf16(v));
    expect_converted<TypeParam>(from, to);
    std::vector<double> wide(from.begin(), from.end());
    expect_converted<TypeParam>(wide, to);

    // NaN stays NaN, also where only its lower half says so; infinity and fractions go where C++ sends them.
    this->on_devices([](TestDevice& device) {
        const auto nan = device.array(std::vector<float>{std::bit_cast<float>(0x7f800001u), std::bit_cast<float>(0xffc00000u)});
        const auto bits = device.array(2, uint16_t{0});
        convert<TypeParam>(device.stream, 2, Element::f32, nan.data(), Element::bf16, bits.data());
        const std::vector<uint16_t> result = bits.host();
        EXPECT_EQ(result[0] & 0x7fc0, 0x7fc0);
        EXPECT_EQ(result[1], 0xffc0);
    });
    expect_converted<TypeParam>(std::vector<double>{1.99, -1.99, 1e300, 1 / 3.0, 16777217}, std::vector<float>{1.99f, -1.99f, INFINITY, 1 / 3.0f, 16777216});
    expect_converted<TypeParam>(std::vector<float>{1.99f, -1.99f, 3e9f, -0.5f, 0}, std::vector<int64_t>{1, -1, 3000000000, 0, 0});
    expect_converted<TypeParam>(std::vector<int64_t>{-1, 1ll << 40, 3, 4, 5}, std::vector<double>{-1, 1099511627776.0, 3, 4, 5});
}

}  // namespace cmtl::kernels
