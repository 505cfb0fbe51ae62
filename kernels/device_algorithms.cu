// cub is seen by this file alone, and by nvcc alone.
#include "kernels/device_algorithms.hpp"

#include "kernels/dialect.hpp"

#if defined(__CUDACC__)
#include <thrust/iterator/counting_iterator.h>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_run_length_encode.cuh>
#include <cub/device/device_select.cuh>
#else
#include "kernels/device_algorithms_simt.cuh"
#endif

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace algorithms {

#if defined(__CUDACC__)

// Each of cub's algorithms is called twice: without memory it says how much it wants.
template <class Algorithm>
size_t wanted(const char* name, Algorithm&& algorithm) {
    size_t bytes = 0;
    check_launch(name, algorithm(nullptr, bytes));
    return bytes;
}
template <class Algorithm>
void run(const char* name, void* scratch, Algorithm&& algorithm) {
    size_t bytes = wanted(name, algorithm);
    check_launch(name, algorithm(scratch, bytes));
}

template <class Key>
auto sorting(Stream stream, int64_t count, const Key* keys, Key* sorted, int bits) {
    return [=](void* scratch, size_t& bytes) {
        return cub::DeviceRadixSort::SortKeys(scratch, bytes, keys, sorted, static_cast<int>(count), 0, bits, stream);
    };
}
template <class Values, class T>
auto selecting(Stream stream, int64_t count, Values values, const uint8_t* flags, T* selected,
               int32_t* selected_count) {
    return [=](void* scratch, size_t& bytes) {
        return cub::DeviceSelect::Flagged(scratch, bytes, values, flags, selected, selected_count,
                                          static_cast<int>(count), stream);
    };
}
inline auto encoding(Stream stream, int64_t count, const uint64_t* keys, uint64_t* unique, int32_t* lengths,
                     int32_t* runs) {
    return [=](void* scratch, size_t& bytes) {
        return cub::DeviceRunLengthEncode::Encode(scratch, bytes, keys, unique, lengths, runs, static_cast<int>(count),
                                                  stream);
    };
}

template <class Key>
size_t sort_bytes(int64_t count) {
    return wanted("sort_keys", sorting<Key>(nullptr, count, nullptr, nullptr, 64));
}
template <class Key>
void sort(Stream stream, int64_t count, const Key* keys, Key* sorted, void* scratch, int bits) {
    run("sort_keys", scratch, sorting(stream, count, keys, sorted, bits));
}
size_t select_bytes(int64_t count) {
    return wanted("select_flagged",
                  selecting<const uint64_t*, uint64_t>(nullptr, count, nullptr, nullptr, nullptr, nullptr));
}
void select_values(Stream stream, int64_t count, const uint64_t* values, const uint8_t* flags, uint64_t* selected,
                   int32_t* selected_count, void* scratch) {
    run("select_flagged", scratch, selecting(stream, count, values, flags, selected, selected_count));
}
size_t position_bytes(int64_t count) {
    return wanted("select_positions", selecting<thrust::counting_iterator<int32_t>, int32_t>(
                                          nullptr, count, {}, nullptr, nullptr, nullptr));
}
void select_places(Stream stream, int64_t count, const uint8_t* flags, int32_t* positions, int32_t* selected_count,
                   void* scratch) {
    run("select_positions", scratch,
        selecting(stream, count, thrust::counting_iterator<int32_t>(0), flags, positions, selected_count));
}
size_t run_bytes(int64_t count) {
    return wanted("run_lengths", encoding(nullptr, count, nullptr, nullptr, nullptr, nullptr));
}
void encode_runs(Stream stream, int64_t count, const uint64_t* keys, uint64_t* unique, int32_t* lengths, int32_t* runs,
                 void* scratch) {
    run("run_lengths", scratch, encoding(stream, count, keys, unique, lengths, runs));
}

#else

inline Launch pieces_launch(const char* name, int pieces, Stream stream) {
    return {name, dim3(static_cast<unsigned>(pieces)), dim3(1), 0, stream};
}
constexpr size_t counts_bytes = 64 * digits * sizeof(unsigned);

template <class Key>
size_t sort_bytes(int64_t count) {
    return counts_bytes + static_cast<size_t>(count) * sizeof(Key);
}
// Passes go to and fro between `sorted` and the scratch memory, and end in `sorted`.
template <class Key>
void sort(Stream stream, int64_t count, const Key* keys, Key* sorted, void* scratch, int bits) {
    const auto [per_piece, pieces] = pieces_of(count);
    auto* const counts = static_cast<unsigned*>(scratch);
    auto* const other = reinterpret_cast<Key*>(static_cast<std::byte*>(scratch) + counts_bytes);
    const int passes = (bits + digit_bits - 1) / digit_bits;
    const Key* from = keys;
    for (int pass = 0; pass < passes; ++pass) {
        const int shift = pass * digit_bits, these = bits - shift < digit_bits ? bits - shift : digit_bits;
        Key* const to = (passes - pass) % 2 ? sorted : other;
        launch(pieces_launch("sort_keys_count", pieces, stream), count_digits_kernel<Key>, count, per_piece, shift,
               these, from, counts);
        launch(pieces_launch("sort_keys_places", 1, stream), sum_before_kernel, int64_t{pieces} * digits, counts,
               nullptr);
        launch(pieces_launch("sort_keys_move", pieces, stream), move_digits_kernel<Key>, count, per_piece, shift, these,
               from, counts, to);
        from = to;
    }
}

template <class Selects, class T>
void select(Stream stream, int64_t count, const Selects& selects, const T* values, T* selected, int32_t* positions,
            int32_t* selected_count, void* scratch) {
    const auto [per_piece, pieces] = pieces_of(count);
    auto* const counts = static_cast<unsigned*>(scratch);
    launch(pieces_launch("select_count", pieces, stream), count_selected_kernel<Selects>, count, per_piece, selects,
           counts);
    launch(pieces_launch("select_places", 1, stream), sum_before_kernel, int64_t{pieces}, counts, selected_count);
    launch(pieces_launch("select_move", pieces, stream), move_selected_kernel<Selects, T>, count, per_piece, selects,
           counts, values, selected, positions);
}
size_t select_bytes(int64_t) { return counts_bytes; }
void select_values(Stream stream, int64_t count, const uint64_t* values, const uint8_t* flags, uint64_t* selected,
                   int32_t* selected_count, void* scratch) {
    select(stream, count, Flagged{flags}, values, selected, nullptr, selected_count, scratch);
}
size_t position_bytes(int64_t) { return counts_bytes; }
void select_places(Stream stream, int64_t count, const uint8_t* flags, int32_t* positions, int32_t* selected_count,
                   void* scratch) {
    select<Flagged, uint64_t>(stream, count, Flagged{flags}, nullptr, nullptr, positions, selected_count, scratch);
}
size_t run_bytes(int64_t) { return counts_bytes; }
void encode_runs(Stream stream, int64_t count, const uint64_t* keys, uint64_t* unique, int32_t* lengths, int32_t* runs,
                 void* scratch) {
    select(stream, count, RunBegins{keys}, keys, unique, lengths, runs, scratch);
    launch(pieces_launch("run_lengths_finish", 1, stream), begins_to_lengths_kernel, static_cast<int32_t>(count), runs,
           lengths);
}

#endif

}  // namespace algorithms
}  // namespace CMTL_TARGET

