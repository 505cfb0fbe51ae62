// The generator beside NVIDIA's own, whose device header also compiles on the host.
#include <gtest/gtest.h>

#include "engine/random.hpp"

#ifdef CMTL_HAVE_CURAND
#include <cuda_runtime.h>
#include <curand_kernel.h>

namespace cmtl {

TEST(Curand, DrawsAreBitEqual) {
    for (uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{0xdeadbeefcafef00d}})
        for (Purpose purpose : {Purpose::initialise, Purpose::shift3d, Purpose::test})
            for (uint64_t step : {uint64_t{0}, uint64_t{123}, (uint64_t{1} << 40) - 1})
                for (uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{1000003}, uint64_t{1} << 31, (uint64_t{1} << 32) + 5, uint64_t{1} << 60}) {
                    const RandomKey key{seed, purpose, step};
                    curandStatePhilox4_32_10_t state;
                    curand_init(seed, key.subsequence(), 4 * index, &state);
                    const uint4 words = curand4(&state);
                    ASSERT_EQ(philox(key, index), (Philox4{words.x, words.y, words.z, words.w}))
                        << "seed " << seed << ", subsequence " << key.subsequence() << ", index " << index;
                }
}

TEST(Curand, ConsecutiveDrawsFollowTheIndex) {
    const RandomKey key{42, Purpose::dropout, 17};
    curandStatePhilox4_32_10_t state;
    curand_init(key.seed, key.subsequence(), 0, &state);
    for (uint64_t i = 0; i < 4000; ++i) ASSERT_EQ(curand(&state), philox(key, i / 4)[i % 4]) << i;
}

TEST(Curand, UniformsAreBitEqual) {
    const RandomKey key{42, Purpose::dropout, 18};
    curandStatePhilox4_32_10_t state;
    curand_init(key.seed, key.subsequence(), 0, &state);
    for (uint64_t i = 0; i < 4000; ++i) ASSERT_EQ(curand_uniform(&state), uniform_float(philox(key, i / 4)[i % 4])) << i;
}

}  // namespace cmtl
#else
TEST(Curand, DrawsAreBitEqual) { GTEST_SKIP() << "no CUDA toolkit: curand_kernel.h was not found"; }
#endif
