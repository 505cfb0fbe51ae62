#pragma once
// Vectors of neighbouring elements, moved by one instruction, and how blocks lie over matrices of them.
//
// A warp that loads 16 bytes a lane asks for 512 contiguous bytes at once: a quarter of the instructions of scalar loads, and enough
// bytes in flight to fill the memory's pipeline with few warps. Kernels take the number of elements as a template parameter and
// fall back to one where the number of channels or an address does not allow more.
#include <cstring>
#include <initializer_list>

#include "kernels/dialect.hpp"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

template <class T, int n>
struct alignas(sizeof(T) * n) Vector {
    static_assert((n & (n - 1)) == 0 && sizeof(T) * n <= 16, "one instruction moves at most 16 bytes");
    T at[n];
    __host__ __device__ T& operator[](int i) { return at[i]; }
    __host__ __device__ const T& operator[](int i) const { return at[i]; }
};

// `p` is a multiple of n * sizeof(T).
template <int n, class T>
__device__ __forceinline__ Vector<T, n> load_vector(const T* p) {
    return *reinterpret_cast<const Vector<T, n>*>(p);
}
template <int n, class T>
__device__ __forceinline__ void store_vector(T* p, const Vector<T, n>& v) {
    *reinterpret_cast<Vector<T, n>*>(p) = v;
}
template <int n, class T>
__device__ __forceinline__ Vector<T, n> filled_vector(T value) {
    Vector<T, n> v;
#pragma unroll
    for (int i = 0; i < n; ++i) v[i] = value;
    return v;
}

// Host: whether vectors of `n` elements of T may be used for rows of `channels` at these addresses (nullptr fits).
template <class T>
inline bool vectors_fit(int n, int64_t channels, std::initializer_list<const T*> pointers) {
    bool fit = channels % n == 0;
    for (const T* p : pointers) fit = fit && reinterpret_cast<uintptr_t>(p) % (sizeof(T) * static_cast<size_t>(n)) == 0;
    return fit;
}

// Blocks over a (rows, columns) matrix: threadIdx.x runs along the columns of a tile, threadIdx.y along rows, so a warp reads
// contiguous memory whatever the number of columns. Columns beyond `most` are cut into equal tiles.
struct RowTiles {
    unsigned tiles;   // gridDim.x
    unsigned across;  // blockDim.x
    unsigned down;    // blockDim.y
    dim3 block() const { return dim3(across, down); }
};
inline RowTiles row_tiles(int64_t columns, unsigned threads = 256, unsigned most = 128) {
    const unsigned wide = static_cast<unsigned>(columns < 1 ? 1 : columns);
    const unsigned tiles = (wide + most - 1) / most, across = (wide + tiles - 1) / tiles;
    return {tiles, across, threads / across};
}

}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
