#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "pipeline/preparation.hpp"

namespace cmtl {

using nlohmann::json;

PreparationOptions preparation_preset(std::string_view name) {
    PreparationOptions options;
    if (name == "full") return options;
    if (name != "small") fail(ErrorKind::usage, "preparation", "'{}' is not a preset: choose full or small", name);
    options.spacing_mm = 5;
    options.size = {72, 80, 80};
    options.crop = {56, 64, 64};
    options.evaluation_offset = {8, 8, 8};
    options.training_offsets_z = {6, 7, 8, 9, 10};
    options.training_offsets_y = {6, 7, 8, 9, 10};
    options.training_offsets_x = {6, 7, 8, 9, 10};
    options.lung_spacing_mm = 3;
    options.average = true;
    options.centre = "lungs";
    return options;
}

json to_json(const PreparationOptions& o) {
    return {{"spacing_mm", o.spacing_mm},
            {"size", o.size},
            {"crop", o.crop},
            {"evaluation_offset", o.evaluation_offset},
            {"training_offsets_z", o.training_offsets_z},
            {"training_offsets_y", o.training_offsets_y},
            {"training_offsets_x", o.training_offsets_x},
            {"lung_spacing_mm", o.lung_spacing_mm},
            {"refine", o.refine},
            {"average", o.average},
            {"clip", o.clip},
            {"centre", o.centre},
            {"correct_tilt", o.correct_tilt},
            {"allow_gaps", o.allow_gaps}};
}

json to_json(const IntensityStatistics& statistics) {
    return {{"mean", statistics.mean}, {"deviation", statistics.deviation}};
}

PreparationOptions preparation_from_json(const json& tree) {
    PreparationOptions o;
    if (!tree.is_object()) fail(ErrorKind::usage, "preparation", "a JSON object of settings is needed");
    const json known = to_json(o);
    for (const auto& [key, value] : tree.items())
        if (!known.contains(key)) fail(ErrorKind::usage, "preparation", "unknown setting 'preparation.{}'", key);
    const auto triple = [&](const char* key, std::array<int64_t, 3>& to) {
        if (!tree.contains(key)) return;
        const auto values = tree.at(key).get<std::vector<int64_t>>();
        if (values.size() != 3)
            fail(ErrorKind::usage, "preparation", "preparation.{} is {}: three whole numbers (z, y, x) are needed", key,
                 tree.at(key).dump());
        std::copy(values.begin(), values.end(), to.begin());
    };
    try {
        o.spacing_mm = tree.value("spacing_mm", o.spacing_mm);
        triple("size", o.size);
        triple("crop", o.crop);
        triple("evaluation_offset", o.evaluation_offset);
        o.training_offsets_z = tree.value("training_offsets_z", o.training_offsets_z);
        o.training_offsets_y = tree.value("training_offsets_y", o.training_offsets_y);
        o.training_offsets_x = tree.value("training_offsets_x", o.training_offsets_x);
        o.lung_spacing_mm = tree.value("lung_spacing_mm", o.lung_spacing_mm);
        o.refine = tree.value("refine", o.refine);
        o.average = tree.value("average", o.average);
        o.clip = tree.value("clip", o.clip);
        o.centre = tree.value("centre", o.centre);
        o.correct_tilt = tree.value("correct_tilt", o.correct_tilt);
        o.allow_gaps = tree.value("allow_gaps", o.allow_gaps);
    } catch (const json::exception& error) {
        fail(ErrorKind::usage, "preparation", "wrong type: {}", error.what());
    }
    validate(o);
    return o;
}

void validate(const PreparationOptions& o) {
    const auto refuse = [](const std::string& what) { fail(ErrorKind::usage, "preparation", "{}", what); };
    if (!(o.spacing_mm >= 0.2 && o.spacing_mm <= 20))
        refuse(fmt::format("preparation.spacing_mm is {}: 0.2 to 20 mm are possible", o.spacing_mm));
    if (!(o.lung_spacing_mm >= 0.5 && o.lung_spacing_mm <= 5))
        refuse(fmt::format("preparation.lung_spacing_mm is {}: 0.5 to 5 mm are possible", o.lung_spacing_mm));
    if (o.refine != "surfaces" && o.refine != "published" && o.refine != "none")
        refuse(fmt::format("preparation.refine is '{}': choose surfaces, published or none", o.refine));
    if (!(o.clip > 0)) refuse(fmt::format("preparation.clip is {}: it must be above 0", o.clip));
    if (o.centre != "image" && o.centre != "lungs")
        refuse(fmt::format("preparation.centre is '{}': choose image or lungs", o.centre));
    const std::array<std::vector<int64_t>, 3> training{o.training_offsets_z, o.training_offsets_y,
                                                       o.training_offsets_x};
    int64_t voxels = 1;
    for (size_t a = 0; a < 3; ++a) {
        const char axis = "zyx"[a];
        if (o.size[a] < 1 || o.size[a] > 4096)
            refuse(fmt::format("preparation.size along {} is {}: 1 to 4096 are possible", axis, o.size[a]));
        if (o.crop[a] < 1 || o.crop[a] > o.size[a])
            refuse(fmt::format("preparation.crop along {} is {}: 1 to preparation.size ({}) are possible", axis,
                               o.crop[a], o.size[a]));
        if (training[a].empty()) refuse(fmt::format("preparation.training_offsets_{} is empty", axis));
        std::vector<int64_t> offsets = training[a];
        offsets.push_back(o.evaluation_offset[a]);
        for (const int64_t offset : offsets)
            if (offset < 0 || offset + o.crop[a] > o.size[a])
                refuse(fmt::format("offset {} along {}: the crop of {} leaves the volume of {}", offset, axis,
                                   o.crop[a], o.size[a]));
        voxels *= o.size[a];
    }
    if (voxels > (int64_t{1} << 30))
        refuse(fmt::format("preparation.size has {} voxels: at most 2^30 are possible", voxels));
}

}  // namespace cmtl
