#include "training/augmentation.hpp"

#include <algorithm>

#include "engine/random.hpp"

namespace cmtl {

namespace {
constexpr int voxel_bits = 36;  // of a noise draw's index; the rest numbers the case

template <class T>
T pick(const std::vector<T>& values, uint32_t word) {
    return values[uniform_below(word, static_cast<uint32_t>(values.size()))];
}

// Two normal values for the voxel pair `pair` of a case.
std::array<double, 2> normal_pair(const RandomKey& key, uint64_t case_number, uint64_t pair) {
    const Philox4 words = philox(key, (case_number << voxel_bits) | pair);
    const draws::NormalPair values = draws::normal_pair(uniform_double(words[0], words[1]), uniform_double(words[2], words[3]));
    return {values.first, values.second};
}

std::vector<float> turned(const std::vector<float>& in, std::array<int64_t, 3> size, int quarter_turns, bool flip) {
    const auto [depth, height, width] = size;
    std::vector<float> out(in.size());
    for (int64_t z = 0; z < depth; ++z)
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x) {
                int64_t sy = y, sx = flip ? width - 1 - x : x;
                for (int turn = 0; turn < quarter_turns; ++turn) {
                    const int64_t extent = turn % 2 == 0 ? height : width;  // equal unless turns come in pairs
                    const int64_t t = sy;
                    sy = sx;
                    sx = extent - 1 - t;
                }
                out[static_cast<size_t>((z * height + y) * width + x)] =
                    in[static_cast<size_t>((z * height + sy) * width + sx)];
            }
    return out;
}
}  // namespace

Augmentation draw_augmentation(const AugmentConfig& config, const PreparationOptions& preparation, uint64_t seed,
                               uint64_t epoch, uint64_t case_number) {
    Augmentation a;
    a.offset = preparation.evaluation_offset;
    if (config.crop) {
        const Philox4 words = philox({seed, Purpose::crop, epoch}, case_number);
        a.offset = {pick(preparation.training_offsets_z, words[0]), pick(preparation.training_offsets_y, words[1]),
                    pick(preparation.training_offsets_x, words[2])};
    }
    // The voxels' noise draws have other indices than this one: bit 63 is theirs never.
    const Philox4 noise = philox({seed, Purpose::noise, epoch}, (uint64_t{1} << 63) | case_number);
    if (uniform_float(noise[0]) <= config.noise_p)
        a.noise_sd =
            config.noise_sd[0] + (config.noise_sd[1] - config.noise_sd[0]) * uniform_double(noise[1], noise[2]);
    const Philox4 turn = philox({seed, Purpose::rotate, epoch}, case_number);
    if (uniform_float(turn[0]) <= config.rotate_p) {
        const bool square = preparation.crop[1] == preparation.crop[2];
        a.quarter_turns = square ? 1 + static_cast<int>(uniform_below(turn[1], 3)) : 2;
    }
    a.flip = uniform_float(turn[2]) <= config.flip_p;
    return a;
}

std::vector<float> augmented_input(std::span<const uint16_t> volume, const Augmentation& augmentation,
                                   const IntensityStatistics& statistics, const PreparationOptions& preparation,
                                   uint64_t seed, uint64_t epoch, uint64_t case_number) {
    std::vector<float> input = network_input(volume, augmentation.offset, statistics, preparation);
    if (augmentation.noise_sd > 0) {
        const RandomKey key{seed, Purpose::noise, epoch};
        const auto [depth, height, width] = preparation.crop;
        const auto [oz, oy, ox] = augmentation.offset;
        const double divisor = statistics.deviation > 0 ? statistics.deviation : 1;
        uint64_t drawn = ~uint64_t{0};
        std::array<double, 2> pair{};
        for (int64_t z = 0, i = 0; z < depth; ++z)
            for (int64_t y = 0; y < height; ++y) {
                const uint16_t* row =
                    volume.data() + ((z + oz) * preparation.size[1] + y + oy) * preparation.size[2] + ox;
                for (int64_t x = 0; x < width; ++x, ++i) {
                    if (row[x] == 0) continue;
                    const auto at = static_cast<uint64_t>(i);
                    if (at / 2 != drawn) pair = normal_pair(key, case_number, drawn = at / 2);
                    const double value =
                        std::clamp(row[x] + augmentation.noise_sd * pair[at % 2], 0.0, preparation.clip);
                    input[static_cast<size_t>(i)] = static_cast<float>((value - statistics.mean) / divisor);
                }
            }
    }
    if (augmentation.quarter_turns != 0 || augmentation.flip)
        input = turned(input, preparation.crop, augmentation.quarter_turns, augmentation.flip);
    return input;
}

}  // namespace cmtl
