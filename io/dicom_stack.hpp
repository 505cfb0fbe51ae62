#pragma once
// A group of slices as a regular grid: order along the normal, the step, gantry tilt, gaps.
#include <array>
#include <cstdint>
#include <vector>

#include "io/dicom_series.hpp"

namespace cmtl {

// What the positions of slices along the normal, in order, say.
struct DicomSteps {
    double step = 0;       // the median, mm
    double tolerance = 0;  // of one step: positions are often rounded to a tenth of a millimetre
    double widest = 0;
    int64_t doubles = 0;    // slices where the one before lies
    int64_t uneven = 0;     // steps that differ from the median
    int64_t missing = 0;    // slices that would fit into the wide ones
    bool multiples = true;  // every uneven step is a multiple of the median

    bool uniform() const { return doubles == 0 && uneven == 0; }
};

// Slices nearer than this lie at one place, mm.
constexpr double same_place = 1e-3;

// Sets `along` and sorts by it.
void sort_along_normal(std::vector<DicomImage>& images);
DicomSteps measure_steps(const std::vector<DicomImage>& sorted);

Vector3 row_axis(const DicomFrame& frame);
Vector3 column_axis(const DicomFrame& frame);
Vector3 normal_axis(const DicomFrame& frame);

struct DicomStack {
    // A plane of the grid: image `from`, or (1 - weight) * from + weight * to.
    struct Plane {
        size_t from = 0, to = 0;
        double weight = 0;
    };
    std::vector<DicomImage> images;            // in order along the normal
    std::vector<Plane> planes;                 // in order along the normal
    std::vector<std::array<double, 2>> start;  // of the grid in each image's pixels (column, row); empty: no tilt
    Geometry geometry;
};

// Without tilt and gaps each image is a plane. A gantry tilt (positions that leave the normal through the first slice's
// first pixel by more than 1 % of the stack's length and 0.1 mm) is Error(input) unless options.correct_tilt: then the
// grid is rectangular, its third axis the normal, and each image is moved in its plane to where it belongs; rows and
// columns are added so that all of every image fits. Missing and uneven slices are Error(input) unless
// options.allow_gaps: then planes lie evenly from the first to the last slice, as near to the median step as that
// allows; those that lie within a twentieth of a step (0.11 mm at most a quarter) of a slice are that slice, others are
// interpolated between their neighbours. Gaps wider than 10 mm (and one and a half steps), or a quarter of the planes
// missing: Error(input) all the same. Messages name the positions.
DicomStack make_stack(std::vector<DicomImage> images, const DicomReading& reading);

}  // namespace cmtl
