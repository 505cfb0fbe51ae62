#pragma once
// Features of many cases: PyRadiomics' batch files in, one table out.
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/device.hpp"
#include "pipeline/preparation.hpp"
#include "radiomics/extract.hpp"

namespace cmtl {

// A line of a batch file.
struct RadiomicsCase {
    std::string id;
    std::filesystem::path image, mask;
    std::optional<int> label;         // empty: the settings'
    std::vector<std::string> passed;  // cells of RadiomicsBatch::passed_columns
};

struct RadiomicsBatch {
    std::filesystem::path file;
    std::vector<std::string> passed_columns;  // in the file's order
    std::vector<RadiomicsCase> cases;
};

// Reads a CSV file with the columns Image and Mask, paths relative to the file, and perhaps ID (else the image's name
// without extension) and Label (empty: the settings'). Label and all columns that mean nothing here are passed through.
// Throws Error(input) naming file and line for an absent column, an empty path and a label that is none.
RadiomicsBatch read_radiomics_batch(const std::filesystem::path& path);

// What one case came to.
struct RadiomicsRecord {
    RadiomicsCase subject;
    RadiomicsResult result;
    Timeline timeline;                  // read, and the extraction's steps
    std::vector<std::string> warnings;  // of the reader
};

// Reads image and mask, matches the mask and extracts. `settings.label` gives way to the case's. Throws Error(input) as
// read_image, read_mask, match_mask and extract_features do.
RadiomicsRecord radiomics_case(Context& context, const RadiomicsCase& subject, const RadiomicsSettings& settings,
                               ReadOptions reading = {});

// "ID: 1234 voxels, 0.123 s: read 0.1 s, ..."
std::string times_text(const RadiomicsRecord& record);

struct BatchOptions {
    Device device{};
    bool verbose = false, quiet = false;
    int jobs = 1;     // cases at a time
    int threads = 1;  // of all jobs together
    bool resume = false;
    ReadOptions reading;
    std::filesystem::path journal;  // finished cases are written here as they come
    std::function<bool()> stopped;  // looked at before each case
};

struct BatchOutcome {
    std::vector<std::optional<RadiomicsRecord>>
        records;                        // one per case, in the batch's order; empty: failed or not reached
    std::vector<std::string> failures;  // "ID: message", in the batch's order
    size_t resumed = 0;                 // cases taken from the journal
    bool interrupted = false;
};

// Extracts every case, `jobs` at a time, each with its share of the threads and a context of its own. A case with wrong
// input is listed in failures and does not stop the others; another kind of error does, and is thrown once the running
// cases are done. Finished cases are appended to the journal, one JSON object per line under a first line with version
// and settings: with `resume` they are taken from there. Throws Error(input) where the journal is of other settings or
// another version, or where two cases that have the same ID and label are to be resumed.
BatchOutcome run_radiomics_batch(const RadiomicsBatch& batch, const RadiomicsSettings& settings,
                                 const BatchOptions& options);

// The table: ID, the columns passed through, features; NaN is empty. And the same with settings, versions, ROI and
// times.
std::string radiomics_csv(const RadiomicsBatch& batch, const RadiomicsSettings& settings, const BatchOutcome& outcome);
nlohmann::ordered_json radiomics_json(const RadiomicsBatch& batch, const RadiomicsSettings& settings,
                                      const BatchOutcome& outcome, const std::string& device);

}  // namespace cmtl
