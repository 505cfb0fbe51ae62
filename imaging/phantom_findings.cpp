#include "imaging/phantom_findings.hpp"

namespace cmtl::phantom {

namespace {
Patch patch(Patch::Kind kind, Point centre, Point radius, float hu) {
    return {
        kind, centre, {1 / radius.x, 1 / radius.y, 1 / radius.z}, hu, 1.35f * std::max({radius.x, radius.y, radius.z})};
}
}  // namespace

Findings::Findings(uint64_t seed, int severity, const Anatomy& anatomy) : anatomy_(anatomy) {
    Draws draws(seed, 5);
    if (severity > 0) place_covid(draws, severity);
    if (severity == 0 && draws.chance(0.35f)) place_other(draws);
}

// A point of lung between two depths below the pleura; COVID-19 prefers the bases and the back.
Point Findings::place(Draws& draws, float shallow, float deep, bool typical) const {
    Point p{};
    for (int tries = 0; tries < 20000; ++tries) {
        p = {draws.between(-135, 135), draws.between(-90, 100), draws.between(-130, 115)};
        const float depth = -anatomy_.lung_distance(p);
        // The mediastinal pleura is no periphery.
        const bool outer = std::abs(p.x) > 62 || p.y > 35 || (p.z < -40 && std::abs(p.x) > 40);
        if (depth < shallow || depth > deep || (typical && !outer)) continue;
        const float likely =
            typical ? (0.35f + 0.65f * smoothstep(70, -70, p.z)) * (0.35f + 0.65f * smoothstep(-70, 40, p.y)) : 1;
        if (draws.chance(likely)) break;
    }
    return p;
}

void Findings::place_covid(Draws& draws, int severity) {
    const float target = severity == 1 ? draws.between(0.025f, 0.12f) : draws.between(0.24f, 0.52f);
    const float solid_share = severity == 1 ? draws.between(0, 0.25f) : draws.between(0.25f, 0.5f);
    const float smallest = severity == 1 ? 10 : 16, largest = severity == 1 ? 24 : 40;
    // The share of lung taken so far, on points drawn evenly over both lungs.
    std::vector<Point> probes;
    for (Draws even(draws.bits(), 6); probes.size() < 1200;) {
        const Point p{even.between(-135, 135), even.between(-90, 100), even.between(-130, 115)};
        if (anatomy_.lung_distance(p) < -1) probes.push_back(p);
    }
    std::vector<bool> taken(probes.size(), false);
    size_t count = 0;
    while (float(count) < target * float(probes.size()) && patches_.size() < 120) {
        const bool solid = draws.chance(solid_share);
        const float r = draws.between(smallest, largest) * (solid ? 0.75f : 1.0f);
        const Point radius{r * draws.between(0.75f, 1.15f), r * draws.between(0.75f, 1.15f),
                           r * draws.between(0.8f, 1.3f)};
        const Point centre = place(draws, solid ? 0 : 2, solid ? 7 : 18, true);
        patches_.push_back(solid ? patch(Patch::consolidation, centre, radius, draws.between(-50, 40))
                                 : patch(Patch::ground_glass, centre, radius, draws.between(-650, -450)));
        // Consolidation sits in a halo of ground glass.
        if (solid) patches_.push_back(patch(Patch::ground_glass, centre, radius * 1.35f, draws.between(-620, -450)));
        const std::vector<const Patch*> last{&patches_.back()};
        for (size_t i = 0; i < probes.size(); ++i) {
            if (taken[i] || !at(probes[i], last).lesion) continue;
            taken[i] = true;
            ++count;
        }
    }
}

void Findings::place_other(Draws& draws) {
    if (draws.chance(0.55f)) {
        const float r = draws.between(3.5f, 8);
        patches_.push_back(patch(Patch::nodule, place(draws, 8, 40, false), {r, r, r}, draws.between(10, 60)));
    } else {  // poorly aerated part of a lobe
        const float r = draws.between(28, 48);
        patches_.push_back(
            patch(Patch::blur, place(draws, 10, 60, false), {r, r, r * 0.8f}, draws.between(-800, -760)));
    }
}

Findings::Effect Findings::at(Point p, const std::vector<const Patch*>& near) const {
    Effect e;
    for (const Patch* f : near) {
        const Point q = p - f->centre;
        if (dot(q, q) > f->reach * f->reach) continue;
        const Point u{q.x * f->inverse_radius.x, q.y * f->inverse_radius.y, q.z * f->inverse_radius.z};
        const float edge = 1 - length(u);
        const SmoothNoise& noise = anatomy_.noise();
        switch (f->kind) {
            case Patch::ground_glass:
            case Patch::blur: {
                const float uneven = 0.45f * (noise(p, 13) - 0.5f) + 0.3f * (noise(p, 6) - 0.5f);
                const float g = smoothstep(0, 0.55f, edge + uneven + 0.1f);
                if (g <= 0) break;
                // Denser where patches overlap; thickened septa inside.
                e.glass_hu = e.glass > 0 ? std::max(e.glass_hu, f->hu) : f->hu;
                e.glass = 1 - (1 - e.glass) * (1 - g);
                if (f->kind == Patch::ground_glass && g > 0.5f && e.lesion == 0) e.lesion = 1;
                break;
            }
            case Patch::consolidation: {
                const float uneven = 0.5f * (noise(p, 11) - 0.5f) + 0.25f * (noise(p, 5) - 0.5f);
                const float c = smoothstep(0, 0.15f, edge + uneven);
                if (c <= e.solid) break;
                e.solid = c;
                e.solid_hu = f->hu;
                if (c > 0.5f) e.lesion = 2;
                break;
            }
            case Patch::nodule: {
                const float c = smoothstep(0, 0.3f, edge);
                if (c > e.solid) e.solid = c, e.solid_hu = f->hu;
                break;
            }
        }
    }
    if (e.glass > 0) e.glass_hu += 90 * (anatomy_.noise()(p, 4) - 0.5f);
    return e;
}

}  // namespace cmtl::phantom
