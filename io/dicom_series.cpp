#include "io/dicom_series.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"

namespace cmtl {

namespace {

struct Series {
    std::vector<DicomFile> files;
    int64_t slices = 0;
    bool localizer = true;  // all of it

    const DicomHeader& header() const { return *files[0].header; }
    bool ct() const { return header().modality == "CT"; }
};

std::string shown(const std::string& uid) { return uid.empty() ? "(no UID)" : uid; }

// A picture of a screen: a dose report, a rendering. Some converters write true slices as such: those have positions.
bool is_screen(const DicomFile& file) {
    const DicomFrame frame = file.header->frame(0);
    return file.header->sop_class.starts_with("1.2.840.10008.5.1.4.1.1.7") && !(frame.position && frame.orientation);
}

void pass_over_screens(std::vector<DicomFile>& files, const DicomReading& reading) {
    const auto screens = std::count_if(files.begin(), files.end(), is_screen);
    if (screens == 0 || screens == std::ssize(files)) return;
    const std::string example = std::find_if(files.begin(), files.end(), is_screen)->name();
    std::erase_if(files, is_screen);
    reading.warn(fmt::format("passing over {} secondary capture{} (screenshots or reports, for example {})", screens,
                             screens == 1 ? "" : "s", example));
}

using SeriesByUid = std::map<std::string, Series>;

std::string listed(const SeriesByUid& all) {
    std::string text;
    for (const auto& [uid, s] : all) {
        const std::string& description = s.header().series_description;
        text += fmt::format("{}{} ({}{} slice{}, {}{})", text.empty() ? "" : ", ", shown(uid),
                            description.empty() ? "" : "'" + description + "', ", s.slices, s.slices == 1 ? "" : "s",
                            s.header().modality, s.localizer ? ", localiser" : "");
    }
    return text;
}

// The one series whose UID is `asked`, or begins or ends with it.
std::string find_uid(const SeriesByUid& all, const std::string& asked, const DicomReading& reading) {
    if (all.count(asked)) return asked;
    std::vector<std::string> found;
    for (const auto& [uid, s] : all)
        if (uid.starts_with(asked) || uid.ends_with(asked)) found.push_back(uid);
    if (found.size() == 1) return found[0];
    if (found.empty())
        fail(ErrorKind::input, "dicom", "{}: no series {}; the folder has {}", reading.where, asked, listed(all));
    fail(ErrorKind::input, "dicom", "{}: {} series begin or end with {}; the folder has {}", reading.where,
         found.size(), asked, listed(all));
}

}  // namespace

std::vector<DicomFile> choose_series(std::vector<DicomFile> files, DicomReading& reading) {
    pass_over_screens(files, reading);
    SeriesByUid all;
    for (DicomFile& file : files) {
        Series& s = all[file.header->series_uid];
        s.slices += file.header->frames;
        s.localizer = s.localizer && file.header->frame(0).localizer();
        s.files.push_back(std::move(file));
    }
    std::string chosen = reading.options.series_uid;
    if (!chosen.empty()) {
        chosen = find_uid(all, chosen, reading);
    } else {
        const auto rank = [](const auto& one) {
            return std::tuple(one.second.ct(), !one.second.localizer, one.second.slices);
        };
        chosen = std::max_element(all.begin(), all.end(), [&](const auto& a, const auto& b) {
                     return rank(a) < rank(b);
                 })->first;
        if (all.size() > 1)
            reading.warn(fmt::format("{} series in one folder; taking {} of {}: choose with --series UID", all.size(),
                                     shown(chosen), listed(all)));
    }
    reading.report.series_uid = chosen;
    return std::move(all[chosen].files);
}

void set_localizers_aside(std::vector<DicomImage>& images, const DicomReading& reading) {
    const auto is_localizer = [](const DicomImage& image) { return image.at.localizer(); };
    const auto count = std::count_if(images.begin(), images.end(), is_localizer);
    if (count == 0 || count == std::ssize(images)) return;
    const std::string example = std::find_if(images.begin(), images.end(), is_localizer)->name();
    std::erase_if(images, is_localizer);
    reading.warn(fmt::format("{} localiser image{} of the series set aside (for example {})", count,
                             count == 1 ? "" : "s", example));
}

}  // namespace cmtl
