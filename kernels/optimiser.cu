#include "kernels/optimiser.hpp"

#include "kernels/optimiser.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// Cuts `tensors` into tables of 60 and hands each to start(table, its blocks, blocks before it).
template <class Entry, class Start>
void for_tables(const Entry* tensors, int64_t count, Start&& start) {
    UpdateTable<Entry> table{};
    unsigned blocks = 0;
    int64_t before = 0;
    const auto flush = [&] {
        if (blocks > 0) start(table, blocks, before);
        before += blocks;
        table.count = 0;
        blocks = 0;
    };
    for (int64_t i = 0; i < count; ++i) {
        if (tensors[i].count == 0) continue;
        if (table.count == update_tensors) flush();
        table.tensor[table.count] = tensors[i];
        table.first_block[table.count++] = blocks;
        blocks += static_cast<unsigned>(update_blocks(tensors[i].count));
    }
    flush();
}

}  // namespace CMTL_TARGET

template <>
void sgd_step<Target>(Stream stream, const SgdUpdate& update, const SgdTensor* tensors, int64_t count) {
    for_tables(tensors, count, [&](const auto& table, unsigned blocks, int64_t) {
        launch({"sgd", blocks, update_threads, 0, stream}, sgd_kernel, table, update);
    });
}

template <>
void adamw_step<Target>(Stream stream, const AdamWUpdate& update, const AdamWTensor* tensors, int64_t count) {
    for_tables(tensors, count, [&](const auto& table, unsigned blocks, int64_t) {
        launch({"adamw", blocks, update_threads, 0, stream}, adamw_kernel, table, update);
    });
}

template <>
void sum_squares<Target>(Stream stream, const GradientTensor* tensors, int64_t count, double* sums) {
    for_tables(tensors, count, [&](const auto& table, unsigned blocks, int64_t before) {
        launch({"sum_squares", blocks, update_threads, 0, stream}, sum_squares_kernel, table, sums + before);
    });
}

template <>
void prepare_update<Target>(Stream stream, const UpdateRules& rules, const double* sums, int64_t blocks,
                            UpdateControl* control) {
    launch({"prepare_update", 1, update_threads, 0, stream}, prepare_update_kernel, rules, sums, blocks, control);
}

}  // namespace cmtl::kernels
