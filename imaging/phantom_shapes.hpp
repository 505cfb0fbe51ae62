#pragma once
// Building blocks of the phantom: points, signed distances, a counter-based generator. Square roots are the only
// function used, so that the same bits come out everywhere (the build has no FMA contraction: ISO mode, x86-64-v2).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace cmtl::phantom {

struct Point {
    float x, y, z;
    Point operator+(Point o) const { return {x + o.x, y + o.y, z + o.z}; }
    Point operator-(Point o) const { return {x - o.x, y - o.y, z - o.z}; }
    Point operator*(float s) const { return {x * s, y * s, z * s}; }
};
inline float dot(Point a, Point b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline float length(Point a) { return std::sqrt(dot(a, a)); }
inline Point unit(Point a) { return a * (1 / std::max(length(a), 1e-6f)); }
inline Point cross(Point a, Point b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

inline float clamp01(float t) { return t < 0 ? 0 : t > 1 ? 1 : t; }
inline float mix(float a, float b, float t) { return a + (b - a) * t; }
inline float smoothstep(float low, float high, float t) {
    t = clamp01((t - low) / (high - low));
    return t * t * (3 - 2 * t);
}
// How much of a voxel of width w lies inside a surface at signed distance d (negative inside).
inline float cover(float d, float w) { return clamp01(0.5f - d / w); }
// Intersection and union of shapes by their distances, edges rounded over k mm.
inline float smooth_max(float a, float b, float k) {
    const float h = std::max(k - std::abs(a - b), 0.0f) / k;
    return std::max(a, b) + h * h * k * 0.25f;
}
inline float smooth_min(float a, float b, float k) { return -smooth_max(-a, -b, k); }

// About the distance to an axis-parallel ellipsoid: exact in sign, good near the surface.
inline float ellipsoid(Point p, Point centre, Point semi) {
    const Point q = p - centre;
    const Point u{q.x / semi.x, q.y / semi.y, q.z / semi.z};
    const float r = length(u);
    return r < 1e-4f ? -std::min({semi.x, semi.y, semi.z}) : (1 - 1 / r) * length(q);
}

// A tube from a to b whose radius goes from ra to rb, with round ends.
struct Tube {
    Point a, b;
    float ra, rb, hu;
    float distance(Point p) const {
        const Point ab = b - a, ap = p - a;
        const float t = clamp01(dot(ap, ab) / std::max(dot(ab, ab), 1e-6f));
        return length(ap - ab * t) - mix(ra, rb, t);
    }
};

inline uint64_t mixed(uint64_t x) {  // the finaliser of SplitMix64
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

// Draws of one purpose of one case: SplitMix64 started from both.
class Draws {
  public:
    Draws(uint64_t seed, uint64_t purpose)
        : state_(mixed(seed + 0x9E3779B97F4A7C15u) ^ mixed(purpose * 0xD1342543DE82EF95u + 1)) {}
    uint64_t bits() { return mixed(state_ += 0x9E3779B97F4A7C15u); }
    float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-24f; }  // [0, 1)
    float between(float low, float high) { return low + (high - low) * uniform(); }
    bool chance(float p) { return uniform() < p; }
    Point direction() {
        for (;;) {
            const float x = between(-1, 1), y = between(-1, 1), z = between(-1, 1);
            const Point p{x, y, z};
            const float n = dot(p, p);
            if (n > 0.01f && n <= 1) return unit(p);
        }
    }

  private:
    uint64_t state_;
};

// Smooth random values in [0, 1], trilinear between random lattice points, repeating every 32 of them.
class SmoothNoise {
  public:
    explicit SmoothNoise(Draws draws) : values_(size * size * size) {
        for (float& v : values_) v = draws.uniform();
    }
    float operator()(Point p, float period) const {
        const float s = 1 / period, offset = 1024;  // positive before truncation
        const float x = p.x * s + offset, y = p.y * s + offset, z = p.z * s + offset;
        const int i = static_cast<int>(x), j = static_cast<int>(y), k = static_cast<int>(z);
        const float fx = fade(x - float(i)), fy = fade(y - float(j)), fz = fade(z - float(k));
        const auto at = [&](int a, int b, int c) {
            return values_[size_t(((c & 31) * size + (b & 31)) * size + (a & 31))];
        };
        const auto line = [&](int b, int c) { return mix(at(i, b, c), at(i + 1, b, c), fx); };
        return mix(mix(line(j, k), line(j + 1, k), fy), mix(line(j, k + 1), line(j + 1, k + 1), fy), fz);
    }

  private:
    static constexpr int size = 32;
    static float fade(float t) { return t * t * (3 - 2 * t); }
    std::vector<float> values_;
};

}  // namespace cmtl::phantom
