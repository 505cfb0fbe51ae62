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
    Split split = Split::unassigned;
    std::string place;  // "FILE:LINE"
};

// A row of a manifest that is no case: its ID, as far as it has one, and what is wrong with it.
struct RejectedRow {
    std::string id, error;
};

struct Cohort {
    std::filesystem::path file;
    bool has_images = false, has_splits = false;
    std::vector<Task> tasks;
    std::vector<CohortCase> cases;
};

// `ID,Image[,Mask],CT,NAT,Severity[,Split]`, columns in any order; the label columns are the tasks' names. Paths are
// relative to the file; an empty label is unknown; Split is train, val or test. `labels_required`: every task has a
// column. Throws Error(input) with file, line and value for: an unknown column, no ID column, an empty or repeated ID,
// a label that is not a class of its task, an unknown split or a split in only some rows, an image or mask that does
// not exist. With `rejected`, rows of which one of these is true (of an ID that stands twice: the later ones) are put
// there and left out; it throws only where no row is left.
Cohort read_manifest(const std::filesystem::path& path, const std::string& id_column, const std::vector<Task>& tasks,
                     bool labels_required, std::vector<RejectedRow>* rejected = nullptr);

// Gives every case without split one: `share` of them val, the rest train, stratified by the first and the last task's
// labels together (CT and severity), drawn by seed. Independent of the rows' order.
void assign_splits(Cohort& cohort, double share, uint64_t seed);

// The fold (0 .. folds-1) of each case, stratified and drawn likewise; sizes differ by at most one.
// Throws Error(usage) for fewer than two folds or more folds than cases.
std::vector<int> assign_folds(const Cohort& cohort, int folds, uint64_t seed);

}  // namespace cmtl
