#pragma once
// Sorting, selecting and counting runs on a device: the one seam to cub's device-wide algorithms. On simt they are
// kernels of our own (kernels/device_algorithms_simt.cuh) with the same results, bit for bit. Everything is enqueued on
// the stream, launches and all, and can be recorded. Pointers are device memory that does not overlap; counts are below
// 2^31. Scratch memory is 256-byte aligned.
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::kernels {

// keys in ascending order. Key: uint64_t, of which only the lowest `bits` are looked at, or double, where `bits` is 64:
// -0 equals 0, NaN comes after infinity, and NaN with its sign set before -infinity. Stable: keys that are equal stay
// in their order.
template <class Target, class Key>
size_t sort_keys_scratch(int64_t count);
template <class Target, class Key>
void sort_keys(Stream stream, int64_t count, const Key* keys, Key* sorted, void* scratch, int bits = 64);

// The values whose flag is not 0, in their order, and how many they are. T: uint64_t.
template <class Target, class T>
size_t select_flagged_scratch(int64_t count);
template <class Target, class T>
void select_flagged(Stream stream, int64_t count, const T* values, const uint8_t* flags, T* selected,
                    int32_t* selected_count, void* scratch);

// The same of the positions 0 to count - 1 themselves.
template <class Target>
size_t select_positions_scratch(int64_t count);
template <class Target>
void select_positions(Stream stream, int64_t count, const uint8_t* flags, int32_t* positions, int32_t* selected_count,
                      void* scratch);

// Runs of equal keys: of each its key and its length, and how many there are. `unique` and `lengths` have room for as
// many as there can be; what lies behind the last run is undefined.
template <class Target>
size_t run_lengths_scratch(int64_t count);
template <class Target>
void run_lengths(Stream stream, int64_t count, const uint64_t* keys, uint64_t* unique, int32_t* lengths, int32_t* runs,
                 void* scratch);

}  // namespace cmtl::kernels
