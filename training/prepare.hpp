#pragma once
// A cohort prepared ahead of its training: what cmtl_prepare does.
#include <filesystem>
#include <string>
#include <vector>

#include "training/cohort_volumes.hpp"

namespace cmtl {

struct PrepareRequest {
    std::filesystem::path manifest, folder, config_file;
    std::string preset, id_column = "ID";
    std::vector<std::string> settings;  // "key=value" of preparation, radiomics and model.tasks
    bool features = true, masks = true;
    CohortWork work;
};

struct PrepareOutcome {
    int64_t prepared = 0, kept = 0;   // cases made now, cases that were there already
    std::vector<std::string> failed;  // "ID: what is wrong"
    bool interrupted = false;         // what is done stays in the cache; features.csv and prepare.json are not written
};

// Prepares the manifest's cases into `folder`, which is a cache for cmtl_train --cache: ID.cmtlvol, masks/ID.nii.gz,
// features.csv (the ID column and a column per feature, cases that failed left out: a table for cmtl_train --features), prepare.json
// (settings, numbers of cases, failed cases, litres and flags of the others). Cases that are there already and up to date are kept.
// Rows of the manifest that are wrong (an ID that stands twice, a file that is missing) are failed cases like those whose files are.
//
// Throws Error(usage) for settings that are unknown, out of range or none of a preparation's; Error(input) for a manifest that cannot
// be read, has no images or no case, and where no case could be prepared; Error(resource) where the disk is full.
PrepareOutcome prepare_folder(const PrepareRequest& request);

}  // namespace cmtl
