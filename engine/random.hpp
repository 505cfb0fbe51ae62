#pragma once
// Counter-based random numbers: every draw is a pure function of (seed, purpose, step, index), so results do not depend on
// threads, devices or the order of calls.
//
// The generator is Philox4x32-10 (Salmon et al., SC 2011), laid out as cuRAND lays it out: philox(key, i) equals the four
// words of curand4() after curand_init(key.seed, key.subsequence(), 4 * i, &state).
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/primitives/draws.hpp"

namespace cmtl {

// What a draw is for: streams of different purposes never overlap. Values are part of the checkpoint format.
enum class Purpose : uint32_t {
    initialise = 1, shuffle = 2, shift3d = 3, dropout = 4, loss_weights = 5, crop = 6, noise = 7, rotate = 8, split = 9,
    benchmark = 10, test = 11,
};

struct RandomKey {
    uint64_t seed = 0;
    Purpose purpose = Purpose::test;
    uint64_t step = 0;  // below 2^40

    uint64_t subsequence() const { return draws::subsequence(static_cast<uint32_t>(purpose), step); }
};

using Philox4 = std::array<uint32_t, 4>;

// Ten rounds on a 128-bit counter under a 64-bit key.
Philox4 philox4x32_10(Philox4 counter, std::array<uint32_t, 2> key);

// Four independent words for draw `index`.
Philox4 philox(const RandomKey& key, uint64_t index);

using draws::micro_step;
using draws::uniform_below;
using draws::uniform_double;
using draws::uniform_float;
using draws::whole_step;

// A stream of draws at one index, for algorithms that reject: word j comes from draw index * 2^32 + j / 4.
class RandomStream {
  public:
    RandomStream(const RandomKey& key, uint64_t index) : stream_({key.seed, key.subsequence()}, index) {}
    uint32_t word() { return stream_.word(); }
    double uniform() { return stream_.uniform(); }  // (0, 1)
    double normal() { return stream_.normal(); }    // Box-Muller, one of the pair
    uint32_t below(uint32_t count) { return uniform_below(word(), count); }
    // Gamma(alpha, 1), alpha > 0: Marsaglia and Tsang 2000, with their power boost below 1.
    double gamma(double alpha);
    // One draw of Dirichlet(alpha): normalised gammas. `weights` sums to 1.
    void dirichlet(std::span<const double> alpha, std::span<double> weights);

  private:
    draws::DrawStream stream_;
};

// A permutation of {0 .. count-1}: Fisher-Yates.
std::vector<int64_t> permutation(const RandomKey& key, int64_t count);

}  // namespace cmtl