template <>
size_t sort_keys_scratch<Target, uint64_t>(int64_t count) {
    return algorithms::sort_bytes<uint64_t>(count);
}
template <>
size_t sort_keys_scratch<Target, double>(int64_t count) {
    return algorithms::sort_bytes<double>(count);
}
template <>
void sort_keys<Target, uint64_t>(Stream stream, int64_t count, const uint64_t* keys, uint64_t* sorted, void* scratch,
                                 int bits) {
    if (count) algorithms::sort(stream, count, keys, sorted, scratch, bits);
}
template <>
void sort_keys<Target, double>(Stream stream, int64_t count, const double* keys, double* sorted, void* scratch,
                               int bits) {
    if (count) algorithms::sort(stream, count, keys, sorted, scratch, bits);
}
template <>
size_t select_flagged_scratch<Target, uint64_t>(int64_t count) {
    return algorithms::select_bytes(count);
}
template <>
void select_flagged<Target, uint64_t>(Stream stream, int64_t count, const uint64_t* values, const uint8_t* flags,
                                      uint64_t* selected, int32_t* selected_count, void* scratch) {
    algorithms::select_values(stream, count, values, flags, selected, selected_count, scratch);
}
template <>
size_t select_positions_scratch<Target>(int64_t count) {
    return algorithms::position_bytes(count);
}
template <>
void select_positions<Target>(Stream stream, int64_t count, const uint8_t* flags, int32_t* positions,
                              int32_t* selected_count, void* scratch) {
    algorithms::select_places(stream, count, flags, positions, selected_count, scratch);
}
template <>
size_t run_lengths_scratch<Target>(int64_t count) {
    return algorithms::run_bytes(count);
}
template <>
void run_lengths<Target>(Stream stream, int64_t count, const uint64_t* keys, uint64_t* unique, int32_t* lengths,
                         int32_t* runs, void* scratch) {
    algorithms::encode_runs(stream, count, keys, unique, lengths, runs, scratch);
}

}  // namespace cmtl::kernels
