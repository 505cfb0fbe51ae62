#include "training/grid.hpp"

#include <algorithm>
#include <chrono>
#include <new>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "evaluation/ablation.hpp"
#include "nets/module.hpp"
#include "training/config_tree.hpp"
#include "training/folds.hpp"
#include "training/grid_table.hpp"
#include "training/run_folder.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {
using clock = std::chrono::steady_clock;

std::string absolute_text(const fs::path& path) {
    return path.empty() ? "" : fs::absolute(path).lexically_normal().string();
}

ordered_json read_json(const fs::path& path, ErrorKind kind) {
    require_readable(path);
    ordered_json tree = ordered_json::parse(read_file(path), nullptr, false, true);
    if (!tree.is_object()) fail(kind, "grid", "{}: not a JSON object", path.string());
    return tree;
}

class Grid {
  public:
    Grid(const fs::path& file, const TrainRequest& request)
        : request_(request),
          record_(request.run / "grid.json"),
          folder_(request.run, request.resume, request.quiet, false) {
        std::error_code code;
        const bool begun = fs::exists(record_, code);
        ordered_json before = begun ? read_json(record_, ErrorKind::input) : ordered_json::object();
        if (begun) require_record(before);
        if (file.empty() && !begun)
            fail(ErrorKind::usage, "grid", "{}: no grid to resume there: give --grid to begin", request.run.string());
        if (begun && request_.manifest.empty()) take_request(before["request"]);
        if (request_.manifest.empty())
            fail(ErrorKind::usage, "grid", "--manifest is needed: a CSV file of cases and labels");
        require_readable(request_.manifest);
        grid_ = file.empty() ? before["plan"] : read_json(file, ErrorKind::usage);
        plan_ = plan_grid(grid_, file.empty() ? record_.string() : file.string(), request_);
        if (begun) require_same(before);
        place_caches();
        write_record();
    }

    GridOutcome run();

  private:
    void require_record(const ordered_json& record) const {
        for (const char* key : {"plan", "request", "folds", "runs"})
            if (!record.contains(key)) fail(ErrorKind::input, "grid", "{}: damaged: no '{}'", record_.string(), key);
    }
    void take_request(const ordered_json& then);
    void require_same(const ordered_json& before) const;
    void place_caches();
    void write_record() const;
    void write_tables() const;
    bool train_one(const GridRun& run, size_t number, GridOutcome& outcome);  // false: interrupted

    TrainRequest request_;
    const fs::path record_;
    RunFolder folder_;
    ordered_json grid_;
    GridPlan plan_;
};

// The command line of the session that began the grid.
void Grid::take_request(const ordered_json& then) {
    try {
        request_.manifest = then.at("manifest").get<std::string>();
        request_.features = then.at("features").get<std::string>();
        request_.id_column = then.at("id_column").get<std::string>();
        request_.cache = then.at("cache").get<std::string>();
        request_.init = then.at("init").get<std::string>();
        request_.config_file = then.at("config").get<std::string>();
        if (request_.preset.empty()) request_.preset = then.at("preset").get<std::string>();
        if (request_.settings.empty()) request_.settings = then.at("settings").get<std::vector<std::string>>();
        if (!request_.seed && !then.at("seed").is_null()) request_.seed = then.at("seed").get<uint64_t>();
        if (!request_.max_steps && !then.at("max_steps").is_null())
            request_.max_steps = then.at("max_steps").get<int64_t>();
    } catch (const json::exception& error) {
        fail(ErrorKind::input, "grid", "{}: damaged: {}", record_.string(), error.what());
    }
}

// Runs may be added, and dropped as long as their results are not asked for; none may change.
void Grid::require_same(const ordered_json& before) const {
    if (before["folds"] != plan_.folds)
        fail(ErrorKind::usage, "grid", "{}: was begun with folds {}, now it has {}: choose another folder",
             folder_.path().string(), before["folds"].dump(), plan_.folds);
    for (const ordered_json& old : before["runs"])
        for (const GridRun& run : plan_.runs) {
            if (old.value("folder", "") != run.folder) continue;
            const std::string difference = first_difference(run.config, json(old.value("config", ordered_json())));
            if (!difference.empty())
                fail(ErrorKind::usage, "grid",
                     "{}: {} was begun with other settings ({}): give the run another name, or choose another folder",
                     folder_.path().string(), run.folder, difference);
        }
}

// One cache for all runs that are prepared alike: an entry holds one preparation of a case.
void Grid::place_caches() {
    const fs::path common = request_.cache.empty() ? folder_.path() / "cache" : request_.cache;
    const auto preparation = [](const GridRun& run) {
        json tree = run.config.at("preparation");
        for (const char* cut :
             {"crop", "evaluation_offset", "training_offsets_z", "training_offsets_y", "training_offsets_x", "clip"})
            tree.erase(cut);
        return tree.dump() + run.config.at("radiomics").dump();
    };
    const std::string first = preparation(plan_.runs.front());
    for (GridRun& run : plan_.runs) {
        const std::string own = preparation(run);
        run.request.cache = own == first ? common : common / fmt::format("{:016x}", name_hash(own));
        run.request.run = folder_.path() / run.folder;
    }
}

