#pragma once
// Who is in a study: the manifest, its splits and folds.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"

namespace cmtl {

enum class Split { unassigned, train, val, test };
std::string to_string(Split split);

struct CohortCase {
    std::string id;
    std::filesystem::path image, mask;  // empty where the manifest has no such column (mask: or an empty cell)
    std::vector<int64_t> labels;        // one per task, -1 unknown
    std::vector<int64_t> stratum;       // the first and the last column of labels; empty: labels' own
    std::string patient;                // whose scan it is; the ID where the manifest does not say
    std::string site;                   // empty where it does not say
    Split split = Split::unassigned;
    std::string place;  // "FILE:LINE"
};

// A row of a manifest that is no case: its ID, as far as it has one, and what is wrong with it.
struct RejectedRow {
    std::string id, error;
};

struct Cohort {
    std::filesystem::path file;
    bool has_images = false, has_splits = false, has_sites = false;
    std::vector<Task> tasks;
    std::vector<CohortCase> cases;
};

// `ID,Image[,Mask],CT,NAT,Severity[,Split][,Patient][,Site]`, columns in any order; the label columns are the tasks'
// names; columns of CT, NAT and Severity that are no task serve to stratify alone. Paths are relative to the file; an
// empty label is unknown; Split is train, val or test. `labels_required`: every task has a column. Throws Error(input)
// with file, line and value for: an unknown column, no ID column, an empty or repeated ID, a label that is not a class
// of its task, an unknown split or a split in only some rows, an image or mask that does not exist. With `rejected`,
// rows of which one of these is true (of an ID that stands twice: the later ones) are put there and left out; it throws
// only where no row is left.
Cohort read_manifest(const std::filesystem::path& path, const std::string& id_column, const std::vector<Task>& tasks,
                     bool labels_required, std::vector<RejectedRow>* rejected = nullptr);

// Throws Error(input) naming patients whose scans the manifest puts into different splits.
void require_whole_patients(const Cohort& cohort);

// Gives every case without split one: `share` of the patients val, the rest train, with all their scans. Stratified by
// the first and the last column of labels together (CT and severity; of a patient with several scans the highest),
// drawn by seed and, where one study draws several times, `draw`. Independent of the rows' order.
void assign_splits(Cohort& cohort, double share, uint64_t seed, uint64_t draw = 0);

// The fold (0 .. folds-1) of each case, stratified and drawn likewise, all scans of a patient in one; numbers of
// patients differ by at most one. Throws Error(usage) for fewer than two folds or more folds than patients.
std::vector<int> assign_folds(const Cohort& cohort, int folds, uint64_t seed);

struct SiteFolds {
    std::vector<int> fold;           // of each case
    std::vector<std::string> sites;  // of each fold, sorted
};
// A fold for each site. Throws Error(input) for a case without site, fewer than two sites, and patients who were
// scanned at more than one.
SiteFolds site_folds(const Cohort& cohort);

}  // namespace cmtl
