#pragma once
// Updates of many tensors at once: their addresses travel with the launch (2.2 to 2.7 KiB of the 4 KiB that all GPUs
// take), a block finds the tensor of its 4,096 elements by bisection. SGD reads 12 bytes and writes 8 a parameter,
// AdamW 16 and 12, with 16-byte accesses; the network's 80 parameters take two launches instead of 80. Clipping reads
// the gradients once more (4 bytes) and adds their squares in an order that the sizes alone decide.
#include "kernels/dialect.hpp"
#include "kernels/optimiser.hpp"
#include "kernels/optimiser_control.hpp"
#include "kernels/primitives/block.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

constexpr int update_tensors = 60;  // of one launch
constexpr int update_threads = 256;

template <class Entry>
struct UpdateTable {
    Entry tensor[update_tensors];
    unsigned first_block[update_tensors];  // of each tensor
    int count;
};

// The elements of a block, and the tensor they belong to.
struct UpdateShare {
    int tensor, count;
    int64_t begin;
};
template <class Entry>
__device__ __forceinline__ UpdateShare share_of_block(const UpdateTable<Entry>& table) {
    int low = 0, high = table.count;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table.first_block[middle] <= blockIdx.x)
            low = middle;
        else
            high = middle;
    }
    const int64_t begin = (blockIdx.x - table.first_block[low]) * update_share;
    const int64_t left = table.tensor[low].count - begin;
    return {low, static_cast<int>(left < update_share ? left : update_share), begin};
}

__device__ __forceinline__ bool aligned16(const void* a, const void* b = nullptr, const void* c = nullptr,
                                          const void* d = nullptr) {
    const auto bits = [](const void* p) { return reinterpret_cast<uintptr_t>(p); };
    return (bits(a) | bits(b) | bits(c) | bits(d)) % 16 == 0;
}

struct SgdFactors {
    float learning_rate, momentum, weight_decay, scale;
    bool nesterov;
};

__device__ __forceinline__ void sgd_element(const SgdFactors& f, float gradient, float& weight, float& velocity) {
    const float g = f.scale * gradient + f.weight_decay * weight;
    velocity = f.momentum * velocity + g;
    weight -= f.learning_rate * (f.nesterov ? g + f.momentum * velocity : velocity);
}

__global__ void __launch_bounds__(update_threads) sgd_kernel(UpdateTable<SgdTensor> table, SgdUpdate u) {
    if (u.guard && *u.guard != 0) return;  // NaN differs from 0, too
    const UpdateShare share = share_of_block(table);
    const SgdTensor& t = table.tensor[share.tensor];
    const SgdFactors f{u.state ? static_cast<float>(u.state->learning_rate) : u.learning_rate, u.momentum,
                       u.weight_decay, u.scale ? static_cast<float>(*u.scale) : 1.0f, u.nesterov};
    float* const weight = t.weight + share.begin;
    float* const velocity = t.velocity + share.begin;
    const float* const gradient = t.gradient + share.begin;

    const int quads = aligned16(weight, velocity, gradient) ? share.count / 4 : 0;
    for (int i = static_cast<int>(threadIdx.x); i < quads; i += update_threads) {
        const float4 g = reinterpret_cast<const float4*>(gradient)[i];
        float4 w = reinterpret_cast<float4*>(weight)[i], v = reinterpret_cast<float4*>(velocity)[i];
        sgd_element(f, g.x, w.x, v.x);
        sgd_element(f, g.y, w.y, v.y);
        sgd_element(f, g.z, w.z, v.z);
        sgd_element(f, g.w, w.w, v.w);
        reinterpret_cast<float4*>(weight)[i] = w;
        reinterpret_cast<float4*>(velocity)[i] = v;
    }
    for (int i = quads * 4 + static_cast<int>(threadIdx.x); i < share.count; i += update_threads) {
        float w = weight[i], v = velocity[i];
        sgd_element(f, gradient[i], w, v);
        weight[i] = w;
        velocity[i] = v;
    }
}