void Grid::write_record() const {
    ordered_json record{{"version", CMTL_VERSION}, {"commit", CMTL_COMMIT}, {"folds", plan_.folds}};
    record["plan"] = grid_;
    record["request"] = {{"manifest", absolute_text(request_.manifest)},
                         {"features", absolute_text(request_.features)},
                         {"id_column", request_.id_column},
                         {"cache", absolute_text(request_.cache)},
                         {"init", absolute_text(request_.init)},
                         {"config", absolute_text(request_.config_file)},
                         {"preset", request_.preset},
                         {"settings", request_.settings},
                         {"seed", request_.seed ? ordered_json(*request_.seed) : ordered_json()},
                         {"max_steps", request_.max_steps ? ordered_json(*request_.max_steps) : ordered_json()}};
    record["runs"] = ordered_json::array();
    for (const GridRun& run : plan_.runs)
        record["runs"].push_back({{"setting", run.setting},
                                  {"seed", run.seed},
                                  {"folder", run.folder},
                                  {"values", run.values},
                                  {"config", run.config}});
    write_file(record_, record.dump(2) + "\n");
}

void Grid::write_tables() const {
    const CsvTable table = grid_table(plan_, folder_.path());
    write_csv(folder_.path() / "grid.csv", table);
    write_csv(folder_.path() / "grid_mean.csv", grid_means(table, plan_));
}

bool Grid::train_one(const GridRun& run, size_t number, GridOutcome& outcome) {
    const auto lost = [&](std::string_view what) {
        outcome.failed.push_back(fmt::format("{}: {}", run.folder, what));
        folder_.log("failed: " + outcome.failed.back(), true);
    };
    try {
        TrainRequest request = run.request;
        request.resume = true;
        TrainJob job = make_job(request);
        job.title = fmt::format("{}/{} {}", number, plan_.runs.size(), run.folder);
        const auto left_out = [&](const std::vector<std::string>& cases) {
            for (const std::string& one : cases)
                if (std::find(outcome.failed.begin(), outcome.failed.end(), one) == outcome.failed.end())
                    outcome.failed.push_back(one);
        };
        if (plan_.folds > 0) {
            const FoldsOutcome done = cross_validate(job, plan_.folds);
            left_out(done.failed);
            return !done.interrupted;
        }
        const TrainOutcome done = train(std::move(job));
        left_out(done.failed);
        return !done.interrupted;
    } catch (const Error& error) {
        lost(error.what());
    } catch (const std::bad_alloc&) {
        lost("out of memory");
    }
    return true;
}

GridOutcome Grid::run() {
    GridOutcome outcome;
    outcome.runs = plan_.runs.size();
    std::vector<size_t> open;
    for (size_t i = 0; i < plan_.runs.size(); ++i)
        if (!run_is_finished(folder_.path() / plan_.runs[i].folder, plan_.folds)) open.push_back(i);
    folder_.log(fmt::format("grid of {} runs, {} finished", plan_.runs.size(), plan_.runs.size() - open.size()), true);
    write_tables();
    const auto start = clock::now();
    for (size_t n = 0; n < open.size(); ++n) {
        const GridRun& run = plan_.runs[open[n]];
        folder_.log(fmt::format("run {} of {}: {}", open[n] + 1, plan_.runs.size(), run.folder), true);
        outcome.interrupted = !train_one(run, open[n] + 1, outcome) || interrupted();
        write_tables();
        if (outcome.interrupted) return outcome;
        const double spent = std::chrono::duration<double>(clock::now() - start).count();
        if (n + 1 < open.size())
            folder_.log(fmt::format("{} of {} runs done in {}, {} left", plan_.runs.size() - open.size() + n + 1,
                                    plan_.runs.size(), duration_text(spent),
                                    duration_text(spent / double(n + 1) * double(open.size() - n - 1))),
                        true);
    }
    for (const GridRun& run : plan_.runs) outcome.finished += run_is_finished(folder_.path() / run.folder, plan_.folds);
    if (outcome.finished > 0) {
        try {
            const Ablation ablation = read_ablation(folder_.path());
            write_ablation(ablation, folder_.path(), {}, fmt::format("cmtl_train {} ({})", CMTL_VERSION, CMTL_COMMIT));
            folder_.log("mean over seeds:\n" + ablation_text(ablation), true);
            outcome.report = true;
        } catch (const Error& error) {
            // Runs on other cases have no common page; each has its own.
            if (error.kind() != ErrorKind::input) throw;
            outcome.failed.push_back(fmt::format("report: {}", error.message()));
            folder_.log("no report: " + std::string(error.message()), true);
        }
    }
    return outcome;
}
}  // namespace

bool run_is_finished(const fs::path& run, int folds) {
    std::error_code code;
    // The page is written last.
    return fs::exists(run / "report.html", code) && (folds == 0 || fs::exists(run / "folds.json", code));
}

GridOutcome run_grid(const fs::path& grid, const TrainRequest& request) { return Grid(grid, request).run(); }

}  // namespace cmtl
