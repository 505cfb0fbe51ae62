#pragma once
// A cohort of phantoms on disk: images, masks and the manifest that cmtl_train reads.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "imaging/phantom.hpp"

namespace cmtl {

struct PhantomCohortOptions {
    std::filesystem::path folder;
    int64_t cases = 20;
    uint64_t seed = 0;
    PhantomOptions phantom;                      // severity is ignored: classes are dealt out by quota
    bool masks = false;                          // also masks/ID.EXT, 1 right lung, 2 left
    std::string format = "nii.gz";               // nii.gz, nii, nrrd or mha
    std::array<double, 3> split{0.6, 0.2, 0.2};  // train, val, test
    bool quiet = false;
};

struct PhantomCohortSummary {
    std::filesystem::path manifest;
    int64_t written = 0, kept = 0;  // images made now, images that stood there from an earlier run
    std::array<int64_t, 3> by_severity{}, by_split{};
    bool interrupted = false;  // the manifest is not written; a later call goes on
};

// Writes folder/images/phantom-0001.EXT (int16 HU), ..., and at last folder/cohort.csv:
// ID,Image[,Mask],CT,NAT,Severity,Split.
//
// Severities come in the shares that the prevalence gives, in every split; case n is the same in every cohort of this
// seed, so a cohort can be made larger later. Cases run in parallel; each file appears whole or not at all, and files
// that exist are kept. Throws Error(usage) for options out of range or a folder that holds a cohort made with other
// options, Error(input) for a folder that cannot be written, Error(resource) where the disk is too small or full.
PhantomCohortSummary write_phantom_cohort(const PhantomCohortOptions& options);

}  // namespace cmtl
