#pragma once
// How an operator's implementation on a device calls its kernels:
//     on_target(context, [&]<class Target>(Target) { kernels::relu_forward<Target>(context.stream(), ...); });
#include "engine/context.hpp"
#include "engine/implementation.hpp"
#include "kernels/target.hpp"

namespace cmtl {

// Calls `function` with the target of the context's device. A program built without CUDA has no contexts on cuda.
template <class Function>
void on_target(const Context& context, Function&& function) {
#if CMTL_HAVE_CUDA_KERNELS
    if (context.device().kind == Device::Kind::cuda) return function(kernels::Cuda{});
#else
    (void)context;
#endif
    function(kernels::Simt{});
}

// The usual first line of `supports` in engine/gpu.
inline Refusal only_on_gpu(const Context& context) { return context.on_gpu() ? Refusal{} : Refusal("runs on cuda and simt only"); }

}  // namespace cmtl
