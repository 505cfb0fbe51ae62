#include "kernels/optimiser.hpp"

#include "kernels/optimiser.cuh"

namespace cmtl::kernels {

template <>
void sgd_step<Target>(Stream stream, const SgdUpdate& update, const SgdTensor* tensors, int64_t count) {
    SgdTable table{};
    unsigned blocks = 0;
    const auto flush = [&] {
        if (blocks > 0) launch({"sgd", blocks, sgd_threads, 0, stream}, sgd_kernel, table, update);
        table.count = 0;
        blocks = 0;
    };
    for (int64_t i = 0; i < count; ++i) {
        if (tensors[i].count == 0) continue;
        if (table.count == sgd_tensors) flush();
        table.tensor[table.count] = tensors[i];
        table.first_block[table.count++] = blocks;
        blocks += static_cast<unsigned>((tensors[i].count + sgd_share - 1) / sgd_share);
    }
    flush();
}

}  // namespace cmtl::kernels
