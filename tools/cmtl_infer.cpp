// cmtl_infer: a model and a CT (or a cohort, or ready tensors) to probabilities, lung mask and report.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/progress.hpp"
#include "device_imaging/device_operations.hpp"
#include "evaluation/report.hpp"
#include "imaging/geometry.hpp"
#include "io/image_io.hpp"
#include "io/overlay.hpp"
#include "pipeline/heat_map.hpp"
#include "pipeline/predictor.hpp"
#include "tools/common.hpp"
#include "tools/reading.hpp"
#include "training/cohort.hpp"
#include "training/tree_training.hpp"

namespace {

using namespace cmtl;

struct Arguments {
    fs::path model, image, mask, manifest, features, tensors, output;
    std::string id, id_column = "ID";
    bool report = false, no_heat_map = false;
    ReadOptions reading;
};

// One case's way through the model and into its files.
class CaseReader {
  public:
    CaseReader(Context& context, Predictor& predictor, const Arguments& arguments, const Tool& tool)
        : operations_(context), predictor_(predictor), a_(arguments), tool_(tool) {
        if (!a_.features.empty())
            table_ = predictor_.select(read_feature_table(a_.features, a_.id_column));
        else if (predictor_.model().options.features)
            radiomics_ = predictor_.computable_features();
        if (predictor_.model().options.volume) predictor_.require_ct();
    }

    // Whether a case is a CT, and not a row of a table alone.
    bool needs_ct() const { return predictor_.model().options.volume || radiomics_; }

    const FeatureTable& table() const { return *table_; }

