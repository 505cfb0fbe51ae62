#include "kernels/dropout.hpp"

#include "kernels/dropout.cuh"

namespace cmtl::kernels {

template <>
void dropout<Target>(Stream stream, int64_t count, double p, const DrawKey& key, const float* x, float* y) {
    if (count == 0) return;
    const bool by_four = (reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y)) % 16 == 0;
    launch({"dropout", blocks_for((count + 3) / 4, 256), 256, 0, stream}, dropout_kernel, count, static_cast<float>(p),
           static_cast<float>(1 / (1 - p)), key, by_four, x, y);
}

template <>
void channel_dropout<Target>(Stream stream, int64_t count, int64_t sample, int64_t channels, double p, const DrawKey& key,
                             const float* x, float* y) {
    if (count == 0) return;
    launch({"channel_dropout", blocks_for(count, 256), 256, 0, stream}, channel_dropout_kernel, count, sample, channels,
           static_cast<float>(p), static_cast<float>(1 / (1 - p)), key, x, y);
}

}  // namespace cmtl::kernels
