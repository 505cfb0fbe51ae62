#pragma once
#include "engine/context.hpp"
#include "engine/gpu/device_queue.hpp"
#include "engine/random.hpp"

namespace cmtl {

// A key as kernels take it: inside a recorded step its step is read from device memory whenever the recording is replayed.
inline kernels::DrawKey draw_key(const Context& context, const RandomKey& key) {
    return {key.seed, static_cast<uint32_t>(key.purpose), key.step, context.queue().step_state()};
}

}  // namespace cmtl
