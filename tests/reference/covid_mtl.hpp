#pragma once
// COVID-MTL with both branches (Bao et al., Pattern Recognition 2022), dropout off.
#include "reference/fire.hpp"
#include "reference/head.hpp"
#include "reference/multitask_loss.hpp"
#include "reference/softmax_cross_entropy.hpp"
#include "reference/stem.hpp"

namespace cmtl::reference {

inline Array feature_branch(const Array& features, const Parameters& p, const std::string& name, Kinks* kinks = nullptr) {
    Array y = features;
    for (const char* layer : {".features.0", ".features.2", ".features.4"}) y = relu(linear(y, p, name + layer), kinks);
    return linear(y, p, name + ".classifier");
}

inline Array volume_branch(const Array& volume, Parameters& p, const std::string& name, bool training,
                           const std::vector<int32_t>* plan = nullptr, Kinks* kinks = nullptr) {
    // Position 0 of `features` is the stem's max-pool.
    Array y = stem(volume, p, name + ".convbn", training, plan, kinks);
    for (int position = 1; position <= 11; ++position) {
        const std::string module = name + ".features." + std::to_string(position);
        if (position % 3 == 0) y = max_pool3d(y, 3, 2, 1, kinks);
        else y = fire(y, p, module, position % 3 == 2, training, kinks);
    }
    return y;
}

// Logits of every task. features may be empty (volume only).
inline std::vector<Array> covid_mtl(const Array& volume, const Array& features, Parameters& p, int tasks, bool training,
                                    const std::vector<int32_t>* plan = nullptr, Kinks* kinks = nullptr) {
    const Array x = volume_branch(volume, p, "features", training, plan, kinks);
    const Array f = features.empty() ? Array() : feature_branch(features, p, "radioFNN", kinks);
    std::vector<Array> logits;
    for (int k = 1; k <= tasks; ++k) {
        const std::string name = "classifier" + std::to_string(k);
        logits.push_back(head(x, f, p, name + "_", name, kinks));
    }
    return logits;
}

// sum_k weights[k] CE_k.
inline double covid_mtl_loss(const Array& volume, const Array& features, Parameters& p,
                             const std::vector<std::vector<int64_t>>& labels, const std::vector<double>& weights, bool training,
                             const std::vector<int32_t>* plan = nullptr, Kinks* kinks = nullptr) {
    const std::vector<Array> logits =
        covid_mtl(volume, features, p, static_cast<int>(labels.size()), training, plan, kinks);
    std::vector<Array> losses;
    for (size_t k = 0; k < labels.size(); ++k) losses.push_back(softmax_cross_entropy(logits[k], labels[k]));
    return weighted_sum(losses, weights)[0];
}

}  // namespace cmtl::reference
