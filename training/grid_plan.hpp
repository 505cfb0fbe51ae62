#pragma once
// A table of settings to train: what cmtl_train --grid reads.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/request.hpp"

namespace cmtl {

struct GridRun {
    std::string setting;  // readable and unique: "shift3d.p=0.25,loss=random"
    uint64_t seed = 0;
    std::string folder;             // SETTING/seedN
    nlohmann::ordered_json values;  // what its axes or its `set` say: {"model.shift3d.p": 0.25, "loss.name": "random"}
    nlohmann::json config;          // all settings, as resolved
    TrainRequest request;           // without run and cache folder
};

struct GridPlan {
    int folds = 0;                     // of every run; 0: one training each
    std::vector<std::string> varying;  // keys that some run sets, in the file's order
    std::vector<GridRun> runs;         // by setting, then seed
};

// {"base": {settings}, "axes": {KEY: [VALUE, ...], ...}, "runs": [{"name": NAME, "set": {KEY: VALUE, ...}}, ...],
//  "seeds": [0, 1], "folds": 0}, every part optional. Settings are the product of the axes (the first axis slowest),
// then the runs of the list; each is trained once per seed. Validation cases that are drawn are those of the first seed in
// all runs (data.split_seed, unless something sets it). Keys are those of --set, and "preset", "model", "task". `request` is what
// the command line says of all runs; a run's own values come last. The first setting is what others are compared with.
// Throws Error(usage) naming `source` and the run for: unknown keys and values out of range, an empty axis or list of
// seeds, two settings of one name, a key that --set gives, too.
GridPlan plan_grid(const nlohmann::ordered_json& grid, const std::string& source, const TrainRequest& request);

}  // namespace cmtl
