// cmtl_radiomics: an image and a mask, or a batch of them, to a table of radiomic features.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/csv.hpp"
#include "base/files.hpp"
#include "engine/context.hpp"
#include "pipeline/predictor.hpp"
#include "pipeline/radiomics_batch.hpp"
#include "radiomics/parameter_file.hpp"
#include "tools/common.hpp"
#include "tools/reading.hpp"

namespace {

using namespace cmtl;

struct Arguments {
    fs::path input, mask, output, json, parameters;
    std::string id, feature_set;
    std::vector<std::string> settings;
    int label = -1, jobs = 1;
    bool correct_mask = false, resume = false;
    ReadOptions reading;
};

RadiomicsSettings settings_of(const Arguments& a) {
    ParameterFile file;
    if (!a.parameters.empty()) {
        require_readable(a.parameters);
        file = read_parameter_file(a.parameters);
        if (file.chooses_features && !a.feature_set.empty())
            fail(ErrorKind::usage, "radiomics",
                 "{}: has a section imageType or featureClass, and --feature-set {} chooses features, too: leave one "
                 "out",
                 a.parameters.string(), a.feature_set);
    }
    RadiomicsSettings s = file.settings;
    if (!file.chooses_features && (a.parameters.empty() || !a.feature_set.empty()))
        s.features = feature_set(a.feature_set.empty() ? "all" : a.feature_set);
    for (const std::string& assignment : a.settings) set_parameter(s, assignment);
    if (a.label >= 0) s.label = a.label;
    s.correct_mask = s.correct_mask || a.correct_mask;
    validate(s);
    return s;
}

bool ends_with(const fs::path& path, std::string_view end) { return path.string().ends_with(end); }

// All that can be known to be wrong before hours of work.
void check_arguments(const Arguments& a, bool batch) {
    if (!ends_with(a.output, ".csv") && !ends_with(a.output, ".json"))
        fail(ErrorKind::usage, "radiomics", "{}: tables are written as .csv or .json", a.output.string());
    if (!batch && a.mask.empty())
        fail(ErrorKind::usage, "radiomics", "{}: a mask is missing; give IMAGE MASK, or a batch file that ends in .csv",
             a.input.string());
    if (batch && !a.mask.empty())
        fail(ErrorKind::usage, "radiomics", "{}: a batch file names its masks: leave {} out", a.input.string(),
             a.mask.string());
    if (batch && !a.id.empty())
        fail(ErrorKind::usage, "radiomics", "--id is for a single case: a batch file has a column ID");
    if (batch && (!a.reading.series_uid.empty() || a.reading.group > 0))
        fail(ErrorKind::usage, "radiomics", "--series and --group are for a single case");
    if (!batch && a.resume) fail(ErrorKind::usage, "radiomics", "--resume is for batches");
    for (const fs::path& path : {a.output, a.json}) {
        if (path.empty()) continue;
        const fs::path folder = fs::absolute(path).parent_path();
        if (!fs::is_directory(folder))
            fail(ErrorKind::input, "radiomics", "{}: the folder {} does not exist", path.string(), folder.string());
    }
}

void write_tables(const Arguments& a, const RadiomicsBatch& batch, const RadiomicsSettings& settings,
                  const BatchOutcome& outcome, const std::string& device) {
    const auto json = [&] { return radiomics_json(batch, settings, outcome, device).dump(2) + "\n"; };
    write_file(a.output, ends_with(a.output, ".json") ? json() : radiomics_csv(batch, settings, outcome));
    if (!a.json.empty()) write_file(a.json, json());
}

int single(const Arguments& a, const RadiomicsSettings& settings, const Tool& tool) {
    RadiomicsBatch batch;
    RadiomicsCase subject;
    subject.image = a.input;
    subject.mask = a.mask;
    subject.id = a.id.empty() ? case_id(a.input) : a.id;
    Context context(ContextOptions{.device = parse_device(tool.common.device), .verbose = tool.common.verbose});
    BatchOutcome outcome;
    outcome.records.emplace_back(radiomics_case(context, subject, settings, a.reading));
    stop_if_interrupted();
    write_tables(a, batch, settings, outcome, to_string(context.device()));
    const RadiomicsRecord& record = *outcome.records[0];
    for (const std::string& warning : record.warnings) fmt::print(stderr, "warning: {}\n", warning);
    if (tool.common.quiet) return 0;
    if (tool.common.verbose) fmt::print(stderr, "{}\n", times_text(record));
    fmt::print("{}: {} features of {} voxels in {}\n", subject.id, settings.features.size(), record.result.roi_voxels,
               a.output.string());
    return 0;
}

int many(const Arguments& a, const RadiomicsSettings& settings, const Tool& tool) {
    const RadiomicsBatch batch = read_radiomics_batch(a.input);
    BatchOptions options;
    options.device = parse_device(tool.common.device);
    options.verbose = tool.common.verbose;
    options.quiet = tool.common.quiet;
    options.jobs = a.jobs;
    options.threads = tool.common.threads;
    options.resume = a.resume;
    options.reading = a.reading;
    options.journal = a.output.string() + ".part";
    options.stopped = [] { return interrupted() != 0; };
    const BatchOutcome outcome = run_radiomics_batch(batch, settings, options);
    const auto done = static_cast<size_t>(std::count_if(outcome.records.begin(), outcome.records.end(),
                                                        [](const auto& record) { return record.has_value(); }));
    for (const auto& record : outcome.records)
        for (const std::string& warning : record ? record->warnings : std::vector<std::string>{})
            fmt::print(stderr, "warning: {}\n", warning);
    for (const std::string& text : outcome.failures) fmt::print(stderr, "left out: {}\n", text);
    if (outcome.interrupted) {
        fmt::print(stderr, "{} of {} cases are done and kept in {}: --resume goes on\n", done, batch.cases.size(),
                   options.journal.string());
        throw Interruption{};
    }
    if (done == 0) {
        fs::remove(options.journal);
        fail(ErrorKind::input, "radiomics", "none of the {} cases could be read; the first: {}", batch.cases.size(),
             outcome.failures.front());
    }
    write_tables(a, batch, settings, outcome, to_string(options.device));
    if (outcome.failures.empty()) fs::remove(options.journal);
    if (!tool.common.quiet) {
        fmt::print("{} of {} cases, {} features in {}\n", done, batch.cases.size(), settings.features.size(),
                   a.output.string());
        if (outcome.resumed) fmt::print("{} of them were done before\n", outcome.resumed);
        if (!outcome.failures.empty())
            fmt::print("what is done is kept in {}: --resume computes the missing cases alone\n",
                       options.journal.string());
    }
    return outcome.failures.empty() ? 0 : static_cast<int>(ErrorKind::partial);
}

int run(Tool& tool) {
    Arguments a;
    tool.app.description(
        "Radiomic features of the voxels that a mask marks in an image, equal to PyRadiomics 3.0.1: first order, GLCM, "
        "GLRLM\n"
        "and GLSZM, of the image and of the eight sub-bands of its coif1 wavelet. One row per case: ID, columns of the "
        "batch\n"
        "file that are passed through, features.");
    tool.app
        .add_option("IMAGE", a.input,
                    "image (DICOM folder, .nii, .nii.gz, .mha, .mhd, .nrrd, or a .zip or .tar.gz of one), or batch file "
                    ".csv: columns "
                    "Image and Mask (paths relative to the file), perhaps ID and Label")
        ->required()
        ->option_text("or CASES.csv");
    tool.app.add_option("MASK", a.mask, "labels 0 to 255 on the image's grid: .nii, .nii.gz, .mha, .mhd, .nrrd")
        ->option_text(" ");
    tool.app.add_option("-o,--output", a.output, "table: .csv or .json")->required();
    tool.app.add_option("--json", a.json, "the same as JSON: values, settings, versions, ROI, grey levels, times");
    tool.app.add_option("--feature-set", a.feature_set,
                        "all (666 columns named as PyRadiomics does; the default) or covid-mtl-375 (names and "
                        "order of COVID-MTL's published table)");
    tool.app.add_option("--param", a.parameters,
                        "PyRadiomics parameter file (YAML or JSON): imageType, featureClass, setting");
    tool.app
        .add_option("--setting", a.settings,
                    "NAME=VALUE by PyRadiomics' names, before the file's: binWidth, binCount, voxelArrayShift, "
                    "distances, label, minimumROIDimensions, minimumROISize, geometryTolerance, correctMask")
        ->take_all()
        ->expected(1)
        ->option_text("NAME=VALUE ...");
    tool.app.add_option("--label", a.label, "of the mask; 0: every voxel above 0. Default 1")
        ->check(CLI::Range(0, 255));
    tool.app.add_flag("--correct-mask", a.correct_mask, "bring a mask on another grid to the image's (nearest voxel)");
    tool.app.add_option("--id", a.id, "the single case's ID; default: the image's name without extension");
    tool.app.add_option("--jobs", a.jobs, "cases of a batch at a time, which share the threads")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    tool.app.add_flag(
        "--resume", a.resume,
        "go on with a batch from OUTPUT.part, which an interrupted batch, or one with failed cases, leaves");
    add_reading_options(tool.app, a.reading);
    tool.example("cmtl_radiomics ct.nii.gz lungs.nii.gz -o features.csv --label 0");
    tool.example("cmtl_radiomics cases.csv -o features.csv --param Params.yaml --jobs 4");
    tool.example("cmtl_radiomics ct.nrrd mask.nrrd -o features.json --feature-set covid-mtl-375 --setting binWidth=10");
    tool.parse();
    const bool batch = ends_with(a.input, ".csv");
    const RadiomicsSettings settings = settings_of(a);
    check_arguments(a, batch);
    require_readable(a.input);
    if (!batch) require_readable(a.mask);
    return batch ? many(a, settings, tool) : single(a, settings, tool);
}

}  // namespace

int main(int argc, char** argv) { return run_tool(argc, argv, run); }
