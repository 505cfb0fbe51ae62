#include "pipeline/radiomics_journal.hpp"

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "radiomics/parameter_file.hpp"
#include "version.hpp"

namespace cmtl {

using nlohmann::ordered_json;

namespace {

// A case is what it is called, which label it has, and where its files are.
std::string key_of(const RadiomicsCase& c) {
    const ordered_json key{c.id, c.label ? ordered_json(*c.label) : ordered_json(), c.image.string(), c.mask.string()};
    return key.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// The first line: what all cases must have in common.
std::string head_of(const RadiomicsSettings& settings) {
    ordered_json head{{"cmtl", CMTL_VERSION}, {"settings", to_json(settings)}};
    for (const FeatureRequest& f : settings.features) head["features"].push_back(f.name);
    return head.dump();
}

RadiomicsRecord record_of(const ordered_json& json, const RadiomicsCase& subject, const RadiomicsSettings& settings) {
    RadiomicsRecord record;
    record.subject = subject;
    RadiomicsResult& r = record.result;
    for (const FeatureRequest& f : settings.features) r.names.push_back(f.name);
    for (const ordered_json& v : json.at("values"))
        r.values.push_back(v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.get<double>());
    if (r.values.size() != r.names.size()) throw std::runtime_error("another number of features");
    r.roi_voxels = json.at("roi_voxels");
    r.box_low = json.at("box").at(0).get<Index3>();
    r.box_high = json.at("box").at(1).get<Index3>();
    for (size_t image = 0; image < image_types; ++image)
        r.levels[image] = json.at("levels").value(std::string(image_type_names[image]), 0);
    for (const auto& [step, seconds] : json.at("timeline").items())
        record.timeline.emplace_back(step, seconds.get<double>());
    record.warnings = json.at("warnings").get<std::vector<std::string>>();
    return record;
}

}  // namespace

ordered_json roi_json(const RadiomicsResult& r) {
    ordered_json json{{"roi_voxels", r.roi_voxels}, {"box", {r.box_low, r.box_high}}};
    json["levels"] = ordered_json::object();
    for (size_t image = 0; image < image_types; ++image)
        if (r.levels[image] > 0) json["levels"][std::string(image_type_names[image])] = r.levels[image];
    return json;
}

RadiomicsJournal::RadiomicsJournal(const RadiomicsBatch& batch, const RadiomicsSettings& settings, fs::path path,
                                   bool resume)
    : path_(std::move(path)), head_(head_of(settings)), finished_(batch.cases.size()) {
    for (const RadiomicsCase& c : batch.cases) keys_.push_back(key_of(c));
    const bool go_on = resume && fs::exists(path_);
    if (go_on) read(batch, settings);
    // Written again whole: a line that a crash cut in two is gone.
    AtomicFile fresh(path_);
    fresh.write(head_ + "\n");
    for (size_t n = 0; n < finished_.size(); ++n)
        if (finished_[n]) fresh.write(line(n, *finished_[n]));
    fresh.commit();
    file_.open(path_, std::ios::binary | std::ios::app);
}

void RadiomicsJournal::read(const RadiomicsBatch& batch, const RadiomicsSettings& settings) {
    std::istringstream lines(read_file(path_));
    std::string line;
    std::getline(lines, line);
    if (line != head_)
        fail(ErrorKind::input, "radiomics",
             "{}: begun with other settings, features or another version; finish it with those, or run without "
             "--resume to begin anew",
             path_.string());
    std::map<std::string, size_t> cases;
    for (size_t n = 0; n < keys_.size(); ++n)
        if (!cases.emplace(keys_[n], n).second)
            fail(ErrorKind::input, "radiomics",
                 "{}: two cases '{}' with the same files and label cannot be resumed: give them IDs of their own",
                 batch.file.string(), batch.cases[n].id);
    while (std::getline(lines, line)) {
        const ordered_json json = ordered_json::parse(line, nullptr, false);
        if (json.is_discarded() || !json.is_object()) break;  // cut by a crash: the last one
        try {
            const auto at = cases.find(json.at("case").get<std::string>());
            if (at != cases.end()) finished_[at->second] = record_of(json, batch.cases[at->second], settings);
        } catch (const std::exception& error) {
            fail(ErrorKind::input, "radiomics", "{}: damaged ({}); run without --resume to begin anew", path_.string(),
                 error.what());
        }
    }
}

std::string RadiomicsJournal::line(size_t n, const RadiomicsRecord& record) const {
    ordered_json json{{"case", keys_[n]}};
    json.update(roi_json(record.result));
    json["timeline"] = ordered_json::object();
    for (const auto& [step, seconds] : record.timeline) json["timeline"][step] = seconds;
    json["warnings"] = record.warnings;
    json["values"] = record.result.values;
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

void RadiomicsJournal::append(size_t n, const RadiomicsRecord& record) {
    file_ << line(n, record) << std::flush;
    if (!file_) fail(ErrorKind::resource, "radiomics", "{}: cannot be written; is the disk full?", path_.string());
}

}  // namespace cmtl
