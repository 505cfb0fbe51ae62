#pragma once
// Draws inside kernels. Everything is in draws.hpp, one source for host and device; this adds the key that may sit in device
// memory, so that a recorded training step draws anew each time it is replayed.
#include "kernels/dialect.hpp"
#include "kernels/primitives/draws.hpp"
#include "kernels/step_state.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__device__ __forceinline__ draws::Key generator_key(const DrawKey& key) {
    return {key.seed, draws::subsequence(key.purpose, key.state ? key.state->step : key.step)};
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
