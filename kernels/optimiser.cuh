#pragma once
// SGD over many tensors at once: their addresses travel with the launch (2.2 KiB of the 4 KiB that all GPUs take), a block finds
// the tensor of its 4,096 elements by bisection. 12 bytes read and 8 written a parameter, with 16-byte accesses; the network's
// 80 parameters take two launches instead of 80.
#include "kernels/dialect.hpp"
#include "kernels/optimiser.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int sgd_tensors = 60;       // of one launch
constexpr int sgd_threads = 256;
constexpr int sgd_share = 4096;       // elements of a block

struct SgdTable {
    SgdTensor tensor[sgd_tensors];
    unsigned first_block[sgd_tensors];  // of each tensor
    int count;
};

struct SgdFactors {
    float learning_rate, momentum, weight_decay;
    bool nesterov;
};

__device__ __forceinline__ void sgd_element(const SgdFactors& f, float gradient, float& weight, float& velocity) {
    const float g = gradient + f.weight_decay * weight;
    velocity = f.momentum * velocity + g;
    weight -= f.learning_rate * (f.nesterov ? g + f.momentum * velocity : velocity);
}

__global__ void __launch_bounds__(sgd_threads) sgd_kernel(SgdTable table, SgdUpdate u) {
    if (u.guard && *u.guard != 0) return;  // NaN differs from 0, too
    int low = 0, high = table.count;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table.first_block[middle] <= blockIdx.x) low = middle;
        else high = middle;
    }
    const SgdTensor& t = table.tensor[low];
    const SgdFactors f{u.state ? static_cast<float>(u.state->learning_rate) : u.learning_rate, u.momentum, u.weight_decay, u.nesterov};
    const int64_t begin = static_cast<int64_t>(blockIdx.x - table.first_block[low]) * sgd_share;
    const int count = static_cast<int>(t.count - begin < sgd_share ? t.count - begin : sgd_share);
    float* const weight = t.weight + begin;
    float* const velocity = t.velocity + begin;
    const float* const gradient = t.gradient + begin;

    const bool aligned = (reinterpret_cast<uintptr_t>(weight) | reinterpret_cast<uintptr_t>(velocity) | reinterpret_cast<uintptr_t>(gradient)) % 16 == 0;
    const int quads = aligned ? count / 4 : 0;
    for (int i = static_cast<int>(threadIdx.x); i < quads; i += sgd_threads) {
        const float4 g = reinterpret_cast<const float4*>(gradient)[i];
        float4 w = reinterpret_cast<float4*>(weight)[i], v = reinterpret_cast<float4*>(velocity)[i];
        sgd_element(f, g.x, w.x, v.x);
        sgd_element(f, g.y, w.y, v.y);
        sgd_element(f, g.z, w.z, v.z);
        sgd_element(f, g.w, w.w, v.w);
        reinterpret_cast<float4*>(weight)[i] = w;
        reinterpret_cast<float4*>(velocity)[i] = v;
    }
    for (int i = quads * 4 + static_cast<int>(threadIdx.x); i < count; i += sgd_threads) {
        float w = weight[i], v = velocity[i];
        sgd_element(f, gradient[i], w, v);
        weight[i] = w;
        velocity[i] = v;
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
