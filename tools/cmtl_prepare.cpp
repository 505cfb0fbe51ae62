// cmtl_prepare: a cohort's CTs to prepared volumes, lung masks and features, once and ahead of every training on them.
#include "tools/common.hpp"
#include "tools/reading.hpp"
#include "training/prepare.hpp"

namespace {

void add_options(cmtl::Tool& tool, cmtl::PrepareRequest& r, bool& no_features, bool& no_masks, bool& correct_tilt,
                 bool& allow_gaps) {
    tool.app.description(
        "Prepares a cohort: CACHE/ID.cmtlvol (lung volumes for cmtl_train --cache), CACHE/masks/ID.nii.gz (lungs on the\n"
        "CT's grid: 1 right, 2 left), CACHE/features.csv (a table for cmtl_train --features) and CACHE/prepare.json.\n"
        "Run again to go on after an interruption, or to add what changed: cases that are up to date are kept.");
    tool.app.add_option("--manifest", r.manifest, "CSV file of cases: ID,Image[,Mask] and labels, paths relative to it")->required();
    tool.app.add_option("-o,--output", r.folder, "folder of the cache")->required();
    tool.app.add_option("--id-column", r.id_column, "name of the ID column")->capture_default_str();
    tool.app.add_flag("--no-features", no_features, "volumes and masks only");
    tool.app.add_flag("--no-masks", no_masks, "no lung masks");
    tool.app.add_option("--jobs", r.work.jobs, "cases at a time, which share the threads; 0: as many as threads and 4 GB of memory allow")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    tool.app.add_option("--preset", r.preset, "full (1 mm, as published) or small (5 mm); default: full")->group("Settings");
    tool.app.add_option("--config", r.config_file, "JSON file of settings, for example a run's config.json")->group("Settings");
    tool.app
        .add_option("--set", r.settings,
                    "one setting as key=value, of preparation, radiomics or model.tasks (cmtl_train --help-config lists them); may "
                    "be repeated")
        ->allow_extra_args(false)
        ->group("Settings");
    cmtl::add_grid_options(tool.app, correct_tilt, allow_gaps);
    tool.example("cmtl_prepare --manifest cohort.csv -o prepared");
    tool.example("cmtl_prepare --manifest cohort.csv -o prepared --preset small --set radiomics.bin_width=10 --jobs 4");
    tool.example("cmtl_train --manifest cohort.csv --cache prepared -o run");
}

}  // namespace

int main(int argc, char** argv) {
    return cmtl::run_tool(argc, argv, [](cmtl::Tool& tool) {
        cmtl::PrepareRequest request;
        bool no_features = false, no_masks = false, correct_tilt = false, allow_gaps = false;
        add_options(tool, request, no_features, no_masks, correct_tilt, allow_gaps);
        tool.parse();
        cmtl::add_grid_settings(request.settings, correct_tilt, allow_gaps);
        request.features = !no_features;
        request.masks = !no_masks;
        request.work.device = cmtl::parse_device(tool.common.device);
        request.work.quiet = tool.common.quiet;
        const cmtl::PrepareOutcome outcome = cmtl::prepare_folder(request);
        for (const auto& one : outcome.failed) fmt::print(stderr, "left out: {}\n", one);
        if (outcome.interrupted) return 0;
        if (!tool.common.quiet)
            fmt::print("{}: {} cases prepared, {} were there already{}\n", request.folder.string(), outcome.prepared, outcome.kept,
                       request.features ? "; features.csv" : "");
        return outcome.failed.empty() ? 0 : static_cast<int>(cmtl::ErrorKind::partial);
    });
}
