#pragma once
// A forest for union-find by many threads at a time, over the voxels of an image.
//
// parents[v] is negative for a tree's root, else a voxel of the same tree that lies before v; so trees are free of
// cycles whoever writes when, and a tree's root ends up as its first voxel. Where threads read what others change, they
// read by atomicLoad: an old value is an ancestor still.
#include "kernels/primitives/warp.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace forest {

constexpr int32_t lone = -1;  // a root that nobody counted at yet: its own voxel

// Any thread. Hangs voxels on the way from their grandparents.
__device__ __forceinline__ int32_t root(int32_t* parents, int32_t v) {
    int32_t parent = atomicLoad(parents + v);
    while (parent >= 0) {
        const int32_t grandparent = atomicLoad(parents + parent);
        if (grandparent < 0) return parent;
        atomicMin(parents + v, grandparent);  // whoever else halves here may have come further
        v = grandparent;
        parent = atomicLoad(parents + v);
    }
    return v;
}

// a and b were roots when the thread looked; others may have hung them since.
__device__ __forceinline__ void join_roots(int32_t* parents, int32_t a, int32_t b) {
    while (a != b) {
        const int32_t later = a > b ? a : b, first = a > b ? b : a;
        const int32_t found = atomicCAS(parents + later, lone, first);
        if (found == lone) return;
        a = root(parents, found);
        b = root(parents, first);
    }
}

__device__ __forceinline__ void join(int32_t* parents, int32_t a, int32_t b) {
    join_roots(parents, root(parents, a), root(parents, b));
}

// Places of an array, such as roots, and what a block's voxels add there: a tree of a million voxels gets an addition
// per block instead of queueing up at one address. threads: of a block.
template <int threads>
class RootTable {
  public:
    static constexpr int slots = 1024, probes = 4;
    __device__ RootTable(int32_t* roots, int32_t* sums) : roots_(roots), sums_(sums) {}

    // All threads.
    __device__ void clear() {
        for (int s = thread_rank(); s < slots; s += threads) {
            roots_[s] = -1;
            sums_[s] = 0;
        }
        __syncthreads();
    }
    // Any thread. What finds no room goes to the array at once.
    __device__ void add(int32_t* values, int32_t root, int by) {
        const unsigned hash = static_cast<unsigned>(root) * 2654435761u >> 22;
        for (unsigned probe = 0; probe < probes; ++probe) {
            const unsigned slot = (hash + probe) % slots;
            const int32_t there = atomicCAS(roots_ + slot, -1, root);
            if (there == -1 || there == root) {
                atomicAdd(sums_ + slot, by);
                return;
            }
        }
        atomicAdd(values + root, by);
    }
    // All threads.
    __device__ void flush(int32_t* values) {
        __syncthreads();
        for (int s = thread_rank(); s < slots; s += threads)
            if (sums_[s]) atomicAdd(values + roots_[s], sums_[s]);
    }

  private:
    int32_t *roots_, *sums_;
};

}  // namespace forest
}  // namespace CMTL_TARGET
}  // namespace cmtl::kernels
