#include "engine/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.hpp"

namespace cmtl {

Philox4 philox4x32_10(Philox4 c, std::array<uint32_t, 2> k) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53u} * c[0], b = uint64_t{0xCD9E8D57u} * c[2];
        c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
             static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c;
}

Philox4 philox(const RandomKey& key, uint64_t index) {
    const uint64_t sequence = key.subsequence();
    return philox4x32_10({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(sequence),
                          static_cast<uint32_t>(sequence >> 32)},
                         {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)});
}

// Draw j of stream `index` sits at counter index * 2^32 + j / 4: streams hold 2^34 words before they would touch.
uint32_t RandomStream::word() {
    if (used_ % 4 == 0) words_ = philox(key_, (index_ << 32) + used_ / 4);
    return words_[used_++ % 4];
}

double RandomStream::uniform() {
    const uint32_t low = word();
    const uint32_t high = word();
    return uniform_double(low, high);
}

double RandomStream::normal() {
    const double u = uniform();
    const double v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

double RandomStream::gamma(double alpha) {
    if (!(alpha > 0)) fail(ErrorKind::usage, "random", "alpha {} of a gamma distribution is not above 0", alpha);
    if (alpha < 1) {
        const double g = gamma(alpha + 1);
        const double u = uniform();
        return g * std::pow(u, 1 / alpha);
    }
    const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = normal();
        const double v = std::pow(1 + c * x, 3);
        if (v <= 0) continue;
        const double u = uniform();
        if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
}

void RandomStream::dirichlet(std::span<const double> alpha, std::span<double> weights) {
    require(alpha.size() == weights.size() && !alpha.empty(), "random", "{} weights for {} alphas", weights.size(), alpha.size());
    double sum = 0;
    for (size_t k = 0; k < alpha.size(); ++k) sum += weights[k] = gamma(alpha[k]);
    // All gammas underflow to 0 only for alphas far below 0.01; the uniform vector is then as good as any.
    for (double& w : weights) w = sum > 0 ? w / sum : 1.0 / static_cast<double>(weights.size());
}

std::vector<int64_t> permutation(const RandomKey& key, int64_t count) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (int64_t i = count - 1; i > 0; --i) {
        const uint32_t word = philox(key, static_cast<uint64_t>(i) / 4)[static_cast<size_t>(i % 4)];
        std::swap(order[static_cast<size_t>(i)], order[uniform_below(word, static_cast<uint32_t>(i + 1))]);
    }
    return order;
}

}  // namespace cmtl
