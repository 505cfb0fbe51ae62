#include "imaging/phantom.hpp"

#include <string>

#include "base/error.hpp"
#include "imaging/phantom_findings.hpp"

namespace cmtl {

namespace {
using namespace phantom;

void check(const PhantomOptions& o) {
    constexpr const char* tag = "phantom";
    for (int a = 0; a < 3; ++a) {
        if (o.size[a] < 2 || o.size[a] > 2048) fail(ErrorKind::usage, tag, "size {} is outside [2, 2048]", o.size[a]);
        if (!(o.spacing[a] > 0.05 && o.spacing[a] < 200))
            fail(ErrorKind::usage, tag, "spacing {} mm is outside (0.05, 200)", o.spacing[a]);
    }
    if (!(o.prevalence >= 0 && o.prevalence <= 1))
        fail(ErrorKind::usage, tag, "prevalence {} is outside [0, 1]", o.prevalence);
    if (!(o.nat_agreement >= 0 && o.nat_agreement <= 1))
        fail(ErrorKind::usage, tag, "NAT agreement {} is outside [0, 1]", o.nat_agreement);
    if (o.severity < -1 || o.severity > 2)
        fail(ErrorKind::usage, tag, "severity {} is none of 0, 1, 2 (or -1: drawn)", o.severity);
    if (!(o.noise >= 0 && o.noise <= 500)) fail(ErrorKind::usage, tag, "noise {} HU is outside [0, 500]", o.noise);
}

// World millimetres to the standard patient's.
struct Frame {
    explicit Frame(const Build& b) : build(b) {}
    Point to_patient(Point w) const {
        const Point q = w - build.shift;
        const auto& m = build.turn;  // its transpose undoes it
        return {(m[0] * q.x + m[3] * q.y + m[6] * q.z) / build.scale.x,
                (m[1] * q.x + m[4] * q.y + m[7] * q.z) / build.scale.y,
                (m[2] * q.x + m[5] * q.y + m[8] * q.z) / build.scale.z};
    }
    Point to_world(Point p) const {
        const auto& m = build.turn;
        const Point q{p.x * build.scale.x, p.y * build.scale.y, p.z * build.scale.z};
        return Point{m[0] * q.x + m[1] * q.y + m[2] * q.z, m[3] * q.x + m[4] * q.y + m[5] * q.z,
                     m[6] * q.x + m[7] * q.y + m[8] * q.z} +
               build.shift;
    }
    Tube to_world(const Tube& t) const {
        const float s = (build.scale.x + build.scale.y + build.scale.z) / 3;
        return {to_world(t.a), to_world(t.b), t.ra * s, t.rb * s, t.hu};
    }
    const Build& build;
};

// White noise smoothed over neighbours in the slice as a reconstruction kernel would, of the given standard deviation.
std::vector<float> noise_slice(uint64_t seed, int64_t k, const PhantomOptions& o) {
    const int64_t nx = o.size[0], ny = o.size[1], wide = nx + 2;
    std::vector<float> white(size_t(wide * (ny + 2))), rows(size_t(nx * (ny + 2))), out(size_t(nx * ny));
    const uint64_t key = mixed(mixed(seed ^ 0x6E6F697365u) + uint64_t(k));
    for (size_t n = 0; n < white.size(); ++n) {
        // Four 16-bit uniforms: near enough to normal, and the filter brings it nearer.
        const uint64_t b = mixed(key + n * 0x9E3779B97F4A7C15u);
        const uint64_t sum = (b & 0xFFFF) + ((b >> 16) & 0xFFFF) + ((b >> 32) & 0xFFFF) + (b >> 48);
        white[n] = (static_cast<float>(sum) * 0x1p-16f - 2) * 1.7320508f;
    }
    const float neighbour = std::clamp(0.5f * 0.8f / static_cast<float>(o.spacing[0]), 0.1f, 0.5f);
    const float gain = 1 / (1 + 2 * neighbour * neighbour),
                scale = static_cast<float>(o.noise) * gain;  // both axes: square root twice
    for (int64_t j = 0; j < ny + 2; ++j)
        for (int64_t i = 0; i < nx; ++i) {
            const float* w = &white[size_t(j * wide + i)];
            rows[size_t(j * nx + i)] = w[1] + neighbour * (w[0] + w[2]);
        }
    for (int64_t j = 0; j < ny; ++j)
        for (int64_t i = 0; i < nx; ++i) {
            const float* r = &rows[size_t(j * nx + i)];
            out[size_t(j * nx + i)] = scale * (r[nx] + neighbour * (r[0] + r[2 * nx]));
        }
    return out;
}

class Renderer {
  public:
    Renderer(uint64_t seed, const PhantomOptions& o, PhantomCase& out)
        : seed_(seed),
          options_(o),
          anatomy_(seed),
          findings_(seed, out.severity, anatomy_),
          frame_(anatomy_.build()),
          out_(out) {
        for (const Tube& t : anatomy_.vessels()) vessels_.push_back(frame_.to_world(t));
        for (const Tube& t : anatomy_.airways()) airways_.push_back(frame_.to_world(t));
        blur_ = 0.9f * static_cast<float>(std::max(o.spacing[0], o.spacing[1]));
        const Build& b = anatomy_.build();
        table_y_ = b.shift.y + (121 + 0.7f * b.fat) * b.scale.y + 9;
    }

