// cmtl_train: from a cohort to a trained model in a run folder.
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "evaluation/ablation.hpp"
#include "nets/named_models.hpp"
#include "tools/common.hpp"
#include "tools/reading.hpp"
#include "training/ensemble.hpp"
#include "training/folds.hpp"
#include "training/grid.hpp"
#include "training/request.hpp"
#include "training/tensor_training.hpp"

namespace {

struct Arguments {
    cmtl::TrainRequest request;
    cmtl::TensorTraining tensors;
    std::filesystem::path grid;
    std::string folds;
    std::filesystem::path tune;
    int members = 1;
    int64_t max_steps = 0;
    bool list_settings = false, correct_tilt = false, allow_gaps = false;
};

std::string model_help() {
    std::string text = "a named set of model settings:";
    for (const cmtl::NamedModel& model : cmtl::named_models()) text += fmt::format("\n{} ({})", model.name, model.what);
    return text + "\nxgboost (boosted trees on the features)";
}

void add_options(cmtl::Tool& tool, Arguments& a) {
    using std::string;
    auto& r = a.request;
    tool.app.description(
        "Trains COVID-MTL on CT volumes and their image features, or on one of them.\n\n"
        "The manifest is a CSV file ID,Image[,Mask],CT,NAT,Severity[,Split][,Patient][,Site]: paths relative to it,\n"
        "empty label = unknown, Split in {train, val, test}; a patient's scans stay together.\n"
        "Without an Image column the model is trained on features only. With one, features are computed from the CTs\n"
        "unless --features gives them; --set model.features=false leaves them out.");
    tool.app.add_option("--manifest", r.manifest, "CSV file of cases and labels");
    tool.app.add_option("--features", r.features, "CSV table of features: ID column and feature columns");
    tool.app.add_option("--id-column", r.id_column, "name of the ID column in both files")->capture_default_str();
    tool.app.add_option("-o,--output", r.run, "run folder");
    tool.app.add_flag("--resume", r.resume,
                      "go on with the run in the run folder, or begin it when there is no checkpoint");
    tool.app.add_option("--grid", a.grid,
                        "JSON file of settings to train one by one: {\"base\": {...}, \"axes\": {KEY: [VALUE, ...]},\n"
                        "\"runs\": [{\"name\": N, \"set\": {KEY: VALUE}}], \"seeds\": [0, 1], \"folds\": 0}");
    tool.app.add_option(
        "--folds", a.folds,
        "stratified K-fold cross-validation into RUN/fold0, RUN/fold1, ...; site: a fold for each Site");
    tool.app
        .add_option("--ensemble", a.members,
                    "train this many models of different seeds and average their probabilities")
        ->check(CLI::Range(1, 1000));
    tool.app.add_option(
        "--tune", a.tune,
        "JSON list of settings: the best by cross-validation within the training cases (of each fold) is trained");
    tool.app
        .add_option("--preset", r.preset,
                    "full, small, features or trees (XGBoost); default: full with images, features without")
        ->group("Settings");
    tool.app.add_option("--model", r.model, model_help())->group("Settings");
    tool.app.add_option("--task", r.task, "the one task to predict: CT, NAT or Severity")->group("Settings");
    tool.app.add_option("--config", r.config_file, "JSON file of settings, for example another run's config.json")
        ->group("Settings");
    tool.app.add_option("--set", r.settings, "one setting as key=value; may be repeated")
        ->allow_extra_args(false)
        ->group("Settings");
    tool.app.add_flag("--help-config", a.list_settings, "print the settings of the preset as JSON and stop")
        ->group("Settings");
    tool.app.add_option("--max-steps", a.max_steps, "stop after this many optimiser steps")
        ->check(CLI::PositiveNumber)
        ->group("Settings");
    tool.app.add_option("--init", r.init, "weights to begin with, those that fit (.safetensors or run folder)")
        ->group("Settings");
    tool.app
        .add_option("--cache", r.cache, "folder of prepared volumes, for example of cmtl_prepare; default RUN/cache")
        ->group("Settings");
    tool.app
        .add_option("--tensors", a.tensors.tensors,
                    "train on one batch of ready tensors (volume, features, labels_TASK)")
        ->group("Tensors");
    tool.app.add_option("--save-weights", a.tensors.save, "with --tensors: the weights after the last step")
        ->group("Tensors");
    cmtl::add_grid_options(tool.app, a.correct_tilt, a.allow_gaps);
    tool.example("cmtl_train --manifest cohort.csv --preset small -o run");
    tool.example("cmtl_train --manifest labels.csv --features radiofeatures.csv --id-column PID --folds 5 -o run");
    tool.example("cmtl_train --manifest cohort.csv --model resnet3d34 --task CT -o run");
    tool.example(
        "cmtl_train --manifest cohort.csv --init run --set train.optimiser=adamw --set train.lr=0.0005 -o second");
    tool.example(
        "cmtl_train --manifest labels.csv --features table.csv --preset trees --folds 5 --tune trees.json -o run");
    tool.example("cmtl_train --resume -o run");
    tool.example("cmtl_train --grid ablation.json --manifest cohort.csv -o grid");
}

// --folds, --ensemble and --tune; of a run that is resumed without its manifest, those it was begun with.
cmtl::StudyOptions study_of(const Arguments& a, const cmtl::TrainJob& job) {
    std::string folds = a.folds;
    std::filesystem::path tune = a.tune;
    cmtl::StudyOptions study;
    study.members = a.members;
    if (a.request.resume && a.request.manifest.empty()) {
        const nlohmann::json then = cmtl::recorded_study(a.request.run);
        if (then.is_object()) {
            const nlohmann::json recorded = then.value("folds", nlohmann::json(0));
            if (folds.empty() && recorded != 0)
                folds = recorded.is_string() ? recorded.get<std::string>() : recorded.dump();
            if (study.members == 1) study.members = then.value("ensemble", 1);
            if (tune.empty()) tune = then.value("tune", "");
        }
    }
    study.by_site = folds == "site";
    if (!folds.empty() && !study.by_site) {
        const auto [end, code] = std::from_chars(folds.data(), folds.data() + folds.size(), study.folds);
        if (code != std::errc() || end != folds.data() + folds.size() || study.folds < 2 || study.folds > 1000)
            cmtl::fail(cmtl::ErrorKind::usage, "folds", "--folds {}: give a number from 2 to 1000, or site", folds);
    }
    if (!tune.empty()) study.tuning = cmtl::read_tuning_plan(tune, job.config);
    return study;
}

int list_failed(const std::vector<std::string>& failed) {
    for (const auto& one : failed) fmt::print(stderr, "left out: {}\n", one);
    return failed.empty() ? 0 : static_cast<int>(cmtl::ErrorKind::partial);
}

int train_grid(const Arguments& a) {
    if (a.members > 1 || !a.tune.empty())
        cmtl::fail(cmtl::ErrorKind::usage, "grid",
                   "--ensemble and --tune do not go with --grid: its seeds and axes do that");
    if (!a.folds.empty())
        cmtl::fail(cmtl::ErrorKind::usage, "grid", "--folds: a grid has its folds in the file: \"folds\": {}", a.folds);
    const auto outcome = cmtl::run_grid(a.grid, a.request);
    for (const auto& one : outcome.failed) fmt::print(stderr, "failed: {}\n", one);
    if (!outcome.interrupted && !a.request.quiet)
        fmt::print("{} of {} runs finished; {}{}\n", outcome.finished, outcome.runs,
                   (a.request.run / "grid.csv").string(), outcome.report ? " and report.html" : "");
    return outcome.failed.empty() ? 0 : static_cast<int>(cmtl::ErrorKind::partial);
}

int run(cmtl::Tool& tool) {
    using cmtl::ErrorKind;
    using cmtl::fail;
    Arguments a;
    add_options(tool, a);
    tool.parse();
    auto& r = a.request;
    cmtl::add_grid_settings(r.settings, a.correct_tilt, a.allow_gaps);
    r.device = cmtl::parse_device(tool.common.device);
    r.threads = tool.common.threads;
    r.quiet = tool.common.quiet;
    if (tool.app.count("--seed") > 0) r.seed = tool.common.seed;
    if (a.list_settings) {
        fmt::print("{}\n", cmtl::resolve_settings(r, "full").tree().dump(2));
        return 0;
    }
    if (!a.tensors.tensors.empty()) {
        a.tensors.init = r.init;
        a.tensors.steps = a.max_steps > 0 ? a.max_steps : 1;
        cmtl::train_on_tensors(a.tensors, r);
        return 0;
    }
    if (!a.tensors.save.empty())
        fail(ErrorKind::usage, "train", "--save-weights goes with --tensors; a run's weights are in its checkpoints");
    if (r.run.empty()) fail(ErrorKind::usage, "train", "-o is needed: the run folder");
    if (a.max_steps > 0) r.max_steps = a.max_steps;
    if (!a.grid.empty() || (r.resume && cmtl::is_grid(r.run))) return train_grid(a);
    const cmtl::TrainJob job = cmtl::make_job(r);
    const cmtl::StudyOptions study = study_of(a, job);
    if (study.cross_validates()) return list_failed(cmtl::cross_validate(job, study).failed);
    const bool plain = study.members == 1 && !study.tuning;
    const auto outcome = plain ? cmtl::train(job) : cmtl::train_study(job, study);
    if (!outcome.interrupted && !r.quiet) fmt::print("results in {}\n", r.run.string());
    return list_failed(outcome.failed);
}

}  // namespace

int main(int argc, char** argv) { return cmtl::run_tool(argc, argv, run); }
