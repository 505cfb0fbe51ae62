#include "nets/module.hpp"

#include <cmath>
#include <numbers>

#include "base/parallel.hpp"

namespace cmtl {
namespace {

// Every name has its own stream: a layer's first weights do not depend on which other layers exist.
RandomKey key_of(uint64_t seed, std::string_view name) {
    return {seed, Purpose::initialise, name_hash(name) & ((uint64_t{1} << 40) - 1)};
}

// Calls value(words) -> {a, b} for each pair of elements.
template <class Pair>
void fill_pairs(Context& context, const Tensor& tensor, const RandomKey& key, Pair&& pair) {
    std::vector<float> values(static_cast<size_t>(tensor.count()));
    const int64_t count = tensor.count();
    parallel_ranges((count + 1) / 2,
                    [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) {
                            const Philox4 words = philox(key, static_cast<uint64_t>(i));
                            const std::array<double, 2> two =
                                pair(uniform_double(words[0], words[1]), uniform_double(words[2], words[3]));
                            values[static_cast<size_t>(2 * i)] = static_cast<float>(two[0]);
                            if (2 * i + 1 < count) values[static_cast<size_t>(2 * i + 1)] = static_cast<float>(two[1]);
                        }
                    },
                    4096);
    context.write<float>(tensor, values);
}

}  // namespace

uint64_t name_hash(std::string_view name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

int64_t parameter_count(const Module& module) {
    int64_t count = 0;
    for (const Parameter& parameter : module.parameters())
        if (parameter.trainable) count += parameter.value.count();
    return count;
}

void initialise_kaiming_fan_out(Context& context, const Tensor& weight, uint64_t seed, std::string_view name) {
    const auto fan_out = static_cast<double>(weight.size(0) * weight.size(1) * weight.size(2) * weight.size(3));
    initialise_normal(context, weight, std::sqrt(2.0 / fan_out), seed, name);
}

void initialise_kaiming_fan_in(Context& context, const Tensor& weight, uint64_t seed, std::string_view name) {
    const auto fan_in = static_cast<double>(weight.count() / weight.size(0));
    initialise_normal(context, weight, std::sqrt(2.0 / fan_in), seed, name);
}

void initialise_normal(Context& context, const Tensor& tensor, double deviation, uint64_t seed, std::string_view name) {
    fill_pairs(context, tensor, key_of(seed, name), [=](double u, double v) {
        const double radius = deviation * std::sqrt(-2.0 * std::log(u)), angle = 2.0 * std::numbers::pi * v;
        return std::array{radius * std::cos(angle), radius * std::sin(angle)};
    });
}

namespace {
void fill_uniform(Context& context, const Tensor& tensor, double bound, uint64_t seed, std::string_view name) {
    fill_pairs(context, tensor, key_of(seed, name), [=](double u, double v) {
        return std::array{bound * (2.0 * u - 1.0), bound * (2.0 * v - 1.0)};
    });
}
}  // namespace

void initialise_uniform(Context& context, const Tensor& tensor, int64_t fan_in, uint64_t seed, std::string_view name) {
    fill_uniform(context, tensor, 1.0 / std::sqrt(static_cast<double>(fan_in)), seed, name);
}

void initialise_xavier(Context& context, const Tensor& weight, uint64_t seed, std::string_view name) {
    fill_uniform(context, weight, std::sqrt(6.0 / static_cast<double>(weight.size(0) + weight.size(1))), seed, name);
}

}  // namespace cmtl
