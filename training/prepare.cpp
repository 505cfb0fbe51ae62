#include "training/prepare.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "training/request.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::ordered_json;

namespace {
Config configuration(const PrepareRequest& request) {
    for (const std::string& setting : request.settings) {
        bool ours = false;
        for (const char* begin : {"preset=", "preparation.", "radiomics.", "model.tasks="})
            ours = ours || setting.starts_with(begin);
        if (!ours)
            fail(ErrorKind::usage, "config",
                 "--set {}: a preparation has settings preparation.*, radiomics.* and model.tasks", setting);
    }
    TrainRequest settings;
    settings.config_file = request.config_file;
    settings.preset = request.preset;
    settings.settings = request.settings;
    return config_from_json(resolve_settings(settings, "full").tree());
}

// Files that a process left half-written when it was killed. Who still writes has a living process, or on another
// machine a young file.
void remove_abandoned(const fs::path& folder) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        const std::string name = entry.path().filename().string();
        int process = 0;
        if (std::sscanf(name.c_str(), ".tmp%d.", &process) != 1 || process <= 0) continue;
        const bool gone = ::kill(process, 0) != 0 && errno == ESRCH;
        const auto age = fs::file_time_type::clock::now() - fs::last_write_time(entry.path(), code);
        if (gone && !code && age > std::chrono::minutes(1)) fs::remove(entry.path(), code);
    }
}

void write_features(const fs::path& path, const FeatureTable& table, const std::string& id_column) {
    CsvTable csv;
    csv.header = {id_column};
    csv.header.insert(csv.header.end(), table.names.begin(), table.names.end());
    for (size_t i = 0; i < table.ids.size(); ++i) {
        auto& row = csv.rows.emplace_back(std::vector<std::string>{table.ids[i]});
        for (const double value : table.row(i)) row.push_back(csv_cell(value));
    }
    write_csv(path, csv);
}
}  // namespace

PrepareOutcome prepare_folder(const PrepareRequest& request) {
    const Config config = configuration(request);
    require_readable(request.manifest);
    std::vector<RejectedRow> rejected;
    const Cohort cohort = read_manifest(request.manifest, request.id_column, config.model.tasks, false, &rejected);
    if (!cohort.has_images)
        fail(ErrorKind::input, "manifest", "{}: no Image column: there is nothing to prepare",
             request.manifest.string());
    CacheContents contents;
    if (request.features) contents.features = config.radiomics;
    contents.masks = request.masks;
    const VolumeCache cache(request.folder, config.preparation, contents);
    for (const fs::path& folder : {request.folder, request.folder / "masks"}) remove_abandoned(folder);
    const CohortPreparation done = prepare_cohort(cache, cohort.cases, request.work);

    PrepareOutcome outcome;
    outcome.kept = done.kept;
    outcome.interrupted = done.interrupted;
    if (done.interrupted) return outcome;
    ordered_json failed = ordered_json::array(), lungs = ordered_json::array();
    const auto fails = [&](const std::string& id, const std::string& error) {
        outcome.failed.push_back(fmt::format("{}: {}", id, error));
        failed.push_back({{"ID", id}, {"error", error}});
    };
    for (const RejectedRow& row : rejected) fails(row.id, row.error);
    for (size_t i = 0; i < cohort.cases.size(); ++i) {
        const CachedVolume& volume = done.volumes[i];
        if (!done.failed[i].empty())
            fails(cohort.cases[i].id, done.failed[i]);
        else
            lungs.push_back({{"ID", cohort.cases[i].id},
                             {"right_litres", volume.litres_right},
                             {"left_litres", volume.litres_left},
                             {"flags", volume.flags}});
    }
    const size_t cases = cohort.cases.size() + rejected.size();
    outcome.prepared = static_cast<int64_t>(cases - outcome.failed.size()) - outcome.kept;
    const FeatureTable table =
        feature_table_of(cohort.cases, done.volumes, config.radiomics, request.folder / "features.csv");
    if (!table.ids.empty()) write_features(table.file, table, request.id_column);
    const ordered_json summary{
        {"version", CMTL_VERSION},
        {"commit", CMTL_COMMIT},
        {"manifest", fs::absolute(request.manifest).lexically_normal().string()},
        {"preset", config.preset},
        {"preparation", to_json(config.preparation)},
        {"radiomics", request.features ? ordered_json(to_json(config.radiomics)) : ordered_json()},
        {"masks", request.masks},
        {"cases", cases},
        {"prepared", outcome.prepared},
        {"kept", outcome.kept},
        {"failed", failed},
        {"lungs", lungs}};
    write_file(request.folder / "prepare.json", summary.dump(2) + "\n");
    if (outcome.failed.size() == cases)
        fail(ErrorKind::input, "prepare", "none of the {} cases could be prepared; the first: {}", cases,
             outcome.failed.front());
    return outcome;
}

}  // namespace cmtl
