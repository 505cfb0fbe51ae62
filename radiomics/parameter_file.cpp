#include "radiomics/parameter_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/near_matches.hpp"

namespace cmtl {

namespace {

// One value of the file, and where it stands.
class Value {
  public:
    Value(YAML::Node node, std::string source, std::string key, int line)
        : node_(std::move(node)), source_(std::move(source)), key_(std::move(key)), line_(line) {}

    const YAML::Node& node() const { return node_; }
    const std::string& key() const { return key_; }
    // A value below this one; `mark` is where its name stands.
    Value member(const YAML::Node& node, const std::string& name, const YAML::Mark& mark) const {
        return {node, source_, key_.empty() ? name : key_ + "." + name, mark.line + 1};
    }

    [[noreturn]] void reject(const std::string& why) const {
        std::string text = YAML::Dump(node_);
        std::replace(text.begin(), text.end(), '\n', ' ');
        if (text.size() > 60) text = text.substr(0, 57) + "...";
        fail(ErrorKind::usage, "parameters", "{}: {} is {}: {}", place(), key_, text, why);
    }
    // About the key, whatever its value.
    [[noreturn]] void reject_name(const std::string& why) const {
        fail(ErrorKind::usage, "parameters", "{}: {}", place(), why);
    }
    std::string place() const { return line_ > 0 ? fmt::format("{}:{}", source_, line_) : source_; }

    double number() const {
        double v = 0;
        if (!parsed(v) || !std::isfinite(v)) reject("a number is needed");
        return v;
    }
    int whole() const {
        int v = 0;
        if (!parsed(v)) reject("a whole number is needed");
        return v;
    }
    bool truth() const {
        bool v = false;
        if (!node_.IsScalar() || !YAML::convert<bool>::decode(node_, v)) reject("true or false is needed");
        return v;
    }

  private:
    template <class Number>
    bool parsed(Number& v) const {
        if (!node_.IsScalar()) return false;
        const std::string& text = node_.Scalar();
        const char* first = text.data() + (!text.empty() && text[0] == '+');
        const auto [rest, code] = std::from_chars(first, text.data() + text.size(), v);
        return code == std::errc{} && rest == text.data() + text.size();
    }

