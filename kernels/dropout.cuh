#pragma once
// Dropout: one thread draws four words and serves four neighbours with a 16-byte load and store. 4 bytes read and 4 written an
// element and no mask in memory: the backward pass draws it again, which costs some 40 integer instructions for four elements.
#include "kernels/dialect.hpp"
#include "kernels/dropout.hpp"
#include "kernels/primitives/philox.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

__device__ __forceinline__ float dropped(uint32_t word, float threshold, float scale, float x) {
    return draws::uniform_float(word) > threshold ? x * scale : 0.0f;
}

__global__ void dropout_kernel(int64_t count, float threshold, float scale, DrawKey key, bool by_four, const float* x, float* y) {
    const draws::Key generator = generator_key(key);
    for (int64_t quad = first_item(); quad < (count + 3) / 4; quad += item_stride()) {
        const draws::Words words = draws::philox(generator, static_cast<uint64_t>(quad));
        const int64_t i = quad * 4;
        if (by_four && i + 4 <= count) {
            float4 v = reinterpret_cast<const float4*>(x)[quad];
            v.x = dropped(words.x, threshold, scale, v.x);
            v.y = dropped(words.y, threshold, scale, v.y);
            v.z = dropped(words.z, threshold, scale, v.z);
            v.w = dropped(words.w, threshold, scale, v.w);
            reinterpret_cast<float4*>(y)[quad] = v;
        } else {
            y[i] = dropped(words.x, threshold, scale, x[i]);
            if (i + 1 < count) y[i + 1] = dropped(words.y, threshold, scale, x[i + 1]);
            if (i + 2 < count) y[i + 2] = dropped(words.z, threshold, scale, x[i + 2]);
            if (i + 3 < count) y[i + 3] = dropped(words.w, threshold, scale, x[i + 3]);
        }
    }
}

// A thread an element: every element draws its channel's word again, which no table in memory has to hold.
__global__ void channel_dropout_kernel(int64_t count, int64_t sample, int64_t channels, float threshold, float scale, DrawKey key,
                                       const float* x, float* y) {
    const draws::Key generator = generator_key(key);
    for (int64_t i = first_item(); i < count; i += item_stride()) {
        const int64_t channel = i / sample * channels + i % channels;
        const draws::Words words = draws::philox(generator, static_cast<uint64_t>(channel / 4));
        const int of = static_cast<int>(channel % 4);
        y[i] = dropped(of == 0 ? words.x : of == 1 ? words.y : of == 2 ? words.z : words.w, threshold, scale, x[i]);
    }
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
