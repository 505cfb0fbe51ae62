#pragma once
// log, exp, sine and cosine of doubles with the same bits on every device, good to about one unit in the last place.
//
// The C library's and the GPU's functions differ in the last bit, and one bit can turn a rejection into an acceptance: the loss
// weights of a CPU and of a GPU would part. Everything here is made of additions, products, quotients and square roots alone,
// which IEEE 754 rounds the same way everywhere. One thing could still differ: a compiler may fuse a product and a sum into one
// instruction with a single rounding. product() is a product that is never fused; every product that meets a sum goes through
// it. On the host that holds where the compiler has no such instruction to use, so functions marked CMTL_MULTIARCH must not
// call what is in here.
#include <bit>
#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define CMTL_HOST_DEVICE __host__ __device__
#else
#define CMTL_HOST_DEVICE
#endif

// One program holds this code up to three times: for the host, inside simt and for GPUs.
#if defined(CMTL_TARGET)
#define CMTL_DRAWS_TARGET CMTL_TARGET
#else
#define CMTL_DRAWS_TARGET on_host
#endif

namespace cmtl::draws {
inline namespace CMTL_DRAWS_TARGET {

CMTL_HOST_DEVICE inline double product(double a, double b) {
#if defined(__CUDA_ARCH__)
    return __dmul_rn(a, b);
#else
    return a * b;
#endif
}

// ln 2 in two parts; the first has 21 zero bits at its end, so that its products with exponents are exact.
constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;

// x positive and normal.
// x = 2^k (1 + f) with 1 + f in [sqrt 1/2, sqrt 2); log(1 + f) = 2 artanh(s), s = f / (2 + f), whose series in s^2 <= 0.0295
// needs ten terms; 2 s = f - s f keeps f, which is exact, as the leading part.
CMTL_HOST_DEVICE inline double exact_log(double x) {
    const uint64_t bits = std::bit_cast<uint64_t>(x);
    int k = static_cast<int>(bits >> 52) - 1023;
    double m = std::bit_cast<double>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
    if (m > 1.4142135623730951) {
        m = m / 2;
        ++k;
    }
    const double f = m - 1, s = f / (2 + f), z = product(s, s);
    double series = 2.0 / 21;
    series = 2.0 / 19 + product(series, z);
    series = 2.0 / 17 + product(series, z);
    series = 2.0 / 15 + product(series, z);
    series = 2.0 / 13 + product(series, z);
    series = 2.0 / 11 + product(series, z);
    series = 2.0 / 9 + product(series, z);
    series = 2.0 / 7 + product(series, z);
    series = 2.0 / 5 + product(series, z);
    series = 2.0 / 3 + product(series, z);
    const double tail = product(s, f - product(series, z));
    return product(k, ln2_high) - ((tail - product(k, ln2_low)) - f);
}

// 0 below the smallest number; x at most 709.
// x = k ln 2 + r with |r| <= ln 2 / 2, where Taylor's series needs thirteen terms.
CMTL_HOST_DEVICE inline double exact_exp(double x) {
    if (x < -746) return 0;
    const double whole = std::floor(product(x, 1.4426950408889634) + 0.5);
    const double r = (x - product(whole, ln2_high)) - product(whole, ln2_low);
    double series = 1.0 / 6227020800;
    series = 1.0 / 479001600 + product(series, r);
    series = 1.0 / 39916800 + product(series, r);
    series = 1.0 / 3628800 + product(series, r);
    series = 1.0 / 362880 + product(series, r);
    series = 1.0 / 40320 + product(series, r);
    series = 1.0 / 5040 + product(series, r);
    series = 1.0 / 720 + product(series, r);
    series = 1.0 / 120 + product(series, r);
    series = 1.0 / 24 + product(series, r);
    series = 1.0 / 6 + product(series, r);
    series = 1.0 / 2 + product(series, r);
    series = 1.0 + product(series, r);
    series = 1.0 + product(series, r);
    // 2^k in two factors: results below the normal numbers are rounded once, by the second.
    const int k = static_cast<int>(whole), half = k / 2;
    const double first = std::bit_cast<double>(static_cast<uint64_t>(half + 1023) << 52);
    const double second = std::bit_cast<double>(static_cast<uint64_t>(k - half + 1023) << 52);
    return product(product(series, first), second);
}

struct CosineSine {
    double cosine, sine;
};

// cos(2 pi v) and sin(2 pi v), v in [0, 1]: of the distance to the nearest quarter, which is exact, by Taylor's series on
// [-pi / 4, pi / 4].
CMTL_HOST_DEVICE inline CosineSine exact_turn(double v) {
    const double quarter = std::floor(product(4, v) + 0.5);
    const double t = product(v - product(quarter, 0.25), 6.283185307179586), z = product(t, t);
    double s = 1.0 / 355687428096000;
    s = -1.0 / 1307674368000 + product(s, z);
    s = 1.0 / 6227020800 + product(s, z);
    s = -1.0 / 39916800 + product(s, z);
    s = 1.0 / 362880 + product(s, z);
    s = -1.0 / 5040 + product(s, z);
    s = 1.0 / 120 + product(s, z);
    s = -1.0 / 6 + product(s, z);
    s = t + product(product(s, z), t);
    double c = 1.0 / 20922789888000;
    c = -1.0 / 87178291200 + product(c, z);
    c = 1.0 / 479001600 + product(c, z);
    c = -1.0 / 3628800 + product(c, z);
    c = 1.0 / 40320 + product(c, z);
    c = -1.0 / 720 + product(c, z);
    c = 1.0 / 24 + product(c, z);
    c = -1.0 / 2 + product(c, z);
    c = 1.0 + product(c, z);
    switch (static_cast<int>(quarter) % 4) {
        case 0: return {c, s};
        case 1: return {-s, c};
        case 2: return {-c, -s};
        default: return {s, -c};
    }
}

}  // namespace CMTL_DRAWS_TARGET
}  // namespace cmtl::draws
