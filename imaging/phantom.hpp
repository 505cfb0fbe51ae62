#pragma once
// Synthetic chest CT: a thorax of analytic shapes, for demonstrations and for tests that need an anatomy with a known
// answer. It is no patient and no atlas; intensities, sizes and the look of findings follow what radiologists describe
// (COVID-19: peripheral and basal ground glass, -650 to -450 HU, and consolidation, -50 to 40 HU, that touches the
// pleura).
#include <cstdint>

#include "imaging/volume.hpp"

namespace cmtl {

constexpr double phantom_mild_share = 0.62;  // of the positive cases; the rest are severe

struct PhantomOptions {
    Index3 size{128, 128, 64};
    Vector3 spacing{3, 3, 5};     // mm; a thorax needs a field of about 384 x 384 x 320 mm, smaller ones cut it off
    double prevalence = 0.6;      // share of COVID-19 positive cases
    double nat_agreement = 0.85;  // share of cases whose NAT label equals the CT label
    int severity = -1;            // 0, 1, 2: that case whatever the prevalence; -1: drawn
    double noise = 15;            // standard deviation, HU
};

struct PhantomLabels {
    int ct = 0;   // 1: COVID-19 by radiology; the same as severity > 0
    int nat = 0;  // 1: positive nucleic-acid test
    int severity =
        0;  // 0 control or suspected (nothing, or a small other finding), 1 mild or regular, 2 severe or critical
};

struct PhantomCase : PhantomLabels {
    Volume hu;     // air outside the body -1000, values in [-1024, 3071], identity direction, centred on (0, 0, 0)
    Mask lungs;    // 1 right, 2 left; vessels, small airways and findings inside the lungs belong to them
    Mask lesions;  // 1 ground glass, 2 consolidation (severity 1 and 2 only)
};

// The same seed and options give the same voxels on every machine and number of threads: nothing but IEEE additions,
// products, quotients and square roots enters a voxel. Size, posture, asymmetry, fat, and findings vary with the seed;
// another grid shows the same patient. Throws Error(usage) for options out of range.
PhantomCase phantom_case(uint64_t seed, const PhantomOptions& options = {});

// The labels of phantom_case(seed, options), without the picture.
PhantomLabels phantom_labels(uint64_t seed, const PhantomOptions& options = {});

}  // namespace cmtl
