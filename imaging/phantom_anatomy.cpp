#include "imaging/phantom_anatomy.hpp"

namespace cmtl::phantom {

namespace {
constexpr float profile_low = -220, profile_high = 220;

// Distance along the ray to a rounded rectangle between ellipse and box, half axes a and b.
float squircle(float x, float y, float a, float b) {
    // Far outside the product would take over: held where the outline no longer feels it.
    const float u = x * x / (a * a), v = y * y / (b * b), f = u + v - 0.5f * std::min(u, 1.5f) * std::min(v, 1.5f);
    if (f < 1e-4f) return -std::min(a, b);
    const float r = std::sqrt(f);
    return (1 - 1 / r) * std::sqrt(x * x + y * y);
}

std::array<float, 9> rotation(float tan_half_z, float tan_half_x) {
    // Rational in the half-angle tangents: no sine that differs between libraries.
    const float n = 1 / (1 + tan_half_z * tan_half_z), c = (1 - tan_half_z * tan_half_z) * n, s = 2 * tan_half_z * n;
    const float m = 1 / (1 + tan_half_x * tan_half_x), d = (1 - tan_half_x * tan_half_x) * m, t = 2 * tan_half_x * m;
    return {c, -s * d, s * t, s, c * d, -c * t, 0, t, d};
}
}  // namespace

Build::Build(uint64_t seed) {
    Draws draws(seed, 1);
    const float size = draws.between(0.92f, 1.04f);
    scale = {size * draws.between(0.96f, 1.03f), size * draws.between(0.94f, 1.06f),
             size * draws.between(0.94f, 1.06f)};
    shift = {draws.between(-8, 8), draws.between(-10, 10), draws.between(-12, 12)};
    turn = rotation(draws.between(-0.04f, 0.04f), draws.between(-0.03f, 0.03f));
    const float lean = draws.uniform();
    fat = 5 + 18 * lean * lean + draws.between(0, 3);
    breasts = draws.chance(0.5f);
    dome_right = draws.between(-70, -48);
    dome_left = dome_right - draws.between(4, 16);
    heart = draws.between(0.88f, 1.15f);
    bend = draws.between(-7, 7);
    parenchyma = draws.between(-890, -835);
    marrow = draws.between(150, 260);
    liver = draws.between(48, 66);
    fat_hu = draws.between(-108, -92);
    muscle = draws.between(45, 58);
    side_size[0] = draws.between(0.96f, 1.03f);
    side_size[1] = draws.between(0.95f, 1.02f);
    stomach = {draws.between(24, 42), draws.between(20, 36), draws.between(16, 28)};
    stomach_level = draws.between(-8, 14);
}

Anatomy::Anatomy(uint64_t seed) : build_(seed), noise_(Draws(seed, 2)) {
    make_profiles();
    make_mediastinum(Draws(seed, 3));
    make_tree(Draws(seed, 4));
}

void Anatomy::make_profiles() {
    struct Knot {
        float z;
        Profile s;
    };
    static constexpr Knot knots[] = {
        {-220, {134, 92, 108, 118, 76, 84}}, {-140, {142, 98, 112, 124, 82, 90}}, {-90, {148, 102, 116, 129, 86, 94}},
        {-40, {150, 104, 119, 129, 87, 97}}, {10, {152, 102, 121, 124, 82, 98}},  {50, {154, 95, 121, 113, 72, 95}},
        {85, {155, 84, 117, 94, 57, 86}},    {115, {150, 70, 108, 68, 40, 68}},   {140, {128, 60, 95, 50, 28, 50}},
        {165, {92, 54, 80, 40, 22, 40}},     {220, {62, 50, 66, 34, 20, 34}}};
    for (float z = profile_low; z <= profile_high; z += 1) {
        size_t k = 0;
        while (k + 2 < std::size(knots) && knots[k + 1].z < z) ++k;
        const float t = smoothstep(0, 1, (z - knots[k].z) / (knots[k + 1].z - knots[k].z)),
                    u = 0.5f * t + 0.5f * (z - knots[k].z) / (knots[k + 1].z - knots[k].z);
        const Profile &a = knots[k].s, &b = knots[k + 1].s;
        profiles_.push_back({mix(a.width, b.width, u), mix(a.front, b.front, u), mix(a.back, b.back, u),
                             mix(a.cavity_width, b.cavity_width, u), mix(a.cavity_front, b.cavity_front, u),
                             mix(a.cavity_back, b.cavity_back, u)});
    }
}

Anatomy::Profile Anatomy::profile(float z) const {
    const float at = std::clamp(z - profile_low, 0.0f, profile_high - profile_low - 1.01f);
    const size_t k = static_cast<size_t>(at);
    const float t = at - float(k);
    const Profile &a = profiles_[k], &b = profiles_[k + 1];
    return {mix(a.width, b.width, t),
            mix(a.front, b.front, t),
            mix(a.back, b.back, t),
            mix(a.cavity_width, b.cavity_width, t),
            mix(a.cavity_front, b.cavity_front, t),
            mix(a.cavity_back, b.cavity_back, t)};
}

// The sideways curve of the spine, undone.
Point Anatomy::straightened(Point p) const {
    const float t = p.z / 120;
    return {p.x - build_.bend * (1 - t * t) * 0.5f, p.y, p.z};
}

float Anatomy::spine_y(float z) const { return 69 - (z > 0 ? 0.0012f : 0.0004f) * z * z; }

float Anatomy::cavity_distance(Point p, const Profile& s) const {
    const float side = build_.side_size[p.x < 0 ? 0 : 1];
    return squircle(p.x, p.y, s.cavity_width * side, p.y < 0 ? s.cavity_front : s.cavity_back);
}

float Anatomy::heart_distance(Point p) const {
    // The long axis points to the left, forwards and down.
    const Point q = p - Point{20, -26, -32};
    const Point axis{0.72f, -0.38f, -0.58f}, across = unit(cross(axis, {0, 0, 1})), up = cross(across, axis);
    const float h = build_.heart;
    return ellipsoid({dot(q, axis), dot(q, across), dot(q, up)}, {0, 0, 0}, {62 * h, 47 * h, 45 * h});
}

// Height of the diaphragm above (x, y): a dome on either side and the central tendon under the heart.
float Anatomy::diaphragm(Point p) const {
    const auto dome = [&](float cx, float cy, float top, float width, float depth, float drop) {
        const float u = (p.x - cx) / width, v = (p.y - cy) / depth;
        return top - drop * (u * u + v * v) * (1 + 0.3f * v);
    };
    const float right = dome(-66, -4, build_.dome_right, 78, 96, 60), left = dome(68, -2, build_.dome_left, 76, 96, 60);
    const float tendon = dome(10, -25, build_.dome_left - 14, 70, 80, 50);
    return smooth_max(smooth_max(right, left, 10), tendon, 14);
}

float Anatomy::lung_distance(Point p, const Profile& s, float cavity) const {
    const bool left = p.x >= 0;
    const float ax = std::abs(p.x), dz = std::max(0.0f, p.z - 25);
    float d = cavity + 3;
    // The apex, a dome behind the first rib.
    const float lift = 92, ex = (ax - 50) / 84, ey = (p.y - 4) / 96, ez = dz / lift;
    const float r = std::sqrt(ex * ex + ey * ey + ez * ez);
    d = smooth_max(d, (r - 1) * 80, 10);
    // The mediastinum: narrow behind the sternum, broad around the great vessels, arch and hila.
    const float front = -s.cavity_front;
    float half = 6 + 22 * smoothstep(front + 8, front + 48, p.y) - 8 * smoothstep(20, 60, p.y);
    if (left) half += 9 * smoothstep(-10, 25, p.y) * smoothstep(85, 55, p.z);
    half += 6 * smoothstep(60, 95, p.z);
    d = smooth_max(d, half - ax, 12);
    d = smooth_max(d, -ellipsoid({ax, p.y, p.z}, {30, 10, 8}, {17, 17, 26}), 8);
    d = smooth_max(d, 4 - heart_distance(p), 10);
    const float spine_x = p.x / 25, spine_v = (p.y - spine_y(p.z)) / 21;
    const float sr = std::sqrt(spine_x * spine_x + spine_v * spine_v);
    d = smooth_max(d, (1 - sr) * 22, 8);
    d = smooth_max(d, (diaphragm(p) + 3 - p.z) * 0.8f, 5);
    return d;
}

float Anatomy::lung_distance(Point world) const {
    const Point p = straightened(world);
    const Profile s = profile(p.z);
    return lung_distance(p, s, cavity_distance(p, s));
}

void Anatomy::make_mediastinum(Draws draws) {
    const float h = build_.heart, blood = draws.between(36, 46), aorta = draws.between(12, 15.5f);
    const auto tube = [&](Point a, Point b, float ra, float rb, float hu) { tubes_.push_back({a, b, ra, rb, hu}); };
    tube({4, -22, -10}, {-10, -18, 42}, aorta, aorta, blood);  // ascending aorta
    tube({-10, -18, 42}, {2, -2, 58}, aorta, aorta, blood);    // arch
    tube({2, -2, 58}, {20, 24, 56}, aorta, aorta - 1, blood);
    tube({20, 24, 56}, {24, 44, 30}, aorta - 1, aorta - 2, blood);
    tube({24, 44, 30}, {20, 48, -90}, aorta - 2, aorta - 3, blood);  // descending aorta
    tube({20, 48, -90}, {6, 40, -220}, aorta - 3, aorta - 4, blood);
    tube({-24, -12, 80}, {-24, -10, 0}, 8, 10, blood);    // superior vena cava
    tube({-22, 6, -60}, {-16, 20, -220}, 11, 11, blood);  // inferior vena cava
    tube({10, -30, 8}, {16, -8, 26}, 13 * h, 12, blood);  // pulmonary trunk
    tube({16, -8, 26}, {38, 12, 18}, 11, 8, blood);
    tube({14, -6, 24}, {-38, 10, 12}, 10, 8, blood);
    tube({8, -8, 60}, {18, 0, 130}, 5, 4, blood);  // vessels of the arch
    tube({-4, -12, 62}, {-20, -4, 130}, 6, 4.5f, blood);
    tube({-16, -20, 82}, {-34, -14, 130}, 7, 6, blood);
    tube({0, 40, 140}, {4, 42, 20}, 7, 7, 34);  // oesophagus
    tube({4, 42, 20}, {18, 28, -75}, 7, 8, 34);
    tube({-16, -4, 150}, {-14, 4, 120}, 10, 7, 80);  // thyroid
    tube({16, -4, 150}, {14, 4, 120}, 10, 7, 80);
    clavicles_ = {{{-18, -58, 96}, {-75, -52, 112}, 7, 6, 450},
                  {{-75, -52, 112}, {-140, -12, 128}, 6, 6, 450},
                  {{18, -58, 96}, {75, -52, 112}, 7, 6, 450},
                  {{75, -52, 112}, {140, -12, 128}, 6, 6, 450}};
    // The trachea, its carina and the main bronchi, lumen radii; the wall is drawn 2 mm wider.
    const float r = draws.between(7.5f, 9.5f), carina = draws.between(24, 34);
    lumens_ = {{{0, 2, 190}, {0, 10, 110}, r, r, 0},
               {{0, 10, 110}, {1, 22, carina}, r, r, 0},
               {{1, 22, carina}, {-38, 20, carina - 30}, r * 0.8f, r * 0.62f, 0},
               {{1, 22, carina}, {42, 22, carina - 28}, r * 0.72f, r * 0.55f, 0}};
    if (draws.chance(0.4f))
        lumens_.push_back({{1, 41, 100}, {2, 41, 40}, 2, 1.5f, 0});  // a little air in the oesophagus
}

void Anatomy::grow(Draws& draws, Point from, Point direction, float reach, float radius, int generation) {
    Point to = from + direction * reach;
    // Vessels stay inside their lung and end short of the pleura.
    for (int tries = 0; tries < 5 && (lung_distance(to) > -3 || (to.x < 0) != (from.x < 0)); ++tries) {
        direction = unit(direction + draws.direction() * 0.8f);
        reach *= 0.8f;
        to = from + direction * reach;
    }
    if (lung_distance(to) > -2 || (to.x < 0) != (from.x < 0)) return;
    const float thin = radius * 0.88f;
    vessels_.push_back({from, to, radius, thin, 42});
    if (generation < 5) {  // a bronchus beside its artery
        const Point beside = unit(cross(direction, {0.3f, 0.5f, 0.8f})) * (radius * 1.7f);
        airways_.push_back({from + beside, to + beside, radius * 0.55f, thin * 0.55f, -960});
        vessels_.push_back({from + beside, to + beside, radius * 0.55f + 0.8f, thin * 0.55f + 0.7f, -50});
    }
    if (generation >= 10 || thin < 0.4f) return;
    const Point side = unit(cross(direction, draws.direction()));
    const float open = draws.between(0.35f, 0.65f), share = draws.between(0.76f, 0.94f);
    grow(draws, to, unit(direction + side * open), reach * draws.between(0.8f, 0.97f), thin * share, generation + 1);
    grow(draws, to, unit(direction - side * open * 1.1f), reach * draws.between(0.8f, 0.97f), thin * (1.62f - share),
         generation + 1);
    if (generation < 7)  // a twig on the way
        grow(draws, from + (to - from) * 0.55f, unit(direction * 0.4f + draws.direction()), reach * 0.75f, thin * 0.55f,
             generation + 2);
}

void Anatomy::make_tree(Draws draws) {
    for (const float side : {-1.0f, 1.0f}) {
        const Point hilum{side * 44, 12, 4};
        const Point roots[] = {{0.55f, -0.1f, 0.85f}, {0.4f, 0.5f, 0.75f},  {0.75f, -0.75f, 0.15f},
                               {0.9f, 0.15f, -0.1f},  {0.5f, 0.55f, -0.6f}, {0.45f, 0.1f, -0.9f},
                               {0.7f, -0.4f, -0.5f},  {0.6f, 0.75f, 0.15f}};
        for (Point root : roots) {
            root.x *= side;
            grow(draws, hilum + Point{0, draws.between(-8, 8), draws.between(-14, 10)},
                 unit(root + draws.direction() * 0.2f), draws.between(20, 27), draws.between(3.6f, 4.8f), 1);
        }
    }
}

float Anatomy::mediastinum(Point p, float w) const {
    float hu = mix(build_.fat_hu, build_.muscle, smoothstep(95, 135, p.z) * smoothstep(0.3f, 0.5f, noise_(p, 11)));
    const float heart = heart_distance(p);
    hu = mix(hu, 46, cover(heart + 3, w));
    hu = mix(hu, 38, cover(heart + 14 + 10 * noise_(p, 30), w));  // blood in the chambers
    for (const Tube& t : tubes_)
        if (p.z > std::min(t.a.z, t.b.z) - 18 && p.z < std::max(t.a.z, t.b.z) + 18)
            hu = mix(hu, t.hu, cover(t.distance(p), w));
    return hu;
}

float Anatomy::abdomen(Point p, float w) const {
    const Build& b = build_;
    float hu = b.fat_hu + 14 * noise_(p, 9);
    // Liver, filling the right dome and reaching to the left; spleen; bowel and muscle hinted at.
    const float liver = smooth_max(ellipsoid(p, {-52, -4, b.dome_right - 62}, {104, 100, 92}),
                                   ellipsoid(p, {-70, -10, b.dome_right - 40}, {118, 130, 150}), 24);
    const Point gas_centre{56, -18, b.dome_left - 16 - b.stomach.z};
    const float stomach = ellipsoid(p, gas_centre, b.stomach);
    hu = mix(hu, 48, cover(ellipsoid(p, {88, 46, b.dome_left - 52}, {34, 42, 46}), w));
    hu = mix(hu, b.liver - 14 * smoothstep(0.72f, 0.85f, noise_(p, 24)), cover(liver, w));
    hu = mix(hu, 42, cover(stomach - 4, w));
    const float air_level = cover(p.y - gas_centre.y - b.stomach_level, w);  // gas lies in front, fluid behind
    hu = mix(hu, mix(14, -970, air_level), cover(stomach, w));
    for (const Tube& t : tubes_)
        if (p.z < -60 && p.z > std::min(t.a.z, t.b.z) - 18 && p.z < std::max(t.a.z, t.b.z) + 18)
            hu = mix(hu, t.hu, cover(t.distance(p), w));
    return hu;
}

void Anatomy::spine(Point p, float w, float& hu) const {
    const float ax = std::abs(p.x), y0 = spine_y(p.z), y = p.y - y0;
    if (ax > 42 || y < -24 || y > 66) return;
    const float turns = p.z / 23 + 100, phase = turns - float(static_cast<int>(turns));  // 0..1 along one vertebra
    const float disc = cover(2.5f - std::abs(phase) * 23, w) + cover(2.5f - std::abs(1 - phase) * 23, w);
    const float bone_here = 1 - clamp01(disc);
    const float u = p.x / 18, v = y / 15.5f, r = std::sqrt(u * u + v * v), body = (r - 1) * 16;
    hu = mix(hu, mix(75, mix(build_.marrow, 520, smoothstep(-3, -0.5f, body)), bone_here), cover(body, w));
    const float yc = y - 24, canal = std::sqrt(p.x * p.x + yc * yc);
    const float arch_here = smoothstep(0.05f, 0.15f, phase) * smoothstep(0.85f, 0.7f, phase);
    hu = mix(hu, mix(60, 480, arch_here), cover(std::abs(canal - 11) - 3, w));
    hu = mix(hu, 18, cover(canal - 8.5f, w));
    const float process = std::max(ax - 3.2f, std::abs(y - 42) - 12);
    hu = mix(hu, 380, cover(process, w) * arch_here);
    const float transverse = std::max(std::abs(y - 22 - 0.12f * ax) - 4.5f, std::abs(ax - 24) - 14);
    hu = mix(hu, 360, cover(transverse, w) * smoothstep(0.1f, 0.2f, phase) * smoothstep(0.6f, 0.5f, phase));
}

void Anatomy::bones(Point p, const Profile& s, float cavity, float w, float& hu) const {
    const auto bone = [&](float d) { return mix(build_.marrow, 620, smoothstep(-2.5f, -0.5f, d)); };
    if (cavity > -4 && cavity < 18 && p.z > -190 && p.z < 130) {
        // Ribs slope from the spine (c = 1) over the side (0) down to the sternum (-1), 24 mm apart.
        const float u = p.x / s.cavity_width, v = p.y / (p.y < 0 ? s.cavity_front : s.cavity_back);
        const float c = v / std::max(std::sqrt(u * u + v * v), 1e-3f);
        const float drop = 26 * (1 - c) + 22 * (1 - c * c);
        const float along = (122 - p.z - drop) / 24, nearest = float(static_cast<int>(std::max(along, 0.0f) + 0.5f));
        const bool reaches = nearest < 7 || c > -0.95f + 0.22f * (nearest - 6);
        if (nearest <= 11 && along > -0.5f && reaches) {
            const float dv = (along - nearest) * 24 / 6.8f, dr = (cavity - 5.5f) / 4.2f;
            const float d = (std::sqrt(dv * dv + dr * dr) - 1) * 4.4f;
            hu = mix(hu, c < -0.74f ? 95.0f : bone(d), cover(d, w));
        }
    }
    const float sternum_y = -s.cavity_front - 9, broad = 15 + 9 * smoothstep(60, 85, p.z);
    if (p.y < -20 && std::abs(p.x) < 40 && p.z > -50 && p.z < 105) {
        const float u = p.x / broad, v = (p.y - sternum_y) / 6.5f;
        const float d = std::max((std::sqrt(u * u + v * v) - 1) * 6.5f, std::max(-45 - p.z, p.z - 95));
        hu = mix(hu, bone(d), cover(d, w));
    }
    if (p.z > 80)
        for (const Tube& t : clavicles_) {
            const float d = t.distance(p);
            hu = mix(hu, bone(d), cover(d, w));
        }
    if (p.y > 5 && p.z > -20 && p.z < 135) {
        const Point q{std::abs(p.x) - 110, p.y - 68, p.z - 58};
        const float along = 0.75f * q.x - 0.66f * q.y, normal = 0.66f * q.x + 0.75f * q.y + 0.004f * along * along;
        const float d = ellipsoid({along, normal, q.z}, {0, 0, 0}, {44 - 0.2f * std::abs(q.z), 4.5f, 62});
        hu = mix(hu, bone(d), cover(d, w));
        const float ridge = Tube{{-18, 4, 34}, {30, 14, 44}, 4, 7, 0}.distance({along, normal, q.z});
        hu = mix(hu, bone(ridge), cover(ridge, w));
    }
    spine(p, w, hu);
}

Anatomy::Sample Anatomy::sample(Point world, float w) const {
    const Point p = straightened(world);
    const Profile s = profile(p.z);
    Sample out{-1000, 0, p.x < 0 ? 1 : 2};
    float torso = squircle(p.x, p.y, s.width + build_.fat, (p.y < 0 ? s.front : s.back) + build_.fat * 0.7f);
    if (torso > 60) return out;
    if (p.y > 60) torso += 5 / (1 + p.x * p.x / 170);  // the furrow over the spine
    float skin = torso;
    if (build_.breasts) {
        const Point q{std::abs(p.x), p.y, p.z};
        skin = smooth_min(skin, ellipsoid(q, {84, -s.front - 2, 8}, {52, 24 + 0.6f * build_.fat, 46}), 14);
    }
    const float body = cover(skin, w);
    if (body <= 0) return out;

    float hu = build_.fat_hu + 12 * noise_(p, 10);
    if (skin > -3) hu = mix(hu, 10, cover(-skin - 2, w));
    if (build_.breasts && p.y < -s.front + 6) {
        const float gland =
            ellipsoid({std::abs(p.x), p.y, p.z}, {84, -s.front - 6, 8}, {36, 18 + 0.3f * build_.fat, 32});
        hu = mix(hu, 20, cover(gland, 8) * smoothstep(0.3f, 0.6f, noise_(p, 12)));
    }
    const float fat = build_.fat * (0.75f + 0.5f * noise_(p, 60));
    const float cavity = cavity_distance(p, s);
    // Muscle between fat and ribs, with fatty planes between its sheets.
    const float plane = std::abs(torso + fat + 9 + 6 * noise_(p, 35)) - 0.8f;
    const float muscle = mix(build_.muscle - 10 * noise_(p, 6), build_.fat_hu * 0.7f,
                             0.8f * cover(plane, 2) * smoothstep(0.35f, 0.55f, noise_(p, 22)));
    hu = mix(hu, muscle, cover(torso + fat, w));

    if (cavity < 4) {
        const float inside = cover(cavity, w), below = (p.z - diaphragm(p)) * 0.8f;
        float content = mediastinum(p, w);
        if (below < 6) {
            content = mix(content, build_.muscle, cover(below - 3, w));  // the diaphragm itself
            content = mix(content, abdomen(p, w), cover(below + 1, w));
        }
        hu = mix(hu, content, inside);
    }
    bones(p, s, cavity, w, hu);
    for (const Tube& t : lumens_) {
        if (p.z < std::min(t.a.z, t.b.z) - 12 || p.z > std::max(t.a.z, t.b.z) + 12) continue;
        const float d = t.distance(p);
        if (d > 6) continue;
        hu = mix(hu, 30, cover(d - 2, w));
    }
    for (const Tube& t : lumens_) {
        if (p.z < std::min(t.a.z, t.b.z) - 12 || p.z > std::max(t.a.z, t.b.z) + 12) continue;
        hu = mix(hu, -990, cover(t.distance(p), w));
    }
    out.hu = mix(-1000, hu, body);
    if (cavity < 3) out.lung = cover(lung_distance(p, s, cavity), w);
    return out;
}

float Anatomy::parenchyma(Point world, float w) const {
    const Point p = straightened(world);
    float hu = build_.parenchyma + 0.28f * p.y + 26 * (noise_(p, 16) - 0.5f) + 30 * (noise_(p, 5) - 0.5f);
    // Oblique fissures on both sides, a horizontal one on the right: about a millimetre thick.
    const float ax = std::abs(p.x) - 60;
    const float oblique = 0.62f * (p.z - 6) - 0.78f * (p.y - 12) + 0.004f * ax * ax + 14 * (noise_(p, 55) - 0.5f);
    const float horizontal = p.z - 4 - 0.003f * ax * ax - 12 * (noise_(p, 50) - 0.5f);
    float fissure = cover(std::abs(oblique) - 0.6f, w) * std::min(1.0f, 1.2f / w);
    if (p.x < 0 && oblique < 0)
        fissure = std::max(fissure, cover(std::abs(horizontal) - 0.6f, w) * std::min(1.0f, 1.2f / w));
    return mix(hu, -550, fissure);
}

}  // namespace cmtl::phantom