    // `one.labels` may be empty. Writes ID.json, ID_lungs.nii.gz and ID.html where `files`.
    CaseResult read(const CohortCase& one, bool files) {
        CaseResult result;
        result.id = one.id;
        std::span<const double> row;
        if (table_) {
            const auto at = table_->find(one.id);
            if (!at)
                fail(ErrorKind::input, "features", "{}: no features for '{}': name the row with --id",
                     a_.features.string(), one.id);
            row = table_->row(*at);
            result.feature_table = a_.features;
        }
        PreparedCase prepared;
        if (needs_ct()) {
            prepared = prepare_case(one.image, predictor_.preparation(), one.mask, a_.reading, &operations_);
            result.input = one.image;
            result.litres_right = prepared.litres_right;
            result.litres_left = prepared.litres_left;
            result.warnings = prepared.warnings;
            result.timeline = prepared.timeline;
        }
        const auto timed = [&](const char* step, auto&& work) {
            stop_if_interrupted();
            const auto begin = std::chrono::steady_clock::now();
            work();
            result.timeline.emplace_back(step, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        };
        std::vector<double> computed;
        if (radiomics_) {
            timed("features", [&] { computed = predictor_.features(prepared.voxels, one.image.string()); });
            row = computed;
            result.radiomics = radiomics_;
        }
        std::vector<CamMap> maps;
        timed("network", [&] {
            result.probabilities =
                predictor_.probabilities(prepared.voxels, row, files && !a_.no_heat_map ? &maps : nullptr);
        });
        stop_if_interrupted();
        if (files) {
            make_folder(a_.output);
            if (needs_ct()) write_image(a_.output / (one.id + "_lungs.nii.gz"), prepared.lungs);
            write_file(a_.output / (one.id + ".html"), page(result, one, prepared, maps));
            write_file(a_.output / (one.id + ".json"), to_json(result, predictor_).dump(2) + "\n");
        }
        return result;
    }

  private:
    std::string page(const CaseResult& result, const CohortCase& one, const PreparedCase& prepared,
                     const std::vector<CamMap>& maps) const {
        CaseReport report;
        report.id = result.id;
        report.source = result.input.string();
        const auto& tasks = predictor_.model().options.tasks;
        for (size_t k = 0; k < tasks.size(); ++k)
            report.tasks.push_back(
                {tasks[k].name, result.probabilities[k], k < one.labels.size() ? static_cast<int>(one.labels[k]) : -1});
        report.timeline = result.timeline;
        report.warnings = result.warnings;
        if (!result.input.empty()) {
            report.right_litres = result.litres_right;
            report.left_litres = result.litres_left;
            const PreparationOptions preparation = predictor_.preparation();
            ReadOptions reading = a_.reading;
            reading.correct_tilt = reading.correct_tilt || preparation.correct_tilt;
            reading.allow_gaps = reading.allow_gaps || preparation.allow_gaps;
            reading.warn = false;
            Volume hu = read_volume(one.image, reading);
            const auto& g = hu.geometry;
            report.image = {
                {"size", fmt::format("{} x {} x {}", g.size[0], g.size[1], g.size[2])},
                {"spacing", fmt::format("{:.3g} x {:.3g} x {:.3g} mm", g.spacing[0], g.spacing[1], g.spacing[2])}};
            report.overlay = {encode_png(overlay(hu, prepared.lungs)),
                              "Lungs as the model saw them: right blue, left orange", ""};
            if (!maps.empty()) report.heat = heat_pictures(result, std::move(hu), prepared, maps);
        }
        report.versions = {{"program", fmt::format("cmtl_infer {} ({})", CMTL_VERSION, CMTL_COMMIT)},
                           {"model", predictor_.members() > 1
                                         ? fmt::format("{}, mean of {}", predictor_.source(), predictor_.members())
                                         : predictor_.source()},
                           {"device", to_string(parse_device(tool_.common.device))},
                           {"threads", std::to_string(tool_.common.threads)}};
        if (result.radiomics)
            report.versions.emplace_back("features", fmt::format("{}, computed from the CT", result.radiomics->set));
        else if (table_)
            report.versions.emplace_back("features", result.feature_table.string());
        return case_report_html(report);
    }

    // Of each task's most probable class.
    std::vector<ReportPicture> heat_pictures(const CaseResult& result, Volume hu, const PreparedCase& prepared,
                                             const std::vector<CamMap>& maps) const {
        const Volume image = to_lps(std::move(hu)).image;
        const Mask lungs = to_lps(prepared.lungs).image;
        std::vector<ReportPicture> pictures;
        for (size_t k = 0; k < maps.size(); ++k) {
            const auto& p = result.probabilities[k];
            const auto top = static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin());
            const std::string& task = predictor_.model().options.tasks[k].name;
            const HeatImage heat = placed(maps[k], prepared.grid, predictor_.preparation());
            const bool any = std::any_of(maps[k].values.begin(), maps[k].values.end(), [](float v) { return v > 0; });
            pictures.push_back({encode_png(heat_overlay(image, lungs, heat, {.panel = 320, .plain = false})),
                                any ? "Grad-CAM: what raises this class's score most, as a share of its largest value, within what it saw; "
                                      "the views go through the hottest place in the lungs"
                                    : "No place speaks for this class",
                                fmt::format("{}: {}", task_title(task), class_name(task, top))});
        }
        return pictures;
    }

