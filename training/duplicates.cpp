#include "training/duplicates.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"

namespace cmtl {

namespace {
std::string labels_of(const Cohort& cohort, const CohortCase& one) {
    std::string text;
    for (size_t k = 0; k < one.labels.size(); ++k)
        if (one.labels[k] >= 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cohort.tasks[k].name, one.labels[k]);
    return text;
}

bool contradict(const CohortCase& a, const CohortCase& b) {
    for (size_t k = 0; k < a.labels.size(); ++k)
        if (a.labels[k] >= 0 && b.labels[k] >= 0 && a.labels[k] != b.labels[k]) return true;
    return false;
}
}  // namespace

std::vector<std::string> scan_contents(const Cohort& cohort, const std::vector<CachedVolume>& volumes,
                                       const FeatureTable* features) {
    std::vector<std::string> contents(cohort.cases.size());
    for (size_t i = 0; i < contents.size(); ++i) {
        if (!volumes.empty()) {
            const CachedVolume& v = volumes[i];
            contents[i] = fmt::format("{} {} {} {}", v.voxels, v.sum, v.sum_of_squares, v.crc);
        } else if (features) {
            const auto at = features->find(cohort.cases[i].id);
            if (!at) continue;
            const auto row = features->row(*at);
            contents[i].assign(reinterpret_cast<const char*>(row.data()), row.size_bytes());
        }
    }
    return contents;
}

std::vector<std::string> duplicate_warnings(const Cohort& cohort, std::span<const std::string> contents, size_t most) {
    std::map<std::string, std::vector<size_t>> same;
    for (size_t i = 0; i < contents.size(); ++i)
        if (!contents[i].empty()) same[contents[i]].push_back(i);
    std::vector<std::vector<size_t>> sets;
    for (auto& [content, members] : same)
        if (members.size() > 1) sets.push_back(std::move(members));
    std::sort(sets.begin(), sets.end());  // by the manifest's order

    std::vector<std::string> lines;
    for (const auto& members : sets) {
        bool across = false, against = false;
        for (const size_t i : members)
            for (const size_t j : members) {
                across = across || cohort.cases[i].split != cohort.cases[j].split;
                against = against || contradict(cohort.cases[i], cohort.cases[j]);
            }
        if (!across && !against) continue;
        std::string who;
        for (const size_t i : members) {
            const CohortCase& one = cohort.cases[i];
            std::string facts = to_string(one.split);
            if (against) facts += fmt::format("{}{}", facts.empty() ? "" : ": ", labels_of(cohort, one));
            who += fmt::format("{}{} ({})", who.empty() ? "" : ", ", one.id, facts);
        }
        lines.push_back(fmt::format("the same scan {}: {}",
                                    across && against ? "in different splits and with different labels"
                                    : across          ? "in different splits"
                                                      : "with different labels",
                                    who));
    }
    if (lines.size() > most) {
        const size_t more = lines.size() - most;
        lines.resize(most);
        lines.push_back(fmt::format("and {} more sets of identical scans", more));
    }
    return lines;
}

}  // namespace cmtl
