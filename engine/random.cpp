#include "engine/random.hpp"

#include <numeric>

#include "base/error.hpp"

namespace cmtl {

Philox4 philox4x32_10(Philox4 c, std::array<uint32_t, 2> k) {
    const draws::Words words = draws::philox4x32_10({c[0], c[1], c[2], c[3]}, k[0], k[1]);
    return {words.x, words.y, words.z, words.w};
}

Philox4 philox(const RandomKey& key, uint64_t index) {
    const draws::Words words = draws::philox({key.seed, key.subsequence()}, index);
    return {words.x, words.y, words.z, words.w};
}

double RandomStream::gamma(double alpha) {
    if (!(alpha > 0)) fail(ErrorKind::usage, "random", "alpha {} of a gamma distribution is not above 0", alpha);
    return stream_.gamma(alpha);
}

void RandomStream::dirichlet(std::span<const double> alpha, std::span<double> weights) {
    require(alpha.size() == weights.size() && !alpha.empty(), "random", "{} weights for {} alphas", weights.size(), alpha.size());
    for (const double a : alpha)
        if (!(a > 0)) fail(ErrorKind::usage, "random", "alpha {} of a Dirichlet distribution is not above 0", a);
    stream_.dirichlet(alpha.data(), weights.data(), static_cast<int>(alpha.size()));
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