    DeviceOperations operations_;
    Predictor& predictor_;
    const Arguments& a_;
    const Tool& tool_;
    std::optional<FeatureTable> table_;
    std::optional<FeatureOptions> radiomics_;  // features are computed
};

std::string summary(const CaseResult& result, const std::vector<Task>& tasks) {
    std::string text = result.id;
    for (size_t k = 0; k < tasks.size(); ++k) {
        const auto& p = result.probabilities[k];
        text += fmt::format("  {} {:.3f}", tasks[k].name, fmt::join(p, "/"));
    }
    return text;
}

int infer_tensors(Context& context, Predictor& predictor, const Arguments& a) {
    const Safetensors input = read_safetensors(context, a.tensors);
    const auto find = [&](const char* name) {
        const Tensor* tensor = input.find(name);
        return tensor ? *tensor : Tensor();
    };
    const auto logits = predictor.logits(find("volume"), find("features"));
    NamedTensors out;
    for (size_t k = 0; k < logits.size(); ++k)
        out.emplace_back("logits_" + predictor.model().options.tasks[k].name, context.to_host(logits[k]));
    write_safetensors(a.output, out);
    return 0;
}

int infer_case(Context& context, Predictor& predictor, const Arguments& a, const Tool& tool) {
    CaseReader reader(context, predictor, a, tool);
    CohortCase one;
    one.id = !a.id.empty() ? a.id : case_id(a.image);
    one.image = a.image;
    one.mask = a.mask;
    const CaseResult result = reader.read(one, true);
    if (!tool.common.quiet) {
        fmt::print("{}\n", summary(result, predictor.model().options.tasks));
        fmt::print("results in {}: {}.json, {}.html{}\n", a.output.string(), one.id, one.id,
                   a.image.empty() ? "" : fmt::format(", {}_lungs.nii.gz", one.id));
    }
    return 0;
}

Cohort cohort_of(CaseReader& reader, const Predictor& predictor, const Arguments& a) {
    const auto& options = predictor.model().options;
    if (!a.manifest.empty()) {
        Cohort cohort = read_manifest(a.manifest, a.id_column, options.tasks, false);
        if (reader.needs_ct() && !cohort.has_images)
            fail(ErrorKind::input, "manifest", "{}: no Image column, but {} reads CT{}", a.manifest.string(),
                 predictor.model().source, options.volume ? "" : " where it is not given --features");
        return cohort;
    }
    Cohort cohort;
    for (const auto& id : reader.table().ids) {
        CohortCase one;
        one.id = id;
        one.labels.assign(options.tasks.size(), -1);
        cohort.cases.push_back(std::move(one));
    }
    return cohort;
}

int infer_cohort(Context& context, Predictor& predictor, const Arguments& a, const Tool& tool) {
    CaseReader reader(context, predictor, a, tool);
    const Cohort cohort = cohort_of(reader, predictor, a);
    const auto& tasks = predictor.model().options.tasks;
    Predictions predictions;
    for (const Task& task : tasks) predictions.tasks.push_back({task.name, static_cast<int>(task.classes), {}, {}});
    std::vector<std::string> failed;
    make_folder(a.output);
    {
        Progress progress("infer", static_cast<int64_t>(cohort.cases.size()), tool.common.quiet);
        for (const CohortCase& one : cohort.cases) {
            stop_if_interrupted();
            try {
                const CaseResult result = reader.read(one, a.report);
                predictions.ids.push_back(one.id);
                for (size_t k = 0; k < tasks.size(); ++k) {
                    auto& task = predictions.tasks[k];
                    task.probabilities.insert(task.probabilities.end(), result.probabilities[k].begin(),
                                              result.probabilities[k].end());
                    task.labels.push_back(static_cast<int>(one.labels[k]));
                }
            } catch (const Error& error) {
                if (error.kind() != ErrorKind::input) throw;
                failed.push_back(fmt::format("{}: {}", one.id, error.what()));
            }
            progress.advance(one.id);
        }
    }
    for (const auto& text : failed) fmt::print(stderr, "left out: {}\n", text);
    if (predictions.ids.empty())
        fail(ErrorKind::input, "infer", "none of the {} cases could be read; the first: {}", cohort.cases.size(),
             failed.front());
    write_predictions(a.output / "predictions.csv", predictions);
    if (!tool.common.quiet)
        fmt::print("{} cases in {}\n", predictions.ids.size(), (a.output / "predictions.csv").string());
    return failed.empty() ? 0 : static_cast<int>(ErrorKind::partial);
}

// Boosted trees read rows of a table: all of them, those of a manifest, or the one of --id.
int infer_trees(const Arguments& a, const Tool& tool) {
    if (!a.image.empty() || !a.tensors.empty() || a.features.empty())
        fail(ErrorKind::usage, "infer",
             "{}: boosted trees read feature tables: make one with cmtl_prepare or cmtl_radiomics and give it with --features",
             a.model.string());
    if (a.report) fail(ErrorKind::usage, "infer", "--report is for CT: boosted trees leave predictions.csv alone");
    const TreeModel model = read_tree_model(a.model, tool.common.threads);
    const auto& names = model.trees.front().front().features();
    const FeatureTable table = select_features(read_feature_table(a.features, a.id_column, MissingFeatures::keep), names,
                                               static_cast<int64_t>(names.size()), a.model.string());
    std::vector<std::string> ids = table.ids;
    Cohort cohort;
    if (!a.manifest.empty()) {
        cohort = read_manifest(a.manifest, a.id_column, model.tasks, false);
        ids.clear();
        for (const CohortCase& one : cohort.cases) ids.push_back(one.id);
    } else if (!a.id.empty()) {
        ids = {a.id};
    }
    for (const auto& id : ids)
        if (!table.find(id)) fail(ErrorKind::input, "features", "{}: no features for '{}'", a.features.string(), id);
    Predictions predictions = predict_trees(model, table, ids);
    for (size_t i = 0; i < cohort.cases.size(); ++i)
        for (size_t k = 0; k < model.tasks.size(); ++k)
            predictions.tasks[k].labels[i] = static_cast<int>(cohort.cases[i].labels[k]);
    make_folder(a.output);
    write_predictions(a.output / "predictions.csv", predictions);
    if (!tool.common.quiet) fmt::print("{} cases in {}\n", ids.size(), (a.output / "predictions.csv").string());
    return 0;
}

int run(Tool& tool) {
    Arguments a;
    tool.app.description(
        "Reads a CT with a trained model: probabilities (JSON), lung mask (NIfTI on the CT's grid), report (HTML).\n"
        "Features that the model takes are computed from the CT as they were in its training.");
    tool.app
        .add_option(
            "--model", a.model,
            "run folder of cmtl_train, its folder of folds or of an ensemble (mean of all), or .safetensors file")
        ->required();
    tool.app.add_option("-i,--input", a.image,
                        "CT: DICOM folder, .nii, .nii.gz, .mha, .mhd, .nrrd, or a .zip or .tar.gz of one");
    tool.app.add_option("--mask", a.mask, "lung mask on the CT's grid, instead of segmenting");
    tool.app.add_option("--manifest", a.manifest,
                        "CSV of cases (ID,Image[,Mask] and known labels): DIR/predictions.csv");
    tool.app.add_option("--features", a.features, "CSV table of features, instead of computing them, for models with a feature branch");
    tool.app.add_option("--id", a.id,
                        "name of the case, and its row in the feature table; default: the CT's name without extension");
    tool.app.add_option("--id-column", a.id_column, "name of the ID column in manifest and feature table")
        ->capture_default_str();
    tool.app.add_flag("--report", a.report, "with several cases: JSON, mask and report of each as well");
    tool.app.add_flag("--no-heat-map", a.no_heat_map, "leave out of reports where the network looked (Grad-CAM)");
    tool.app.add_option("--tensors", a.tensors,
                        "network only: .safetensors with ready `volume` and `features`; -o is a .safetensors file");
    tool.app.add_option("-o,--output", a.output, "output folder")->required();
    add_reading_options(tool.app, a.reading);
    tool.example("cmtl_infer --model run -i patient.nii.gz -o result");
    tool.example("cmtl_infer --model run --manifest cohort.csv -o result --report");
    tool.example("cmtl_infer --model run --features radiofeatures.csv --id-column PID -o result");
    tool.parse();
    const int inputs = !a.image.empty() + !a.manifest.empty() + !a.tensors.empty();
    if (inputs > 1) fail(ErrorKind::usage, "infer", "choose one of -i, --manifest and --tensors");
    if (inputs == 0 && a.features.empty())
        fail(ErrorKind::usage, "infer", "nothing to read: give -i, --manifest, --features or --tensors");
    if (a.image.empty() && (!a.reading.series_uid.empty() || a.reading.group > 0))
        fail(ErrorKind::usage, "infer", "--series and --group are for a single CT: give it with -i");
    for (const fs::path& path : {a.image, a.mask, a.manifest, a.features, a.tensors})
        if (!path.empty()) require_readable(path);
    if (is_tree_run(a.model)) return infer_trees(a, tool);
    Context context(ContextOptions{.device = parse_device(tool.common.device), .verbose = tool.common.verbose});
    Predictor predictor(context, a.model);
    if (!a.tensors.empty()) return infer_tensors(context, predictor, a);
    if (inputs == 0 && predictor.model().options.volume)
        fail(ErrorKind::usage, "infer", "{}: reads CT: give one with -i, or a cohort with --manifest",
             predictor.model().source);
    if (!a.image.empty() || (a.manifest.empty() && !a.id.empty())) return infer_case(context, predictor, a, tool);
    return infer_cohort(context, predictor, a, tool);
}

}  // namespace

int main(int argc, char** argv) { return run_tool(argc, argv, run); }
