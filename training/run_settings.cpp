#include "training/run_settings.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "nets/module.hpp"
#include "training/config_tree.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;

json run_settings(const TrainJob& job) {
    json tree = to_json(job.config);
    tree["run"] = {{"version", CMTL_VERSION},         {"commit", CMTL_COMMIT},  {"seed", job.seed},
                   {"device", to_string(job.device)}, {"threads", job.threads}, {"init", job.init.string()},
                   {"sources", job.sources}};
    return tree;
}

json lasting_settings(json settings) {
    for (const char* key : {"version", "commit", "device", "threads", "sources"}) settings["run"].erase(key);
    // A full disk asks for another kind of cache, another machine for other threads.
    for (const char* key : {"cache", "memory_gib", "workers"}) settings["data"].erase(key);
    for (const char* key : {"tensorboard", "checkpoint_steps", "checkpoint_minutes"}) settings["train"].erase(key);
    return settings;
}

void require_same_settings(const std::filesystem::path& run, const json& now, const json& then) {
    const std::string difference = first_difference(lasting_settings(now), lasting_settings(then));
    if (!difference.empty())
        fail(ErrorKind::usage, "run",
             "{}: was begun with other settings ({}): resume with the same ones or choose another folder", run.string(),
             difference);
}

void record_settings(const fs::path& run, const json& settings) {
    const fs::path record = run / "config.json";
    std::error_code code;
    if (fs::exists(record, code)) {
        const json then = json::parse(read_file(record), nullptr, false);
        if (!then.is_object() || !then.contains("run"))
            fail(ErrorKind::input, "run", "{}: damaged: choose another folder", record.string());
        require_same_settings(run, settings, then);
    }
    write_file(record, settings.dump(2) + "\n");
}

std::string cohort_hash(const TrainJob& job) {
    std::string text;
    for (const CohortCase& one : job.cohort.cases) {
        text += fmt::format("{}\n{}\n{}\n{}\n{}\n", one.id, fmt::join(one.labels, ","), to_string(one.split),
                            one.patient, one.site);
        if (!one.image.empty()) {
            std::error_code code;
            text += fmt::format("{}\n{}\n{}\n", one.image.string(), std::filesystem::file_size(one.image, code),
                                std::filesystem::last_write_time(one.image, code).time_since_epoch().count());
        }
        if (!job.features) continue;
        if (const auto at = job.features->find(one.id)) {
            const auto row = job.features->row(*at);
            text.append(reinterpret_cast<const char*>(row.data()), row.size_bytes());
        }
    }
    return fmt::format("{:016x}", name_hash(text));
}

}  // namespace cmtl
