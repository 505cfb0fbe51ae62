#pragma once
// Random draws, defined once for the host, simt and GPUs: the generator, the distributions, and what each purpose draws at which
// index. No function here has a state outside its arguments, and all of them give the same bits on every device.
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011), laid out as cuRAND lays it out: philox(key, i) equals
// the four words of curand4() after curand_init(key.seed, key.subsequence, 4 * i, &state).
//
// Words, uniforms, choices and comparisons with a probability are integers and exactly rounded floats; normal, gamma and
// Dirichlet draws stand on kernels/primitives/exact_math.hpp.
#include <cmath>
#include <cstdint>

#include "kernels/primitives/exact_math.hpp"

namespace cmtl::draws {
inline namespace CMTL_DRAWS_TARGET {

struct Words {
    uint32_t x, y, z, w;
};

struct Key {
    uint64_t seed, subsequence;
};

// Which sequence of the generator a purpose (a number below 2^24) draws from at a step (below 2^40).
CMTL_HOST_DEVICE inline uint64_t subsequence(uint32_t purpose, uint64_t step) { return (uint64_t{purpose} << 40) | step; }

// A step's micro-batches draw differently: the number of one (below 256) stands above the step's 32 bits, so that the
// first draws what a step in one batch draws. whole_step() is the same for all of them.
CMTL_HOST_DEVICE inline uint64_t micro_step(uint64_t step, uint64_t micro_batch) { return step | (micro_batch << 32); }
CMTL_HOST_DEVICE inline uint64_t whole_step(uint64_t step) { return step & 0xFFFFFFFFu; }

// Ten rounds on a 128-bit counter under a 64-bit key.
CMTL_HOST_DEVICE inline Words philox4x32_10(Words c, uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53u} * c.x, b = uint64_t{0xCD9E8D57u} * c.z;
        c = {static_cast<uint32_t>(b >> 32) ^ c.y ^ k0, static_cast<uint32_t>(b), static_cast<uint32_t>(a >> 32) ^ c.w ^ k1,
             static_cast<uint32_t>(a)};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// Four independent words for draw `index`.
CMTL_HOST_DEVICE inline Words philox(const Key& key, uint64_t index) {
    return philox4x32_10({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(key.subsequence),
                          static_cast<uint32_t>(key.subsequence >> 32)},
                         static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32));
}

// (0, 1], as curand_uniform maps a word. The factor is 2^-32, so only the sum rounds.
CMTL_HOST_DEVICE inline float uniform_float(uint32_t word) { return static_cast<float>(word) * 2.3283064e-10f + 1.1641532e-10f; }
// (0, 1) with 52 bits from two words: with 53 the largest would round to 1.
CMTL_HOST_DEVICE inline double uniform_double(uint32_t low, uint32_t high) {
    return (static_cast<double>(((uint64_t{high} << 32) | low) >> 12) + 0.5) * 0x1p-52;
}
// {0 .. count-1} from one word by multiplication; bias below count / 2^32.
CMTL_HOST_DEVICE inline uint32_t uniform_below(uint32_t word, uint32_t count) {
    return static_cast<uint32_t>((uint64_t{word} * count) >> 32);
}

struct NormalPair {
    double first, second;
};

// Two independent normal values from u and v in (0, 1): Box and Muller.
CMTL_HOST_DEVICE inline NormalPair normal_pair(double u, double v) {
    const double radius = std::sqrt(-2 * exact_log(u));
    const CosineSine angle = exact_turn(v);
    return {product(radius, angle.cosine), product(radius, angle.sine)};
}

// A stream of draws at one index, for algorithms that reject: word j comes from draw index * 2^32 + j / 4, so streams hold 2^34
// words before they would touch.
struct DrawStream {
    Key key;
    uint64_t index;
    uint32_t used = 0;
    Words words{};

    CMTL_HOST_DEVICE DrawStream(const Key& k, uint64_t i) : key(k), index(i) {}

    CMTL_HOST_DEVICE uint32_t word() {
        if (used % 4 == 0) words = philox(key, (index << 32) + used / 4);
        const uint32_t at = used++ % 4;
        return at == 0 ? words.x : at == 1 ? words.y : at == 2 ? words.z : words.w;
    }
    // (0, 1)
    CMTL_HOST_DEVICE double uniform() {
        const uint32_t low = word();
        const uint32_t high = word();
        return uniform_double(low, high);
    }
    // One of Box and Muller's pair.
    CMTL_HOST_DEVICE double normal() {
        const double u = uniform();
        const double v = uniform();
        return normal_pair(u, v).first;
    }
    // Gamma(alpha, 1), alpha > 0: Marsaglia and Tsang, ACM TOMS 2000, with their power boost below 1.
    CMTL_HOST_DEVICE double gamma(double alpha) {
        const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
        double draw = d;
        // One round in twenty rejects; the bound is for alphas that are not numbers, which no round accepts.
        for (int round = 0; round < 100; ++round) {
            const double x = normal(), t = 1 + product(c, x), v = product(product(t, t), t);
            if (v <= 0) continue;
            const double u = uniform();
            if (exact_log(u) < product(0.5 * x, x) + d - product(d, v) + product(d, exact_log(v))) {
                draw = product(d, v);
                break;
            }
        }
        return alpha < 1 ? product(draw, exact_exp(exact_log(uniform()) / alpha)) : draw;
    }
    // One draw of Dirichlet(alpha): normalised gammas, which sum to 1.
    CMTL_HOST_DEVICE void dirichlet(const double* alpha, double* weights, int count) {
        double sum = 0;
        for (int k = 0; k < count; ++k) sum += weights[k] = gamma(alpha[k]);
        // All gammas underflow to 0 only for alphas far below 0.01; the uniform vector is then as good as any.
        for (int k = 0; k < count; ++k) weights[k] = sum > 0 ? weights[k] / sum : 1.0 / count;
    }
};

}  // namespace CMTL_DRAWS_TARGET
}  // namespace cmtl::draws
