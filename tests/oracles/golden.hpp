#pragma once
// Golden files of tests/oracles, and the numbers of tests/oracles/formula.py in C++.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "engine/safetensors.hpp"

namespace cmtl::golden {

inline std::filesystem::path path_of(const std::string& file) {
    return std::filesystem::path(CMTL_SOURCE_DIR) / "tests" / "oracles" / "goldens" / file;
}

inline uint32_t fnv1a(const std::string& text) {
    uint32_t value = 0x811C9DC5u;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x01000193u;
    return value;
}

// formula.words(name, ...)[index].
inline uint32_t word(uint32_t name_hash, uint64_t index) {
    uint32_t x = static_cast<uint32_t>(index) * 0x9E3779B9u + name_hash;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ (x >> 16);
}

// formula.uniform: indices run in PyTorch's order of axes.
inline std::vector<float> uniform(const std::string& name, int64_t count, float scale = 1.0f, float offset = 0.0f) {
    std::vector<float> values(static_cast<size_t>(count));
    const uint32_t hash = fnv1a(name);
    for (size_t i = 0; i < values.size(); ++i) {
        const float u = static_cast<float>(word(hash, i) >> 8) * 0x1p-23f - 1.0f;
        values[i] = scale * u;
        values[i] += offset;
    }
    return values;
}

inline Shape shape_of(const std::vector<int64_t>& sizes) { return Shape(std::span<const int64_t>(sizes)); }

// A tensor of PyTorch's shape with the formula's values, brought into our layout.
inline Tensor uniform_tensor(Context& context, const std::string& name, const std::vector<int64_t>& sizes,
                             float scale = 1.0f, float offset = 0.0f) {
    const Shape shape = shape_of(sizes);
    return context.to_device(to_channels_last(context, context.host().from<float>(shape, uniform(name, shape.count(), scale, offset))));
}

// formula.volume as (N, D, H, W, 1); size: N, D, H, W.
inline Tensor volume(Context& context, const std::string& name, const std::vector<int64_t>& size) {
    std::vector<int64_t> blocks{size[0]};
    for (int axis = 1; axis < 4; ++axis) blocks.push_back((size[static_cast<size_t>(axis)] + 15) / 16);
    const std::vector<float> coarse = uniform(name + "/blocks", shape_of(blocks).count(), 2.0f);
    std::vector<float> values = uniform(name, shape_of(size).count(), 0.5f);
    size_t i = 0;
    for (int64_t n = 0; n < size[0]; ++n)
        for (int64_t z = 0; z < size[1]; ++z)
            for (int64_t y = 0; y < size[2]; ++y)
                for (int64_t x = 0; x < size[3]; ++x)
                    values[i++] += coarse[static_cast<size_t>(
                        ((n * blocks[1] + z / 16) * blocks[2] + y / 16) * blocks[3] + x / 16)];
    return context.from<float>({size[0], size[1], size[2], size[3], 1}, values);
}

// formula.parameter, in the file's order of axes.
inline Tensor parameter(Context& context, const std::string& name, const Shape& file_shape) {
    float scale = 0.125f, offset = 0.0f;
    if (name.ends_with("running_var")) {
        scale = 2.0f, offset = 8.0f;
    } else if (name.ends_with("running_mean")) {
    } else if (file_shape.rank() == 5) {
        const auto fan_out = static_cast<double>(file_shape[0] * file_shape[2] * file_shape[3] * file_shape[4]);
        scale = static_cast<float>(std::sqrt(6.0 / fan_out));
    } else if (file_shape.rank() == 2) {
        scale = static_cast<float>(std::sqrt(3.0 / static_cast<double>(file_shape[1])));
    } else if (name.ends_with("weight")) {
        scale = 0.25f, offset = 1.0f;
    } else {
        for (const char* norm : {"_bn.", "convbn.1.", ".bn.", ".bn1.", ".bn2.", "downsample.1."})
            if (name.find(norm) != std::string::npos) offset = 1.0f;
    }
    return context.host().from<float>(file_shape, uniform(name, file_shape.count(), scale, offset));
}

// formula.subset.
inline std::vector<double> subset(const std::string& name, std::span<const float> values) {
    constexpr size_t limit = 1000;
    if (values.size() <= limit) return {values.begin(), values.end()};
    std::vector<double> chosen(limit);
    const uint32_t hash = fnv1a("subset/" + name);
    for (size_t i = 0; i < limit; ++i) chosen[i] = values[word(hash, i) % values.size()];
    return chosen;
}

// A golden file, read once.
class File {
  public:
    File(Context& context, const std::string& name) : content_(read_safetensors(context, path_of(name))), name_(name) {}
    nlohmann::json metadata(const std::string& key) const { return nlohmann::json::parse(content_.metadata.at(key)); }
    bool has(const std::string& name) const { return content_.find(name) != nullptr; }
    const Tensor& operator[](const std::string& name) const {
        const Tensor* tensor = content_.find(name);
        require(tensor != nullptr, "golden", "{} has no tensor '{}'", name_, name);
        return *tensor;
    }
    std::vector<double> values(const std::string& name) const {
        const Tensor& tensor = (*this)[name];
        if (tensor.dtype() == Dtype::f64) return {tensor.data<double>(), tensor.data<double>() + tensor.count()};
        return {tensor.data<float>(), tensor.data<float>() + tensor.count()};
    }

  private:
    Safetensors content_;
    std::string name_;
};

// Our tensor's elements in PyTorch's order.
inline std::vector<float> file_values(Context& context, const Tensor& tensor) {
    return context.to_vector<float>(to_channels_first(context, context.to_host(tensor.detach())));
}

inline double largest(const std::vector<double>& values) {
    double most = 0.0;
    for (const double v : values) most = std::max(most, std::abs(v));
    return most;
}

inline double norm(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double v : values) sum += v * v;
    return std::sqrt(sum);
}

// max |ours - golden| and ||ours - golden||; infinite when sizes differ or ours is not finite.
template <class Ours>
double largest_difference(const Ours& ours, const std::vector<double>& golden) {
    if (ours.size() != golden.size()) return INFINITY;
    double most = 0.0;
    for (size_t i = 0; i < golden.size(); ++i) {
        const double d = std::abs(static_cast<double>(ours[i]) - golden[i]);
        most = d <= most ? most : std::isnan(d) ? INFINITY : d;
    }
    return most;
}
template <class Ours>
double difference_norm(const Ours& ours, const std::vector<double>& golden) {
    if (ours.size() != golden.size()) return INFINITY;
    std::vector<double> d(golden.size());
    for (size_t i = 0; i < golden.size(); ++i) d[i] = static_cast<double>(ours[i]) - golden[i];
    const double result = norm(d);
    return std::isnan(result) ? INFINITY : result;
}

inline double median(std::vector<double> values) {
    if (values.empty()) return 0.0;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

// sum(y * dy), recorded: sends `dy` into the backward pass of y.
inline Tensor dot(Context& context, const Tensor& y, const Tensor& dy) {
    const std::vector<float> values = context.to_vector<float>(y), weights = context.to_vector<float>(dy);
    double sum = 0.0;
    for (size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(values[i]) * static_cast<double>(weights[i]);
    Tensor result = context.full({1}, static_cast<float>(sum));
    record(context, "dot", {y}, {&result},
           [dy](Context& c, std::vector<Tensor>, const std::vector<bool>&) { return std::vector<Tensor>{c.on_gpu() ? c.to_device(dy) : c.copy(dy)}; });
    return result;
}

}  // namespace cmtl::golden
