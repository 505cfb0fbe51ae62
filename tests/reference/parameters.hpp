#pragma once
// A network's parameters and buffers by their PyTorch names.
#include <map>
#include <string>

#include "reference/batch_norm3d.hpp"
#include "reference/conv3d.hpp"
#include "reference/linear.hpp"

namespace cmtl::reference {

using Parameters = std::map<std::string, Array>;

inline Array conv3d(const Array& x, const Parameters& p, const std::string& name, int64_t stride, int64_t padding) {
    return conv3d(x, p.at(name + ".weight"), p.at(name + ".bias"), stride, padding);
}

// Moves the running statistics in `p` when training.
inline Array batch_norm3d(const Array& x, Parameters& p, const std::string& name, bool training) {
    return batch_norm3d(x, p.at(name + ".weight"), p.at(name + ".bias"), p.at(name + ".running_mean"),
                        p.at(name + ".running_var"), training);
}

inline Array linear(const Array& x, const Parameters& p, const std::string& name) {
    return linear(x, p.at(name + ".weight"), p.at(name + ".bias"));
}

}  // namespace cmtl::reference
