#include "imaging/geometry.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {

Vector3 index_to_lps(const Geometry& g, const Vector3& index) {
    Vector3 p = g.origin;
    for (size_t row = 0; row < 3; ++row)
        for (size_t a = 0; a < 3; ++a) p[row] += g.direction[row * 3 + a] * g.spacing[a] * index[a];
    return p;
}

Vector3 lps_to_index(const Geometry& g, const Vector3& position) {
    // The inverse by cofactors: measured directions are orthonormal only to a few digits.
    const auto& d = g.direction;
    const auto m = [&](size_t r, size_t c) { return d[r * 3 + c]; };
    Vector3 from{};
    for (size_t a = 0; a < 3; ++a) from[a] = position[a] - g.origin[a];
    const double det = m(0, 0) * (m(1, 1) * m(2, 2) - m(1, 2) * m(2, 1)) -
                       m(0, 1) * (m(1, 0) * m(2, 2) - m(1, 2) * m(2, 0)) +
                       m(0, 2) * (m(1, 0) * m(2, 1) - m(1, 1) * m(2, 0));
    require(std::abs(det) > 1e-6, "geometry", "the direction matrix has determinant {}", det);
    Vector3 index{};
    for (size_t a = 0; a < 3; ++a)
        for (size_t row = 0; row < 3; ++row) {
            const size_t r1 = (row + 1) % 3, r2 = (row + 2) % 3, c1 = (a + 1) % 3, c2 = (a + 2) % 3;
            const double cofactor = m(r1, c1) * m(r2, c2) - m(r1, c2) * m(r2, c1);
            index[a] += cofactor / det * from[row] / g.spacing[a];
        }
    return index;
}

Orientation orientation_of(const Geometry& stored) {
    Orientation best;
    best.stored = stored;
    double most = -1;
    std::array<int, 3> order{0, 1, 2};
    do {
        double sum = 0;
        for (size_t a = 0; a < 3; ++a) sum += std::abs(stored.direction[a * 3 + static_cast<size_t>(order[a])]);
        if (sum > most + 1e-9) {
            most = sum;
            best.axis = order;
        }
    } while (std::next_permutation(order.begin(), order.end()));
    for (size_t a = 0; a < 3; ++a) best.flip[a] = stored.direction[a * 3 + static_cast<size_t>(best.axis[a])] < 0;
    return best;
}

Geometry lps_geometry(const Orientation& orientation) {
    const Geometry& s = orientation.stored;
    if (orientation.identity()) return s;
    Geometry g;
    Vector3 corner{};
    for (size_t a = 0; a < 3; ++a) {
        const auto from = static_cast<size_t>(orientation.axis[a]);
        const bool flip = orientation.flip[a];
        g.size[a] = s.size[from];
        g.spacing[a] = s.spacing[from];
        // 0 - x: a flipped zero stays +0.
        for (size_t row = 0; row < 3; ++row)
            g.direction[row * 3 + a] = flip ? 0 - s.direction[row * 3 + from] : s.direction[row * 3 + from];
        corner[from] = flip ? static_cast<double>(s.size[from] - 1) : 0;
    }
    g.origin = index_to_lps(s, corner);
    return g;
}

std::string orientation_code(const Geometry& stored) {
    const Orientation o = orientation_of(stored);
    std::string code(3, '?');
    for (size_t a = 0; a < 3; ++a) code[static_cast<size_t>(o.axis[a])] = o.flip[a] ? "RAI"[a] : "LPS"[a];
    return code;
}

namespace {

// Strides that walk the stored voxels in canonical order.
struct Walk {
    int64_t start = 0;
    Index3 stride{};
};

Walk walk_of(const Orientation& o) {
    const Index3 stored{1, o.stored.size[0], o.stored.size[0] * o.stored.size[1]};
    Walk w;
    for (size_t a = 0; a < 3; ++a) {
        const auto from = static_cast<size_t>(o.axis[a]);
        w.stride[a] = o.flip[a] ? -stored[from] : stored[from];
        if (o.flip[a]) w.start += stored[from] * (o.stored.size[from] - 1);
    }
    return w;
}

// Blocks of 16 x 16 in i and j: one of the two sides jumps through memory.
template <class T, bool back>
void permute(std::conditional_t<back, const T*, T*> canonical, std::conditional_t<back, T*, const T*> stored,
             const Index3& size, const Walk& w) {
    parallel_ranges(size[2], [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            for (int64_t j0 = 0; j0 < size[1]; j0 += 16)
                for (int64_t i0 = 0; i0 < size[0]; i0 += 16)
                    for (int64_t j = j0; j < std::min(j0 + 16, size[1]); ++j) {
                        auto* c = canonical + (k * size[1] + j) * size[0];
                        auto* s = stored + (w.start + k * w.stride[2] + j * w.stride[1]);
                        for (int64_t i = i0; i < std::min(i0 + 16, size[0]); ++i) {
                            if constexpr (back)
                                s[i * w.stride[0]] = c[i];
                            else
                                c[i] = s[i * w.stride[0]];
                        }
                    }
    });
}

}  // namespace

template <class T>
Oriented<T> to_lps(Image<T> image) {
    Oriented<T> out;
    out.orientation = orientation_of(image.geometry);
    if (out.orientation.identity()) {
        out.image = std::move(image);
        return out;
    }
    out.image = Image<T>(lps_geometry(out.orientation));
    permute<T, false>(out.image.voxels.data(), image.voxels.data(), out.image.geometry.size, walk_of(out.orientation));
    return out;
}

template <class T>
Image<T> restore(Image<T> canonical, const Orientation& orientation) {
    for (size_t a = 0; a < 3; ++a)
        require(canonical.geometry.size[a] == orientation.stored.size[static_cast<size_t>(orientation.axis[a])],
                "geometry", "axis {} has {} voxels and cannot be restored to {}", a, canonical.geometry.size[a],
                orientation.stored.size[static_cast<size_t>(orientation.axis[a])]);
    if (orientation.identity()) {
        canonical.geometry = orientation.stored;
        return canonical;
    }
    Image<T> out(orientation.stored);
    permute<T, true>(canonical.voxels.data(), out.voxels.data(), canonical.geometry.size, walk_of(orientation));
    return out;
}

template Oriented<uint8_t> to_lps(Image<uint8_t>);
template Oriented<int16_t> to_lps(Image<int16_t>);
template Oriented<float> to_lps(Image<float>);
template Image<uint8_t> restore(Image<uint8_t>, const Orientation&);
template Image<int16_t> restore(Image<int16_t>, const Orientation&);
template Image<float> restore(Image<float>, const Orientation&);

}  // namespace cmtl
