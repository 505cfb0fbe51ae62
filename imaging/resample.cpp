#include "imaging/resample.hpp"

#include <algorithm>
#include <cmath>

#include "base/cpu_dispatch.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"
#include "imaging/geometry.hpp"

namespace cmtl {

namespace {

constexpr int64_t lanes = 16;  // lines worked on together
constexpr int64_t pad = spline_pad;

// Samples (n voxels of `lanes` lines, padded) to cubic B-spline coefficients, in place: the causal and anticausal
// recursion of Unser et al. 1993 with half-sample symmetric ends.
CMTL_MULTIARCH void prefilter(double* c, int64_t n) {
    const double z = std::sqrt(3.0) - 2, gain = (1 - z) * (1 - 1 / z);
    for (int64_t i = 0; i < n * lanes; ++i) c[i] *= gain;
    // The symmetric extension's geometric sum: z^n vanishes for lines longer than 24 + 1.
    double first[lanes];
    for (int64_t l = 0; l < lanes; ++l) first[l] = 0;
    double power = z;
    const int64_t horizon = std::min<int64_t>(n, 40);
    for (int64_t i = 0; i < horizon; ++i, power *= z)
        for (int64_t l = 0; l < lanes; ++l) first[l] += power * c[i * lanes + l];
    for (int64_t l = 0; l < lanes; ++l) c[l] += first[l];
    for (int64_t i = 1; i < n; ++i)
        for (int64_t l = 0; l < lanes; ++l) c[i * lanes + l] += z * c[(i - 1) * lanes + l];
    double* last = c + (n - 1) * lanes;
    for (int64_t l = 0; l < lanes; ++l) last[l] *= z / (z - 1);
    for (int64_t i = n - 2; i >= 0; --i)
        for (int64_t l = 0; l < lanes; ++l) c[i * lanes + l] = z * (c[(i + 1) * lanes + l] - c[i * lanes + l]);
}

// Lines along an axis: voxel v of line l is in[v * step + l], results likewise.
CMTL_MULTIARCH void load_columns(const float* in, int64_t step, int64_t n, int64_t used, double* c) {
    for (int64_t v = 0; v < n; ++v)
        for (int64_t l = 0; l < used; ++l) c[(v + pad) * lanes + l] = in[v * step + l];
}

CMTL_MULTIARCH void load_rows(const float* in, int64_t row, int64_t n, int64_t used, double* c) {
    for (int64_t l = 0; l < used; ++l)
        for (int64_t v = 0; v < n; ++v) c[(v + pad) * lanes + l] = in[l * row + v];
}

CMTL_MULTIARCH void interpolate(const double* c, const SplineTap* taps, int64_t out, double* to) {
    for (int64_t o = 0; o < out; ++o) {
        const double* a = c + taps[o].first * lanes;
        const double* w = taps[o].weight;
        for (int64_t l = 0; l < lanes; ++l)
            to[o * lanes + l] = w[0] * a[l] + w[1] * a[lanes + l] + w[2] * a[2 * lanes + l] + w[3] * a[3 * lanes + l];
    }
}

void fill_ends(double* c, int64_t n) {
    for (int64_t v = 0; v < pad; ++v) {
        std::copy_n(c + pad * lanes, lanes, c + v * lanes);
        std::copy_n(c + (pad + n - 1) * lanes, lanes, c + (pad + n + v) * lanes);
    }
}

struct Axis {
    int64_t in, out;
    std::vector<SplineTap> taps;
    Axis(int64_t in_, int64_t out_) : in(in_), out(out_), taps(spline_taps(in_, out_)) {}
    bool same() const { return in == out; }  // taps are then exact: nothing to do
};

// `count` neighbouring lines whose voxels lie `step` apart, to lines whose voxels lie `to_step` apart.
void resample_columns(const Axis& axis, const float* in, int64_t step, int64_t count, float* to, int64_t to_step,
                      std::vector<double>& scratch) {
    scratch.resize(static_cast<size_t>((axis.in + 2 * pad + axis.out) * lanes));
    double *c = scratch.data(), *result = c + (axis.in + 2 * pad) * lanes;
    for (int64_t l0 = 0; l0 < count; l0 += lanes) {
        const int64_t used = std::min(lanes, count - l0);
        if (used < lanes) std::fill_n(c, (axis.in + 2 * pad) * lanes, 0.0);
        load_columns(in + l0, step, axis.in, used, c);
        fill_ends(c, axis.in);
        prefilter(c, axis.in + 2 * pad);
        interpolate(c, axis.taps.data(), axis.out, result);
        for (int64_t o = 0; o < axis.out; ++o)
            for (int64_t l = 0; l < used; ++l) to[o * to_step + l0 + l] = static_cast<float>(result[o * lanes + l]);
    }
}

// `count` rows, contiguous each.
void resample_rows(const Axis& axis, const float* in, int64_t count, float* to, std::vector<double>& scratch) {
    scratch.resize(static_cast<size_t>((axis.in + 2 * pad + axis.out) * lanes));
    double *c = scratch.data(), *result = c + (axis.in + 2 * pad) * lanes;
    for (int64_t l0 = 0; l0 < count; l0 += lanes) {
        const int64_t used = std::min(lanes, count - l0);
        if (used < lanes) std::fill_n(c, (axis.in + 2 * pad) * lanes, 0.0);
        load_rows(in + l0 * axis.in, axis.in, axis.in, used, c);
        fill_ends(c, axis.in);
        prefilter(c, axis.in + 2 * pad);
        interpolate(c, axis.taps.data(), axis.out, result);
        for (int64_t l = 0; l < used; ++l)
            for (int64_t o = 0; o < axis.out; ++o)
                to[(l0 + l) * axis.out + o] = static_cast<float>(result[o * lanes + l]);
    }
}

}  // namespace

Index3 size_at_spacing(const Geometry& g, const Vector3& spacing) {
    Index3 size{};
    double voxels = 1;
    for (size_t a = 0; a < 3; ++a) {
        const double n = std::max(1.0, std::nearbyint(static_cast<double>(g.size[a]) * (g.spacing[a] / spacing[a])));
        voxels *= n;
        size[a] = voxels < 1e12 ? static_cast<int64_t>(n) : 0;
    }
    if (voxels > double(int64_t{1} << 29))
        fail(ErrorKind::input, "resample",
             "{:.0f} x {:.0f} x {:.0f} mm at a spacing of {} x {} x {} mm would be {:.3g} voxels: is the spacing in "
             "the header right?",
             static_cast<double>(g.size[0]) * g.spacing[0], static_cast<double>(g.size[1]) * g.spacing[1],
             static_cast<double>(g.size[2]) * g.spacing[2], spacing[0], spacing[1], spacing[2], voxels);
    return size;
}

Geometry grid_of_size(const Geometry& g, const Index3& size) {
    Geometry out = g;
    out.size = size;
    for (size_t a = 0; a < 3; ++a)
        if (size[a] != g.size[a])
            out.spacing[a] = size[a] > 1
                                 ? g.spacing[a] * static_cast<double>(g.size[a] - 1) / static_cast<double>(size[a] - 1)
                                 : g.spacing[a] * static_cast<double>(g.size[a]);
    return out;
}

std::vector<SplineTap> spline_taps(int64_t in, int64_t out) {
    std::vector<SplineTap> taps(static_cast<size_t>(out));
    const double step = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    for (int64_t o = 0; o < out; ++o) {
        const double x = static_cast<double>(o) * step;
        const double base = std::min(std::floor(x), static_cast<double>(in - 1));
        const double t = x - base, s = 1 - t;
        SplineTap& tap = taps[static_cast<size_t>(o)];
        tap.first = static_cast<int64_t>(base) - 1 + spline_pad;
        tap.weight[1] = (t * t * (t - 2) * 3 + 4) / 6;
        tap.weight[2] = (s * s * (s - 2) * 3 + 4) / 6;
        tap.weight[0] = s * s * s / 6;
        tap.weight[3] = 1 - tap.weight[0] - tap.weight[1] - tap.weight[2];
    }
    return taps;
}

Volume resample_cubic(Volume volume, const Index3& size) {
    const Geometry grid = grid_of_size(volume.geometry, size);
    const Axis x(volume.nx(), size[0]), y(volume.ny(), size[1]), z(volume.nz(), size[2]);
    if (!x.same() || !y.same()) {
        Volume out;
        out.geometry = volume.geometry;
        out.geometry.size = {size[0], size[1], volume.nz()};
        out.voxels.resize(static_cast<size_t>(out.geometry.count()));
        parallel_ranges(volume.nz(), [&](int64_t begin, int64_t end) {
            std::vector<double> scratch;
            std::vector<float> slice(static_cast<size_t>(y.same() ? 0 : x.out * y.in));
            for (int64_t k = begin; k < end; ++k) {
                const float* in = volume.voxels.data() + k * x.in * y.in;
                float* to = out.voxels.data() + k * x.out * y.out;
                float* half = y.same() ? to : slice.data();
                const float* source = half;
                if (x.same())
                    source = in;
                else
                    resample_rows(x, in, y.in, half, scratch);
                if (!y.same()) resample_columns(y, source, x.out, x.out, to, x.out, scratch);
            }
        });
        volume = std::move(out);
    }
    if (!z.same()) {
        Volume out;
        out.geometry.size = size;
        out.voxels.resize(static_cast<size_t>(out.geometry.count()));
        const int64_t plane = x.out * y.out;
        parallel_ranges(y.out, [&](int64_t begin, int64_t end) {
            std::vector<double> scratch;
            for (int64_t j = begin; j < end; ++j)
                resample_columns(z, volume.voxels.data() + j * x.out, plane, x.out, out.voxels.data() + j * x.out,
                                 plane, scratch);
        });
        volume = std::move(out);
    }
    volume.geometry = grid;
    return volume;
}

namespace {

// Neighbours of target voxels along one axis: indices (-1 outside) and the weight of the second.
struct Pair {
    int64_t a, b;
    float t;
};

std::vector<Pair> pairs_of(double origin, double step, int64_t out, int64_t in, bool nearest) {
    std::vector<Pair> pairs(static_cast<size_t>(out));
    for (int64_t o = 0; o < out; ++o) {
        double x = origin + step * static_cast<double>(o);
        if (nearest) x = std::floor(x + 0.5);
        const double f = std::floor(x);
        const auto inside = [&](double i) {
            return i >= 0 && i < static_cast<double>(in) ? static_cast<int64_t>(i) : -1;
        };
        pairs[static_cast<size_t>(o)] = {inside(f), inside(f + 1), static_cast<float>(x - f)};
    }
    return pairs;
}

}  // namespace

double linear_at(const Volume& volume, const Vector3& index) {
    const auto& size = volume.geometry.size;
    Index3 low, high;
    Vector3 share;
    for (size_t a = 0; a < 3; ++a) {
        const double at = std::clamp(index[a], 0.0, static_cast<double>(size[a] - 1));
        low[a] = static_cast<int64_t>(at);
        high[a] = std::min(low[a] + 1, size[a] - 1);
        share[a] = at - static_cast<double>(low[a]);
    }
    double sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
        double weight = 1;
        Index3 at;
        for (size_t a = 0; a < 3; ++a) {
            const bool upper = corner >> a & 1;
            at[a] = upper ? high[a] : low[a];
            weight *= upper ? share[a] : 1 - share[a];
        }
        sum += weight * static_cast<double>(volume.at(at[0], at[1], at[2]));
    }
    return sum;
}