    YAML::Node node_;
    std::string source_, key_;
    int line_;  // 0: none
};

// Names and values of a map, in order. Nothing at all is an empty map.
std::vector<std::pair<std::string, Value>> members(const Value& map, const char* what) {
    std::vector<std::pair<std::string, Value>> out;
    if (map.node().IsNull()) return out;
    if (!map.node().IsMap()) map.reject(fmt::format("{} are needed, as 'name: value'", what));
    std::set<std::string> seen;
    for (const auto& entry : map.node()) {
        if (!entry.first.IsScalar()) map.reject("a name must be text");
        const std::string& name = entry.first.Scalar();
        const Value value = map.member(entry.second, name, entry.first.Mark());
        if (!seen.insert(name).second) value.reject("the name stands twice: remove one");
        out.emplace_back(name, value);
    }
    return out;
}

std::string meant(const std::string& word, const std::vector<std::string>& known) {
    const std::string near = near_matches(word, known);
    return near.empty() ? fmt::format("there are {}", fmt::join(known, ", ")) : near;
}

struct Setting {
    const char* name;
    void (*apply)(RadiomicsSettings&, const Value&);
};

// A setting that must stay as it is here.
void must_be(const Value& value, std::initializer_list<const char*> texts, const char* why) {
    const std::string text = value.node().IsNull()     ? "null"
                             : value.node().IsScalar() ? value.node().Scalar()
                                                       : "a list";
    for (const char* accepted : texts)
        if (text == accepted) return;
    value.reject(fmt::format("{}; only {} is possible", why, *texts.begin()));
}
void must_be_off(const Value& value, const char* why) {
    if (!value.node().IsNull() && value.truth()) value.reject(fmt::format("{}; only false is possible", why));
}
void no_effect(RadiomicsSettings&, const Value&) {}

using S = RadiomicsSettings;
using V = Value;
constexpr Setting known_settings[] = {
    {"binWidth", [](S& s, const V& v) { s.bin_width = v.number(); }},
    {"binCount",
     [](S& s, const V& v) {
         s.bin_count = v.node().IsNull() ? 0 : v.whole();
         if (s.bin_count == 0 && !v.node().IsNull()) v.reject("1 to 4096 bins are possible, null for a bin width");
     }},
    {"voxelArrayShift", [](S& s, const V& v) { s.voxel_array_shift = v.number(); }},
    {"distances",
     [](S& s, const V& v) {
         if (!v.node().IsSequence()) v.reject("a list of whole numbers is needed, such as [1, 2]");
         s.distances.clear();
         for (const YAML::Node& d : v.node()) s.distances.push_back(v.member(d, "", d.Mark()).whole());
     }},
    {"label", [](S& s, const V& v) { s.label = v.whole(); }},
    {"minimumROIDimensions", [](S& s, const V& v) { s.minimum_roi_dimensions = v.whole(); }},
    {"minimumROISize", [](S& s, const V& v) { s.minimum_roi_size = v.node().IsNull() ? 0 : v.whole(); }},
    {"geometryTolerance", [](S& s, const V& v) { s.geometry_tolerance = v.node().IsNull() ? 1e-6 : v.number(); }},
    {"correctMask", [](S& s, const V& v) { s.correct_mask = v.truth(); }},
    // What would change values and does not exist here.
    {"normalize", [](S&, const V& v) { must_be_off(v, "images are not normalised here: do it before"); }},
    {"resampledPixelSpacing",
     [](S&, const V& v) { must_be(v, {"null"}, "images are not resampled here: do it before"); }},
    {"resegmentRange", [](S&, const V& v) { must_be(v, {"null"}, "masks are not cut by value here: do it before"); }},
    {"preCrop", [](S&, const V& v) { must_be_off(v, "the wavelet always sees the whole image here"); }},
    {"force2D", [](S&, const V& v) { must_be_off(v, "matrices are always three-dimensional here"); }},
    {"symmetricalGLCM",
     [](S&, const V& v) {
         if (!v.truth()) v.reject("the GLCM is always symmetric here; only true is possible");
     }},
    {"weightingNorm", [](S&, const V& v) { must_be(v, {"null"}, "directions are not weighted here"); }},
    {"label_channel",
     [](S&, const V& v) { must_be(v, {"0"}, "masks have one channel here: write it to a file of its own"); }},
    {"wavelet", [](S&, const V& v) { must_be(v, {"coif1"}, "there is one wavelet here"); }},
    {"start_level", [](S&, const V& v) { must_be(v, {"0"}, "there is one level of the wavelet here"); }},
    {"level", [](S&, const V& v) { must_be(v, {"1"}, "there is one level of the wavelet here"); }},
    // What changes nothing as long as the above are off.
    {"additionalInfo", no_effect},
    {"normalizeScale", no_effect},
    {"removeOutliers", no_effect},
    {"interpolator", no_effect},
    {"padDistance", no_effect},
    {"force2Ddimension", no_effect},
    {"resegmentMode", no_effect},
    {"resegmentShape", no_effect},
    {"sigma", no_effect},
    {"gradientUseSpacing", no_effect},
    {"lbp2DRadius", no_effect},
    {"lbp2DSamples", no_effect},
    {"lbp2DMethod", no_effect},
    {"lbp3DLevels", no_effect},
    {"lbp3DIcosphereRadius", no_effect},
    {"lbp3DIcosphereSubdivision", no_effect},
    {"gldm_a", no_effect},
};

void apply_setting(RadiomicsSettings& settings, const std::string& name, const Value& value) {
    const auto at = std::find_if(std::begin(known_settings), std::end(known_settings),
                                 [&](const Setting& s) { return s.name == name; });
    if (at == std::end(known_settings)) {
        std::vector<std::string> names;
        for (const Setting& s : known_settings)
            if (s.apply != no_effect) names.emplace_back(s.name);
        value.reject_name(fmt::format("there is no setting '{}': {}", name, meant(name, names)));
    }
    at->apply(settings, value);
    RadiomicsSettings checked = settings;
    if (checked.features.empty()) checked.features.resize(1);
    try {
        validate(checked);
    } catch (const Error& error) {
        fail(error.kind(), "parameters", "{}: {}", value.place(), error.message());
    }
}

struct ChosenClass {
    FeatureClass feature_class;
    std::vector<size_t> features;
};

std::vector<size_t> chosen_features(FeatureClass feature_class, const Value& value) {
    static const std::set<std::string> deprecated{"StandardDeviation", "Dissimilarity", "Homogeneity1", "Homogeneity2",
                                                  "SumVariance"};
    const std::vector<std::string>& names = feature_names(feature_class);
    std::vector<size_t> out;
    if (!value.node().IsNull()) {
        if (!value.node().IsSequence()) value.reject("a list of features is needed, or nothing for all of them");
        for (const YAML::Node& item : value.node()) {
            const std::string name = item.IsScalar() ? item.Scalar() : YAML::Dump(item);
            const auto at = std::find(names.begin(), names.end(), name);
            const Value place = value.member(item, name, item.Mark());
            if (at == names.end() && deprecated.count(name))
                place.reject_name(
                    fmt::format("{} is deprecated in PyRadiomics and not computed here: remove it", place.key()));
            if (at == names.end())
                place.reject_name(fmt::format("there is no feature {}: {}", place.key(), meant(name, names)));
            const auto index = static_cast<size_t>(at - names.begin());
            if (std::find(out.begin(), out.end(), index) == out.end()) out.push_back(index);
        }
    }
    if (out.empty())
        for (size_t f = 0; f < names.size(); ++f) out.push_back(f);
    return out;
}

std::vector<ChosenClass> chosen_classes(const Value& section) {
    static const std::set<std::string> elsewhere{"shape", "shape2D", "gldm", "ngtdm"};
    std::vector<ChosenClass> out;
    for (const auto& [name, value] : members(section, "feature classes")) {
        if (elsewhere.count(name))
            value.reject_name(
                fmt::format("the feature class {} does not exist here: remove it (firstorder, glcm, glrlm and "
                            "glszm do)",
                            name));
        const auto at = std::find_if(std::begin(every_feature_class), std::end(every_feature_class),
                                     [&, &n = name](FeatureClass c) { return class_name(c) == n; });
        if (at == std::end(every_feature_class))
            value.reject_name(fmt::format("there is no feature class '{}': {}", name,
                                          meant(name, {"firstorder", "glcm", "glrlm", "glszm"})));
        out.push_back({*at, chosen_features(*at, value)});
    }
    if (out.empty())
        for (const FeatureClass c : every_feature_class)
            out.push_back({c, chosen_features(c, section.member(YAML::Node(), "", YAML::Mark::null_mark()))});
    return out;
}

// Numbers of images in image_type_names. The settings that an image type may have of its own must be the common ones.
std::vector<size_t> chosen_images(const Value& section, const RadiomicsSettings& common) {
    static const std::set<std::string> elsewhere{"LoG",         "Square",   "SquareRoot", "Logarithm",
                                                 "Exponential", "Gradient", "LBP2D",      "LBP3D"};
    std::vector<size_t> out;
    for (const auto& [name, value] : members(section, "image types")) {
        if (elsewhere.count(name))
            value.reject_name(
                fmt::format("the image type {} does not exist here: remove it (Original and Wavelet do)", name));
        if (name != "Original" && name != "Wavelet")
            value.reject_name(
                fmt::format("there is no image type '{}': {}", name, meant(name, {"Original", "Wavelet"})));
        for (const auto& [key, custom] : members(value, "settings")) {
            RadiomicsSettings own = common;
            apply_setting(own, key, custom);
            if (to_json(own) != to_json(common))
                custom.reject("all image types share one value here: put it under setting, or run once per image type");
        }
        if (name == "Original") out.push_back(0);
        for (size_t image = 1; name == "Wavelet" && image < image_types; ++image) out.push_back(image);
    }
    if (out.empty()) out.push_back(0);
    return out;
}

}  // namespace

ParameterFile read_parameter_file(const std::filesystem::path& path) {
    const std::string text = read_file(path);
    YAML::Node root;
    try {
        root = YAML::Load(text);
    } catch (const YAML::Exception& error) {
        fail(ErrorKind::usage, "parameters", "{}:{}: no YAML: {}", path.string(), error.mark.line + 1, error.msg);
    }
    const Value file(root, path.string(), "", 0);
    if (!root.IsMap())
        fail(ErrorKind::usage, "parameters",
             "{}: no parameter file: the sections setting, imageType and featureClass are "
             "missing",
             path.string());
    ParameterFile out;
    YAML::Node images, classes;
    for (const auto& [name, value] : members(file, "sections")) {
        if (name == "setting") {
            for (const auto& [key, member] : members(value, "settings")) apply_setting(out.settings, key, member);
        } else if (name == "imageType") {
            images = value.node();
        } else if (name == "featureClass") {
            classes = value.node();
        } else if (name == "voxelSetting") {
            value.reject_name("the section voxelSetting is for maps of features, which do not exist here: remove it");
        } else {
            value.reject_name(fmt::format("there is no section '{}': {}", name,
                                          meant(name, {"setting", "imageType", "featureClass"})));
        }
    }
    out.chooses_features = !images.IsNull() || !classes.IsNull();
    const auto chosen = chosen_classes(file.member(classes, "featureClass", classes.Mark()));
    for (const size_t image : chosen_images(file.member(images, "imageType", images.Mark()), out.settings))
        for (const auto& [c, features] : chosen)
            for (const size_t f : features)
                out.settings.features.push_back(
                    {fmt::format("{}_{}_{}", image_type_names[image], class_name(c), feature_names(c)[f]), image, c,
                     f});
    return out;
}

void set_parameter(RadiomicsSettings& settings, std::string_view assignment) {
    const size_t at = assignment.find_first_of("=:");
    const std::string name(assignment.substr(0, at));
    if (at == assignment.npos || name.empty())
        fail(ErrorKind::usage, "parameters", "--setting '{}': 'name=value' is needed, such as binWidth=10", assignment);
    YAML::Node node;
    try {
        node = YAML::Load(std::string(assignment.substr(at + 1)));
    } catch (const YAML::Exception& error) {
        fail(ErrorKind::usage, "parameters", "--setting '{}': {}", assignment, error.msg);
    }
    apply_setting(settings, name, Value(node, "--setting", name, 0));
}

nlohmann::ordered_json to_json(const RadiomicsSettings& s) {
    nlohmann::ordered_json json;
    json["binWidth"] = s.bin_width;
    json["binCount"] = s.bin_count ? nlohmann::ordered_json(s.bin_count) : nlohmann::ordered_json();
    json["voxelArrayShift"] = s.voxel_array_shift;
    json["distances"] = s.distances;
    json["label"] = s.label;
    json["minimumROIDimensions"] = s.minimum_roi_dimensions;
    json["minimumROISize"] = s.minimum_roi_size ? nlohmann::ordered_json(s.minimum_roi_size) : nlohmann::ordered_json();
    json["geometryTolerance"] = s.geometry_tolerance;
    json["correctMask"] = s.correct_mask;
    return json;
}

}  // namespace cmtl
