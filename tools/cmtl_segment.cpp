// CT -> lung mask on the input's grid, litres per lung, overlay picture.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "device_imaging/device_operations.hpp"
#include "imaging/geometry.hpp"
#include "imaging/lungs.hpp"
#include "imaging/resample.hpp"
#include "io/image_io.hpp"
#include "io/overlay.hpp"
#include "tools/common.hpp"
#include "tools/reading.hpp"

namespace {

using namespace cmtl;

struct Options {
    std::string input, output, json, preview;
    ReadOptions reading;
    double spacing = 1;
    std::string refine = "surfaces";
    bool no_refine = false;
};

// Seconds by step, in order.
class Timeline {
  public:
    // `part`: seconds of it that are a step of their own.
    void done(const std::string& step, double part = 0) {
        const auto now = std::chrono::steady_clock::now();
        steps_[step] = std::chrono::duration<double>(now - since_).count() - part;
        since_ = now;
    }
    void took(const std::string& step, double seconds) { steps_[step] = seconds; }
    const nlohmann::ordered_json& steps() const { return steps_; }

  private:
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    nlohmann::ordered_json steps_ = nlohmann::ordered_json::object();
};

// Everything that the outputs need, before any of them is written.
void check_outputs(const Options& o) {
    for (const std::string& path : {o.output, o.json, o.preview}) {
        if (path.empty()) continue;
        const fs::path folder = fs::absolute(path).parent_path();
        if (!fs::is_directory(folder))
            fail(ErrorKind::input, "segment", "{}: the folder {} does not exist", path, folder.string());
    }
    const auto ends = [&](std::string_view end) { return o.output.size() > end.size() && o.output.ends_with(end); };
    if (!ends(".nii.gz") && !ends(".nii") && !ends(".nrrd") && !ends(".mha"))
        fail(ErrorKind::usage, "segment", "{}: masks are written as .nii.gz, .nii, .nrrd or .mha", o.output);
}

// With what the refinement changed, where it changed something. All on the canonical grid.
Picture preview(const Options& o, const Volume& hu, const Mask& mask, const Lungs& lungs) {
    OverlayOptions options;
    options.title = fs::path(o.input).lexically_normal().filename().string();
    if (!lungs.flags.empty()) options.title += fmt::format("   look at: {}", fmt::join(lungs.flags, ", "));
    Mask classical;
    if (!lungs.classical.voxels.empty()) {
        classical = resample_mask(lungs.classical, mask.geometry, MaskInterpolation::linear);
        options.before = &classical;
    }
    return overlay(hu, mask, options);
}

int segment(const Options& o, const CommonOptions& common) {
    check_outputs(o);
    Timeline timeline;
    ReadReport report;
    Oriented<float> ct = to_lps(read_volume(o.input, o.reading, &report));
    timeline.done("read");
    stop_if_interrupted();

    // What lies outside of the scanner's range would ring in the spline.
    parallel_ranges(std::ssize(ct.image.voxels), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            float& v = ct.image.voxels[static_cast<size_t>(n)];
            v = std::clamp(v, -1024.0f, 3071.0f);
        }
    });
    const Geometry grid = ct.image.geometry;
    const Index3 size = size_at_spacing(grid, {o.spacing, o.spacing, o.spacing});
    Context context(ContextOptions{.device = parse_device(common.device), .verbose = common.verbose});
    const DeviceOperations run(context);
    Volume fine =
        o.preview.empty() ? run.resample_cubic(std::move(ct.image), size) : run.resample_cubic(ct.image, size);
    timeline.done("resample");
    stop_if_interrupted();

    Lungs lungs;
    try {
        LungOptions options;
        options.refine = o.no_refine ? Refinement::none : refinement_named(o.refine);
        options.operations = &run;
        options.keep_classical = !o.preview.empty();
        lungs = segment_lungs(fine, options);
    } catch (const Error& error) {
        fail(error.kind(), "lungs", "{}: {}", o.input, error.message());
    }
    fine = {};
    timeline.done("segment", lungs.refine_seconds);
    if (!o.no_refine) timeline.took("refine", lungs.refine_seconds);
    stop_if_interrupted();

    const Mask canonical = resample_mask(lungs.mask, grid, MaskInterpolation::linear);
    const Mask mask = restore(canonical, ct.orientation);
    write_image(o.output, mask);
    timeline.done("write");
    if (!o.preview.empty()) {
        write_png(o.preview, preview(o, ct.image, canonical, lungs));
        timeline.done("preview");
    }
    if (!o.json.empty()) {
        nlohmann::ordered_json json;
        json["input"] = o.input;
        json["format"] = report.format;
        if (!report.series_uid.empty()) json["series_uid"] = report.series_uid;
        json["mask"] = o.output;
        json["litres"] = {{"right", lungs.right_litres}, {"left", lungs.left_litres}, {"both", lungs.litres()}};
        json["mean_hu"] = {{"right", lungs.right_mean_hu}, {"left", lungs.left_mean_hu}};
        if (lungs.left_litres > 0) json["right_left_ratio"] = lungs.right_litres / lungs.left_litres;
        json["trachea_ml"] = lungs.trachea_ml;
        json["dense_share"] = lungs.dense_share;
        json["air_ml"] = lungs.air_ml;
        json["side_mm2"] = lungs.side_mm2;
        json["flags"] = lungs.flags;
        json["warnings"] = report.warnings;
        json["size"] = mask.geometry.size;
        json["spacing_mm"] = mask.geometry.spacing;
        json["orientation"] = orientation_code(mask.geometry);
        json["regained_ml"] = lungs.regained_ml;
        json["method"] = o.no_refine || o.refine == "none" ? "classical"
                         : o.refine == "published"         ? "published"
                                                           : "refined";
        json["timeline"] = timeline.steps();
        json["version"] = CMTL_VERSION;
        json["commit"] = CMTL_COMMIT;
        write_file(o.json, json.dump(2) + "\n");
    }
    if (common.quiet) return 0;
    fmt::print("{}: {} {} x {} x {}\n", o.input, report.format, mask.geometry.size[0], mask.geometry.size[1],
               mask.geometry.size[2]);
    fmt::print("lungs    right {:.2f} l, left {:.2f} l, both {:.2f} l{}\n", lungs.right_litres, lungs.left_litres,
               lungs.litres(), lungs.flags.empty() ? "" : fmt::format("; look at: {}", fmt::join(lungs.flags, ", ")));
    std::string times;
    for (const auto& [step, seconds] : timeline.steps().items())
        times += fmt::format("{}{} {:.2f} s", times.empty() ? "" : ", ", step, seconds.get<double>());
    fmt::print("time     {}\nmask     {}\n", times, o.output);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    return cmtl::run_tool(argc, argv, [&](Tool& tool) {
        Options o;
        tool.app.description(
            "Finds the lungs in a chest CT: a mask on the input's grid with 1 in the right and 2 in the left lung.\n"
            "Method: the largest structures of air inside of the body at a spacing of 1 mm, without trachea and main "
            "bronchi,\n"
            "parted into right and left, vessels filled in; consolidation between aerated lung and the pleura is "
            "added.");
        tool.app
            .add_option("-i,--input", o.input,
                        "DICOM folder, .nii, .nii.gz, .mha, .mhd or .nrrd, or a .zip or .tar.gz of one")
            ->required();
        tool.app.add_option("-o,--output", o.output, "mask: .nii.gz, .nii, .nrrd or .mha")->required();
        tool.app.add_option("--json", o.json, "litres and mean HU per lung, quality flags, times");
        tool.app.add_option(
            "--preview", o.preview,
            "PNG: axial, coronal and sagittal slices with the lungs outlined, and in green what the refinement added");
        add_reading_options(tool.app, o.reading);
        tool.app.add_option("--spacing", o.spacing, "mm of the grid on which the lungs are sought")
            ->check(CLI::Range(0.5, 5.0))
            ->capture_default_str();
        tool.app
            .add_option("--refine", o.refine,
                        "surfaces: regains consolidation and leaves healthy lung alone; published: snakes in every "
                        "slice, as COVID-MTL; none")
            ->check(CLI::IsMember({"surfaces", "published", "none"}))
            ->capture_default_str();
        tool.app.add_flag("--no-refine", o.no_refine, "as --refine none: the classical mask alone");
        tool.example(tool.name + " -i scans/patient7 -o patient7_lungs.nii.gz --preview patient7.png");
        tool.parse();
        return segment(o, tool.common);
    });
}
