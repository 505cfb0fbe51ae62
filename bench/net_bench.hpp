#pragma once
// The network on random data, timed whole: `cmtl_bench net`.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/context.hpp"

namespace cmtl {

struct NetBenchOptions {
    bool train = false;
    int64_t depth = 200, height = 250, width = 250, batch = 1;
    int repeats = 5;
    Dtype dtype = Dtype::f32;
    std::string model = "covid_mtl";  // a name of nets/named_models.hpp
    Device device{};
    uint64_t seed = 0;
};

// One untimed pass, then `repeats` timed ones. Keys: model, parameters, mode, size, batch, dtype, device, threads, repeats, median_s, min_s, max_s,
// peak_bytes (tensors alive at one time, weights and input included), resident_bytes (the process' largest), gflops (convolutions and
// matrix products), peak_gflops (FMA peak of these threads, measured in this run), percent_of_peak, bandwidth_bytes_per_s.
nlohmann::json run_net_bench(const NetBenchOptions& options);

}  // namespace cmtl