struct AdamWFactors {
    float scale, decay, step_size, root, take_mean, keep_square, take_square, epsilon;
};

__device__ __forceinline__ void adamw_element(const AdamWFactors& f, float gradient, float& weight, float& mean,
                                              float& square) {
    const float g = f.scale * gradient;
    mean += f.take_mean * (g - mean);
    square = f.keep_square * square + f.take_square * g * g;
    weight = f.decay * weight - f.step_size * (mean / (sqrtf(square) / f.root + f.epsilon));
}

__global__ void __launch_bounds__(update_threads) adamw_kernel(UpdateTable<AdamWTensor> table, AdamWUpdate u) {
    if (u.guard && *u.guard != 0) return;
    const UpdateShare share = share_of_block(table);
    const AdamWTensor& t = table.tensor[share.tensor];
    const UpdateControl& c = *u.control;
    const AdamWFactors f{static_cast<float>(c.scale),
                         static_cast<float>(c.decay),
                         static_cast<float>(c.step_size),
                         static_cast<float>(c.root),
                         u.take_mean,
                         u.keep_square,
                         u.take_square,
                         u.epsilon};
    float* const weight = t.weight + share.begin;
    float* const mean = t.mean + share.begin;
    float* const square = t.square + share.begin;
    const float* const gradient = t.gradient + share.begin;

    const int quads = aligned16(weight, mean, square, gradient) ? share.count / 4 : 0;
    for (int i = static_cast<int>(threadIdx.x); i < quads; i += update_threads) {
        const float4 g = reinterpret_cast<const float4*>(gradient)[i];
        float4 w = reinterpret_cast<float4*>(weight)[i], m = reinterpret_cast<float4*>(mean)[i],
               s = reinterpret_cast<float4*>(square)[i];
        adamw_element(f, g.x, w.x, m.x, s.x);
        adamw_element(f, g.y, w.y, m.y, s.y);
        adamw_element(f, g.z, w.z, m.z, s.z);
        adamw_element(f, g.w, w.w, m.w, s.w);
        reinterpret_cast<float4*>(weight)[i] = w;
        reinterpret_cast<float4*>(mean)[i] = m;
        reinterpret_cast<float4*>(square)[i] = s;
    }
    for (int i = quads * 4 + static_cast<int>(threadIdx.x); i < share.count; i += update_threads) {
        float w = weight[i], m = mean[i], s = square[i];
        adamw_element(f, gradient[i], w, m, s);
        weight[i] = w;
        mean[i] = m;
        square[i] = s;
    }
}

__global__ void __launch_bounds__(update_threads) sum_squares_kernel(UpdateTable<GradientTensor> table, double* sums) {
    const UpdateShare share = share_of_block(table);
    const float* const gradient = table.tensor[share.tensor].gradient + share.begin;
    const auto square = [](float g) { return static_cast<double>(g) * static_cast<double>(g); };
    double sum = 0;
    const int quads = aligned16(gradient) ? share.count / 4 : 0;
    for (int i = static_cast<int>(threadIdx.x); i < quads; i += update_threads) {
        const float4 g = reinterpret_cast<const float4*>(gradient)[i];
        sum += (square(g.x) + square(g.y)) + (square(g.z) + square(g.w));
    }
    for (int i = quads * 4 + static_cast<int>(threadIdx.x); i < share.count; i += update_threads)
        sum += square(gradient[i]);
    sum = block_reduce(sum, Sum{});
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// One block: some thousand sums, then a handful of numbers.
__global__ void __launch_bounds__(update_threads)
    prepare_update_kernel(UpdateRules rules, const double* sums, int64_t blocks, UpdateControl* control) {
    if (rules.guard && *rules.guard != 0) return;
    double squares = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += update_threads) squares += sums[i];
    squares = block_reduce(squares, Sum{});
    if (threadIdx.x != 0) return;
    UpdateControl next = *control;
    next_update(rules, rules.state ? rules.state->learning_rate : rules.learning_rate, sums ? squares : -1.0, next);
    *control = next;
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
