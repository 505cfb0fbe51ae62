// The radiomic features of a volume of published size: 340x390x390 voxels, two ellipsoids of 3.7 million ROI voxels,
// grey levels as a lung has them (parenchyma with noise, vessels, 105 levels of 25 HU). Steps stand beside the total,
// in milliseconds.
//
// What memory allows for each step is its least traffic at the streaming bandwidth, as %mem of the whole: the image and
// its mask read once, 8 bytes written and read for each ROI voxel and image type, a level for each written once and
// read once per texture class.
#include <cmath>

#include "bench/operator_bench.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {

namespace {

struct Published {
    Image<int16_t> image;
    Mask mask;
};

// A number in [0, 1) that looks random, of voxel n.
double noise(uint64_t n, uint64_t stream) {
    uint64_t z = (n + stream * 0x632BE59BD9B4E019u) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

const Published& published() {
    static const Published volume = [] {
        Geometry g;
        g.size = {390, 390, 340};
        Published v{Image<int16_t>(g), Mask(g)};
#pragma omp parallel for
        for (int64_t k = 0; k < g.size[2]; ++k)
            for (int64_t j = 0; j < g.size[1]; ++j)
                for (int64_t i = 0; i < g.size[0]; ++i) {
                    const auto n = static_cast<uint64_t>(v.mask.offset(i, j, k));
                    const double x = static_cast<double>(i), y = static_cast<double>(j), z = static_cast<double>(k);
                    const auto in = [&](double centre) {
                        return std::pow((x - centre) / 50, 2) + std::pow((y - 195) / 74, 2) +
                                   std::pow((z - 170) / 119, 2) <
                               1;
                    };
                    if (!in(130) && !in(260)) continue;
                    double normal = -6;
                    for (uint64_t s = 0; s < 12; ++s) normal += noise(n, s);
                    const double wave = std::sin(x / 9) * std::sin(y / 11 + 1) * std::sin(z / 13 + 2);
                    const double vessel =
                        std::sin(x / 5 + y / 17) * std::sin(y / 7 + z / 19) * std::sin(z / 6 + x / 23);
                    double value = 150 + 60 * wave + 35 * normal;
                    if (vessel > 0.55) value += 1500 * (vessel - 0.55) + 60;
                    if (noise(n, 20) > 0.9995) value += -400 * std::log(noise(n, 21) + 1e-9);
                    v.image.at(i, j, k) = static_cast<int16_t>(std::min(2625.0, std::max(1.0, std::round(value))));
                    v.mask.at(i, j, k) = 1;
                }
        return v;
    }();
    return volume;
}

const bool registered = [] {
    for (const char* set : {"covid-mtl-375", "all"})
        register_bench(std::string("radiomics/") + set, [=](benchmark::State& state) {
            Context context(bench_options());
            RadiomicsSettings settings;
            settings.features = feature_set(set);
            RadiomicsResult result;
            const Published& volume = published();
            const double seconds = time_calls(
                state, context, [&] { result = extract_features(context, volume.image, volume.mask, settings); });
            const auto n = static_cast<double>(result.roi_voxels),
                       all = static_cast<double>(volume.image.geometry.count());
            const bool every = std::string(set) == "all";
            const double images = 9, textures = every ? 27 : 19;  // levels read by a class
            set_rates(state, seconds, 0, all + 2 * n * 3 + images * n * (8 + 8 + 1) + textures * n);
            for (const auto& [step, s] : result.timeline) state.counters[step + "_ms"] = 1e3 * s;  // of the last call
            state.counters["levels"] = result.levels[0];
            state.counters["roi"] = n;
        });
    return true;
}();

}  // namespace

}  // namespace cmtl
