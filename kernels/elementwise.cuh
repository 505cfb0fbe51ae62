#pragma once
// Elementwise kernels: every byte is moved once, in vectors of up to 16 bytes, neighbours in neighbouring lanes. What is left over at
// the end, and everything where an address allows no vectors, goes element by element in the same kernel.
#include "kernels/elementwise.hpp"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// y[i] = function(sources[i]...); the first `vectors` * 4 elements in vectors.
template <class Function, class... Sources>
__global__ void __launch_bounds__(256)
map_kernel(int64_t count, int64_t vectors, Function function, float* y, const Sources*... sources) {
    for (int64_t v = first_item(); v < vectors; v += item_stride()) {
        const auto apply = [&](const auto&... in) {
            Vector<float, 4> out;
#pragma unroll
            for (int i = 0; i < 4; ++i) out[i] = function(in[i]...);
            return out;
        };
        store_vector<4>(y + 4 * v, apply(load_vector<4>(sources + 4 * v)...));
    }
    for (int64_t i = 4 * vectors + first_item(); i < count; i += item_stride()) y[i] = function(sources[i]...);
}

namespace elements {

struct Relu {
    __device__ float operator()(float x) const { return x < 0 ? 0.0f : x; }
};
struct ReluGradient {
    __device__ float operator()(float y, float dy) const { return y <= 0 ? 0.0f : dy; }
};
struct Add {
    __device__ float operator()(float a, float b) const { return a + b; }
};
struct Constant {
    float value;
    __device__ float operator()() const { return value; }
};

}  // namespace elements

// threadIdx.x along the columns of a tile, y along rows, four rows of a thread in flight.
template <int width>
__global__ void __launch_bounds__(256)
copy_columns_kernel(int64_t rows, int channels, const float* from, int64_t from_width, float* to, int64_t to_width) {
    const int channel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * width;
    if (channel >= channels) return;
    constexpr int batch = 4;
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * batch * blockDim.y + threadIdx.y; row < rows;
         row += static_cast<int64_t>(gridDim.y) * batch * blockDim.y) {
        Vector<float, width> v[batch];
#pragma unroll
        for (int j = 0; j < batch; ++j)
            if (row + j * blockDim.y < rows) v[j] = load_vector<width>(from + (row + j * blockDim.y) * from_width + channel);
#pragma unroll
        for (int j = 0; j < batch; ++j)
            if (row + j * blockDim.y < rows) store_vector<width>(to + (row + j * blockDim.y) * to_width + channel, v[j]);
    }
}

namespace elements {

struct Bf16Bits {
    uint16_t bits;
};

template <class To, class From>
__device__ __forceinline__ To converted(const From& value) {
    if constexpr (std::is_same_v<To, From>) {
        return value;
    } else if constexpr (std::is_same_v<From, Bf16Bits>) {
        return converted<To>(__uint_as_float(static_cast<unsigned>(value.bits) << 16));
    } else if constexpr (std::is_same_v<To, Bf16Bits>) {
        const unsigned u = __float_as_uint(static_cast<float>(value));
        const bool nan = (u & 0x7fffffffu) > 0x7f800000u;  // stays one, also where its low half alone says so
        return {static_cast<uint16_t>(nan ? (u >> 16) | 0x40 : (u + 0x7fff + ((u >> 16) & 1)) >> 16)};
    } else {
        return static_cast<To>(value);
    }
}

template <class To, class From>
constexpr int width() {
    return 16 / static_cast<int>(sizeof(To) > sizeof(From) ? sizeof(To) : sizeof(From));
}

}  // namespace elements

template <class To, class From>
__global__ void __launch_bounds__(256) convert_kernel(int64_t count, int64_t vectors, const From* from, To* to) {
    using namespace elements;
    constexpr int n = width<To, From>();
    for (int64_t v = first_item(); v < vectors; v += item_stride()) {
        const auto in = load_vector<n>(from + n * v);
        Vector<To, n> out;
#pragma unroll
        for (int i = 0; i < n; ++i) out[i] = converted<To>(in[i]);
        store_vector<n>(to + n * v, out);
    }
    for (int64_t i = n * vectors + first_item(); i < count; i += item_stride()) to[i] = converted<To>(from[i]);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
