// What a structuring element holds, and the memory that morphology needs for it.
#include <cmath>

#include "kernels/morphology.hpp"
#include "kernels/morphology_packed.hpp"

namespace cmtl::kernels {

ElementChords element_chords(const double (&spacing)[3], double radius, bool ball) {
    const auto reach = [&](double step) { return static_cast<int>(std::floor(radius / step + 1e-9)); };
    ElementChords e{reach(spacing[0]), reach(spacing[1]), ball ? reach(spacing[2]) : 0, {}};
    const float sx = static_cast<float>(spacing[0]), limit = static_cast<float>(radius * radius * (1 + 1e-6));
    for (int z = 0; z <= e.reach_z; ++z)
        for (int y = 0; y <= e.reach_y; ++y) {
            const double dy = y * spacing[1], dz = z * spacing[2];
            int32_t steps = -1;
            for (;; ++steps) {
                const float dx = static_cast<float>(steps + 1) * sx;
                const float in_slice = dx * dx + static_cast<float>(dy * dy);
                if (in_slice + static_cast<float>(dz * dz) > limit) break;
            }
            e.chord.push_back(steps);
        }
    return e;
}

size_t morphology_scratch(const MaskGrid& grid, const ElementOnDevice& element, MorphologyStep step) {
    return 2 * static_cast<size_t>(PackedMask(grid, element, step).count()) * sizeof(uint32_t);
}

}  // namespace cmtl::kernels
