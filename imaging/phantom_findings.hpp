#pragma once
// What the phantom's patient has: COVID-19 patches by severity, or a small finding of another kind.
#include <vector>

#include "imaging/phantom_anatomy.hpp"

namespace cmtl::phantom {

struct Patch {
    enum Kind { ground_glass, consolidation, blur, nodule };
    Kind kind;
    Point centre, inverse_radius;
    float hu;
    float reach;  // beyond it the patch is nothing
};

class Findings {
  public:
    // Patches are added until the share of lung drawn for the severity is reached.
    Findings(uint64_t seed, int severity, const Anatomy& anatomy);

    struct Effect {
        float glass = 0, glass_hu = 0;  // haze under the vessels: share and value
        float solid = 0, solid_hu = 0;  // hides the vessels
        int lesion = 0;                 // the lesion mask's value
    };
    // The effect at a point of lung; `near` are the patches that can reach it.
    Effect at(Point p, const std::vector<const Patch*>& near) const;
    const std::vector<Patch>& patches() const { return patches_; }

  private:
    void place_covid(Draws& draws, int severity);
    void place_other(Draws& draws);
    Point place(Draws& draws, float shallow, float deep, bool typical) const;

    const Anatomy& anatomy_;
    std::vector<Patch> patches_;
};

}  // namespace cmtl::phantom