    // Slices do not depend on each other.
    void slice(int64_t k) const {
        const int64_t nx = options_.size[0], ny = options_.size[1];
        const float z = coordinate(2, k);
        const std::vector<float> noise = noise_slice(seed_, k, options_), vessel = drawn(vessels_, z),
                                 airway = drawn(airways_, z);
        const std::vector<const Patch*> patches = patches_near(z);
        for (int64_t j = 0; j < ny; ++j)
            for (int64_t i = 0; i < nx; ++i) {
                const size_t pixel = size_t(j * nx + i), voxel = size_t(k * nx * ny) + pixel;
                const Point world{coordinate(0, i), coordinate(1, j), z}, p = frame_.to_patient(world);
                const Anatomy::Sample s = anatomy_.sample(p, blur_);
                float hu = s.hu;
                if (hu < -990) hu = std::max(hu, table(world));
                if (s.lung > 0) {
                    const Findings::Effect f = findings_.at(p, patches);
                    float lung = anatomy_.parenchyma(p, blur_);
                    lung = mix(lung, std::max(lung, f.glass_hu), f.glass);
                    lung = mix(lung, 42, vessel[pixel]);
                    lung = mix(lung, f.solid_hu, f.solid);
                    lung = mix(lung, -960, airway[pixel]);
                    hu = mix(hu, lung, s.lung);
                    if (s.lung > 0.5f) {
                        out_.lungs.voxels[voxel] = static_cast<uint8_t>(s.side);
                        out_.lesions.voxels[voxel] = static_cast<uint8_t>(f.lesion);
                    }
                }
                out_.hu.voxels[voxel] = std::clamp(hu + noise[pixel], -1024.0f, 3071.0f);
            }
    }

  private:
    float coordinate(size_t axis, int64_t index) const {
        return static_cast<float>((double(index) - double(options_.size[axis] - 1) / 2) * options_.spacing[axis]);
    }

    // A mattress on a shell of carbon fibre around foam, the sides bent up.
    float table(Point w) const {
        const float depth = w.y - (table_y_ - w.x * w.x / 1500);
        if (depth < -8 || depth > 26) return -1000;
        if (depth < 0) return -890;
        return depth < 3 || depth > 23 ? -320 : -935;
    }

    // How much of each pixel at height z the tubes fill; those thinner than a pixel fill a part of it.
    std::vector<float> drawn(const std::vector<Tube>& tubes, float z) const {
        const int64_t nx = options_.size[0], ny = options_.size[1];
        std::vector<float> filled(size_t(nx * ny), 0.0f);
        const auto range = [&](size_t axis, float low, float high) {
            const double middle = double(options_.size[axis] - 1) / 2, n = double(options_.size[axis]);
            return std::pair{int64_t(std::clamp(low / options_.spacing[axis] + middle, 0.0, n)),
                             int64_t(std::clamp(high / options_.spacing[axis] + middle + 1, 0.0, n))};
        };
        for (const Tube& t : tubes) {
            const float r = std::max(t.ra, t.rb) + blur_ / 2;
            if (z < std::min(t.a.z, t.b.z) - r || z > std::max(t.a.z, t.b.z) + r) continue;
            const float mean = (t.ra + t.rb) / 2, share = std::min(1.0f, 3.14159265f * mean * mean / (blur_ * blur_));
            const auto [i0, i1] = range(0, std::min(t.a.x, t.b.x) - r, std::max(t.a.x, t.b.x) + r);
            const auto [j0, j1] = range(1, std::min(t.a.y, t.b.y) - r, std::max(t.a.y, t.b.y) + r);
            for (int64_t j = j0; j < j1; ++j)
                for (int64_t i = i0; i < i1; ++i) {
                    float& f = filled[size_t(j * nx + i)];
                    f = std::max(f, share * cover(t.distance({coordinate(0, i), coordinate(1, j), z}), blur_));
                }
        }
        return filled;
    }

    // Turned patients tilt slices by a few degrees: 14 mm at most over the width of a chest.
    std::vector<const Patch*> patches_near(float z) const {
        std::vector<const Patch*> near;
        for (const Patch& f : findings_.patches())
            if (std::abs(frame_.to_world(f.centre).z - z) < f.reach * 1.2f + 5) near.push_back(&f);
        return near;
    }

    uint64_t seed_;
    const PhantomOptions& options_;
    Anatomy anatomy_;
    Findings findings_;
    Frame frame_;
    PhantomCase& out_;
    std::vector<Tube> vessels_, airways_;
    float blur_, table_y_;
};
}  // namespace

PhantomLabels phantom_labels(uint64_t seed, const PhantomOptions& options) {
    check(options);
    PhantomLabels labels;
    Draws draws(seed, 0);
    const float ill = draws.uniform(), grave = draws.uniform(), agrees = draws.uniform();
    if (options.severity >= 0) {
        labels.severity = options.severity;
    } else if (ill < float(options.prevalence)) {
        labels.severity = grave < float(phantom_mild_share) ? 1 : 2;
    }
    labels.ct = labels.severity > 0;
    labels.nat = agrees < float(options.nat_agreement) ? labels.ct : 1 - labels.ct;
    return labels;
}

PhantomCase phantom_case(uint64_t seed, const PhantomOptions& options) {
    PhantomCase out{phantom_labels(seed, options), {}, {}, {}};
    Geometry grid;
    grid.size = options.size;
    grid.spacing = options.spacing;
    for (size_t a = 0; a < 3; ++a) grid.origin[a] = -0.5 * double(grid.size[a] - 1) * grid.spacing[a];
    out.hu = Volume(grid, -1000.0f);
    out.lungs = Mask(grid);
    out.lesions = Mask(grid);
    const Renderer renderer(seed, options, out);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t k = 0; k < grid.size[2]; ++k) renderer.slice(k);
    return out;
}

}  // namespace cmtl
