#pragma once
// torch.nn.BatchNorm3d: statistics over every axis but the last.
#include <cmath>

#include "reference/array.hpp"

namespace cmtl::reference {

// Training: normalises with the batch's mean and biased variance and moves the running ones (unbiased variance) towards
// the batch's: running = (1 - momentum) running + momentum batch. Otherwise the running ones normalise.
inline Array batch_norm3d(const Array& x, const Array& scale, const Array& shift, Array& running_mean,
                          Array& running_variance, bool training, double eps = 1e-3, double momentum = 0.01) {
    const int64_t channels = x.size(-1), rows = x.count() / channels;
    Array y(x.sizes);
    for (int64_t c = 0; c < channels; ++c) {
        double mean = running_mean[c], variance = running_variance[c];
        if (training) {
            mean = 0;
            for (int64_t r = 0; r < rows; ++r) mean += x[r * channels + c];
            mean /= static_cast<double>(rows);
            double squares = 0;
            for (int64_t r = 0; r < rows; ++r) squares += (x[r * channels + c] - mean) * (x[r * channels + c] - mean);
            variance = squares / static_cast<double>(rows);
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean;
            running_variance[c] = (1 - momentum) * running_variance[c] + momentum * squares / static_cast<double>(rows - 1);
        }
        for (int64_t r = 0; r < rows; ++r)
            y[r * channels + c] = (x[r * channels + c] - mean) / std::sqrt(variance + eps) * scale[c] + shift[c];
    }
    return y;
}

}  // namespace cmtl::reference
