#pragma once
// Options of every program that reads scans.
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "io/image_io.hpp"

namespace cmtl {

// --correct-tilt and --allow-gaps.
inline void add_grid_options(CLI::App& app, bool& correct_tilt, bool& allow_gaps) {
    app.add_flag("--correct-tilt", correct_tilt, "DICOM: bring the slices of a tilted gantry onto a rectangular grid")
        ->group("Scans");
    app.add_flag("--allow-gaps", allow_gaps, "DICOM: interpolate missing and uneven slices (gaps of up to 10 mm)")
        ->group("Scans");
}

// The same, and --series and --group, for programs that read one scan.
inline void add_reading_options(CLI::App& app, ReadOptions& reading) {
    app.add_option("--series", reading.series_uid,
                   "DICOM series to take where the folder has several: its UID, or the beginning or end of it")
        ->group("Scans");
    app.add_option("--group", reading.group,
                   "stack to take where a DICOM series holds several: its number in the message that lists them")
        ->check(CLI::Range(1, 100000))
        ->group("Scans");
    add_grid_options(app, reading.correct_tilt, reading.allow_gaps);
}

// What they are as settings of a preparation, which a model remembers.
inline void add_grid_settings(std::vector<std::string>& settings, bool correct_tilt, bool allow_gaps) {
    if (correct_tilt) settings.push_back("preparation.correct_tilt=true");
    if (allow_gaps) settings.push_back("preparation.allow_gaps=true");
}

}  // namespace cmtl
