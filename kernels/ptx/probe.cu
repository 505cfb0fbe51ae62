#include "kernels/ptx/probe.cuh"

namespace cmtl::kernels {

template <>
void probe_mma<Target>(Stream stream, MmaKind kind, const uint32_t* a, const uint32_t* b, float* d) {
    launch({"probe_mma", 1, 32, 0, stream}, probe_mma_kernel, kind, a, b, d);
}

template <>
void probe_ldmatrix<Target>(Stream stream, int matrices, bool transposed, const uint16_t* rows, uint32_t* registers) {
    const auto run = [&](auto kernel) { launch({"probe_ldmatrix", 1, 32, 0, stream}, kernel, rows, registers); };
    if (matrices == 1)
        run(transposed ? probe_ldmatrix_kernel<1, true> : probe_ldmatrix_kernel<1, false>);
    else if (matrices == 2)
        run(transposed ? probe_ldmatrix_kernel<2, true> : probe_ldmatrix_kernel<2, false>);
    else
        run(transposed ? probe_ldmatrix_kernel<4, true> : probe_ldmatrix_kernel<4, false>);
}

template <>
void probe_product<Target>(Stream stream, bool transposed, const uint16_t* a, const uint16_t* b, float* d) {
    launch({"probe_product", 1, 32, 0, stream}, transposed ? probe_product_kernel<true> : probe_product_kernel<false>,
           a, b, d);
}

template <>
void probe_cp_async<Target>(Stream stream, int bytes, int wanted, const uint32_t* x, uint32_t* y) {
    const auto kernel = bytes == 4   ? probe_cp_async_kernel<4>
                        : bytes == 8 ? probe_cp_async_kernel<8>
                                     : probe_cp_async_kernel<16>;
    launch({"probe_cp_async", 1, 64, 0, stream}, kernel, wanted, x, y);
}

template <>
void probe_round<Target>(Stream stream, int count, const float* x, uint32_t* pairs, uint32_t* tf32) {
    launch({"probe_round", blocks_for(count, 128), 128, 0, stream}, probe_round_kernel, count, x, pairs, tf32);
}

}  // namespace cmtl::kernels
