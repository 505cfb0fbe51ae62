#pragma once
// Zeros for counts that atomics add to.
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// The first `vectors` * 4 words in vectors.
static __global__ void __launch_bounds__(256) clear_kernel(int64_t count, int64_t vectors, uint32_t* words) {
    for (int64_t v = first_item(); v < vectors; v += item_stride())
        store_vector<4>(words + 4 * v, filled_vector<4>(uint32_t{0}));
    for (int64_t i = 4 * vectors + first_item(); i < count; i += item_stride()) words[i] = 0;
}

// Host. `count` elements of 4 or 8 bytes.
template <class T>
inline void clear(Stream stream, int64_t count, T* values) {
    if (count <= 0) return;
    auto* const words = reinterpret_cast<uint32_t*>(values);
    const int64_t n = count * static_cast<int64_t>(sizeof(T) / 4),
                  vectors = vectors_fit<uint32_t>(4, 4, {words}) ? n / 4 : 0;
    launch({"clear", dim3(blocks_for(n / 4 + 1, 256, 4096)), dim3(256), 0, stream}, clear_kernel, n, vectors, words);
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
