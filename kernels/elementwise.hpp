#pragma once
// Launchers of the elementwise kernels. Pointers are device memory; `count` elements each.
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// y = x < 0 ? 0 : x (NaN stays). y may be x.
template <class Target>
void relu_forward(Stream stream, int64_t count, const float* x, float* y);
// dx = y <= 0 ? 0 : dy (where y is NaN, dy passes). dx may be dy.
template <class Target>
void relu_backward(Stream stream, int64_t count, const float* y, const float* dy, float* dx);

// sum = a + b; sum may be either.
template <class Target>
void add(Stream stream, int64_t count, const float* a, const float* b, float* sum);
// sum += more.
template <class Target>
void accumulate(Stream stream, int64_t count, float* sum, const float* more);
template <class Target>
void fill(Stream stream, int64_t count, float value, float* y);

// `channels` columns of a matrix whose rows lie `from_width` apart into one whose rows lie `to_width` apart: a part of a
// concatenation along the channels, or out of one.
template <class Target>
void copy_columns(Stream stream, int64_t rows, int64_t channels, const float* from, int64_t from_width, float* to, int64_t to_width);

// Element types, in the engine's order (engine/dtype.hpp).
enum class Element : uint8_t { f32, bf16, f64, i32, i64, u8 };

// Any type to any other: bf16 by way of f32, to bf16 rounded to nearest even, to integers towards zero.
template <class Target>
void convert(Stream stream, int64_t count, Element from_type, const void* from, Element to_type, void* to);

}  // namespace cmtl::kernels
