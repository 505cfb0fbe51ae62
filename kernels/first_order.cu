#include "kernels/first_order.hpp"

#include "kernels/first_order.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {
namespace first_order {

template <class Terms>
void launch_sums(Stream stream, int64_t count, const Terms& terms, const double* values, typename Terms::Result* result,
                 void* scratch) {
    static_assert(sizeof(*result) == Terms::count * sizeof(double));
    const ValueBlocks cut = value_blocks(count);
    auto* const partial = static_cast<double*>(scratch);
    launch({"first_order", dim3(static_cast<unsigned>(cut.blocks)), dim3(threads), 0, stream},
           first_order_kernel<Terms>, count, cut.per_block, terms, values, partial);
    launch({"first_order_finish", dim3(1), dim3(threads), 0, stream}, first_order_finish_kernel<Terms::count>,
           cut.blocks, partial, reinterpret_cast<double*>(result));
}

}  // namespace first_order
}  // namespace CMTL_TARGET

template <>
void first_order_sums<Target>(Stream stream, int64_t count, const double* values, double shift, double low, double high,
                              FirstOrderSums* sums, void* scratch) {
    first_order::launch_sums(stream, count, first_order::PlainTerms{shift, low, high}, values, sums, scratch);
}

template <>
void first_order_moments<Target>(Stream stream, int64_t count, const double* values, double mean, double low,
                                 double high, double inner_mean, FirstOrderMoments* moments, void* scratch) {
    first_order::launch_sums(stream, count, first_order::CentralTerms{mean, low, high, inner_mean}, values, moments,
                             scratch);
}

template <>
void take_ranks<Target>(Stream stream, const Ranks& ranks, const double* values, double* out) {
    if (ranks.count)
        launch({"take_ranks", dim3(1), dim3(Ranks::most), 0, stream}, take_ranks_kernel, ranks, values, out);
}

}  // namespace cmtl::kernels