Mask resample_mask(const Mask& mask, const Geometry& grid, MaskInterpolation how) {
    for (size_t n = 0; n < 9; ++n)
        require(std::abs(mask.geometry.direction[n] - grid.direction[n]) < 1e-6, "resample",
                "the grids' axes differ: {} and {}", mask.geometry.direction[n], grid.direction[n]);
    const Vector3 start = lps_to_index(mask.geometry, grid.origin);
    std::array<std::vector<Pair>, 3> p;
    for (size_t a = 0; a < 3; ++a) {
        // A grid that shares its first voxel shares it exactly: rounding noise must not push it outside.
        const double origin = std::abs(start[a] - std::round(start[a])) < 1e-6 ? std::round(start[a]) : start[a];
        p[a] = pairs_of(origin, grid.spacing[a] / mask.geometry.spacing[a] * (1 - 1e-12), grid.size[a],
                        mask.geometry.size[a], how == MaskInterpolation::nearest);
    }
    Mask out(grid);
    const int64_t row = mask.nx(), plane = row * mask.ny();
    std::vector<char> used(static_cast<size_t>(mask.ny() * mask.nz()));
    parallel_ranges(std::ssize(used), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
            used[static_cast<size_t>(r)] = std::any_of(
                mask.voxels.begin() + r * row, mask.voxels.begin() + (r + 1) * row, [](uint8_t v) { return v != 0; });
    });
    parallel_ranges(grid.size[2], [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            for (int64_t j = 0; j < grid.size[1]; ++j) {
                const Pair &pz = p[2][static_cast<size_t>(k)], &py = p[1][static_cast<size_t>(j)];
                uint8_t* to = out.voxels.data() + (k * grid.size[1] + j) * grid.size[0];
                const uint8_t* lines[4];
                float weight[4];
                for (int n = 0; n < 4; ++n) {
                    const int64_t kk = n & 2 ? pz.b : pz.a, jj = n & 1 ? py.b : py.a;
                    lines[n] = kk < 0 || jj < 0 ? nullptr : mask.voxels.data() + kk * plane + jj * row;
                    weight[n] = (n & 2 ? pz.t : 1 - pz.t) * (n & 1 ? py.t : 1 - py.t);
                    if (weight[n] == 0 ||
                        (lines[n] && !used[static_cast<size_t>((lines[n] - mask.voxels.data()) / row)]))
                        lines[n] = nullptr;
                }
                if (!lines[0] && !lines[1] && !lines[2] && !lines[3]) continue;
                for (int64_t i = 0; i < grid.size[0]; ++i) {
                    const Pair& px = p[0][static_cast<size_t>(i)];
                    uint8_t label[8] = {};
                    float share[8] = {};
                    int n = 0;
                    bool same = true;
                    for (int l = 0; l < 4; ++l) {
                        if (weight[l] == 0) continue;
                        if (px.t < 1)
                            label[n] = lines[l] && px.a >= 0 ? lines[l][px.a] : 0, share[n++] = weight[l] * (1 - px.t);
                        if (px.t > 0)
                            label[n] = lines[l] && px.b >= 0 ? lines[l][px.b] : 0, share[n++] = weight[l] * px.t;
                    }
                    for (int m = 1; m < n; ++m) same = same && label[m] == label[0];
                    to[i] = label[0];
                    if (same) continue;
                    float best = -1;
                    for (int m = 0; m < n; ++m) {
                        float sum = 0;
                        for (int q = 0; q < n; ++q) sum += label[q] == label[m] ? share[q] : 0;
                        // Equal shares go to the larger label: a lung's edge rather than nothing.
                        if (sum > best + 1e-6f || (sum > best - 1e-6f && label[m] > to[i]))
                            best = sum, to[i] = label[m];
                    }
                }
            }
    });
    return out;
}

}  // namespace cmtl
