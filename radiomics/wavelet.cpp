// Tiles of eight rows walk through the slices: rows are filtered along x into two rows, those along y into four, and a
// ring of six slices of these is filtered along z at the ROI's voxels alone. So the image is read 1.6 times, nothing of
// its size is written, and the ring stays in the second-level cache.
#include "radiomics/wavelet.hpp"

#include <algorithm>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"

namespace cmtl {

namespace {

constexpr int taps = 6, behind = 2, ahead = 3;  // y[i] takes x[i - 2] to x[i + 3]
constexpr int64_t tile_rows = 8;

// PyWavelets' tables: the one in float is not quite the one in double rounded.
template <class Real>
constexpr Real centre = 0.8525720202116004;
template <>
constexpr float centre<float> = 0.852571964263916f;
template <class Real>
constexpr Real low_pass[taps] = {Real(-0.015655728135791993), Real(-0.07273261951252645),
                                 Real(0.3848648468648578),    centre<Real>,
                                 Real(0.3378976624574818),    Real(-0.07273261951252645)};
template <class Real>
constexpr Real high_pass[taps] = {Real(0.07273261951252645), Real(0.3378976624574818),  -centre<Real>,
                                  Real(0.3848648468648578),  Real(0.07273261951252645), Real(-0.015655728135791993)};

// In which order the six products are added for output i of n: PyWavelets adds those that wrap around the end first.
struct Order {
    int k[taps];
    Order(int64_t i, int64_t n) {
        int at = 0;
        const int64_t wrapped = i + ahead - n;  // taps 0 to this one wrap
        for (int64_t t = wrapped; t >= 0; --t) k[at++] = static_cast<int>(t);
        for (int t = wrapped >= 0 ? static_cast<int>(wrapped) + 1 : 0; t < taps; ++t) k[at++] = t;
    }
};

// Both filters over six streams: low[i] = sum_t a[t] x[t][i], high[i] likewise with b, in the order of t.
template <class Real>
[[gnu::always_inline]] inline void filter_body(const Real* const* x, const Real* a, const Real* b, int64_t n,
                                               Real* __restrict low, Real* __restrict high) {
    const Real* __restrict x0 = x[0], * __restrict x1 = x[1], * __restrict x2 = x[2], * __restrict x3 = x[3], * __restrict x4 = x[4], * __restrict x5 = x[5];
    const Real a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5];
    const Real b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3], b4 = b[4], b5 = b[5];
    for (int64_t i = 0; i < n; ++i) {
        low[i] = ((((a0 * x0[i] + a1 * x1[i]) + a2 * x2[i]) + a3 * x3[i]) + a4 * x4[i]) + a5 * x5[i];
        high[i] = ((((b0 * x0[i] + b1 * x1[i]) + b2 * x2[i]) + b3 * x3[i]) + b4 * x4[i]) + b5 * x5[i];
    }
}
CMTL_MULTIARCH void filter(const double* const* x, const double* a, const double* b, int64_t n, double* low,
                           double* high) {
    filter_body(x, a, b, n, low, high);
}
CMTL_MULTIARCH void filter(const float* const* x, const float* a, const float* b, int64_t n, float* low, float* high) {
    filter_body(x, a, b, n, low, high);
}

// stream(t): where tap t's values begin.
template <class Real, class Stream>
void filter_ordered(const Order& order, Stream&& stream, int64_t n, Real* low, Real* high) {
    const Real* x[taps];
    Real a[taps], b[taps];
    for (int t = 0; t < taps; ++t) {
        x[t] = stream(order.k[t]);
        a[t] = low_pass<Real>[order.k[t]];
        b[t] = high_pass<Real>[order.k[t]];
    }
    filter(x, a, b, n, low, high);
}

template <class Real>
class Tile {
  public:
    Tile(const Roi& roi, const RowReader<Real>& read, const std::array<double*, sub_bands>& out, int64_t first)
        : roi_(roi),
          read_(read),
          out_(out),
          j0_(first),
          rows_(std::min(tile_rows, roi.size[1] - first)),
          width_(roi.size[0]) {
        x_.resize(static_cast<size_t>(width_) + behind + ahead);
        filtered_x_.resize(static_cast<size_t>(2 * (tile_rows + behind + ahead) * width_));
        ring_.resize(static_cast<size_t>(taps * 4 * tile_rows * width_));
        spare_.resize(static_cast<size_t>(2 * width_));
    }

    void run() {
        const int64_t depth = roi_.size[2];
        std::vector<std::pair<int64_t, int64_t>> hull(static_cast<size_t>(depth));  // of the ROI in this tile, by slice
        for (int64_t k = 0; k < depth; ++k) {
            auto& [begin, end] = hull[static_cast<size_t>(k)];
            begin = width_, end = 0;
            for (int64_t j = j0_; j < j0_ + rows_; ++j)
                for (const RoiRun& r : roi_.row(j, k))
                    begin = std::min<int64_t>(begin, r.begin), end = std::max<int64_t>(end, r.end);
        }
        for (int64_t k = -behind; k < depth + ahead; ++k) {
            int64_t begin = width_, end = 0;  // what the slices k - 3 to k + 2 take of slice k
            for (int64_t o = std::max<int64_t>(0, k - ahead); o <= std::min(depth - 1, k + behind); ++o)
                begin = std::min(begin, hull[static_cast<size_t>(o)].first),
                end = std::max(end, hull[static_cast<size_t>(o)].second);
            if (begin < end) slice(k, begin, end);
            if (k >= ahead) along_z(k - ahead);
        }
    }

  private:
    // Whether a sub-band with these letters along x and y is.
    bool wants(int letters) const {
        return out_[sub_band(letters / 2, letters % 2, 0)] || out_[sub_band(letters / 2, letters % 2, 1)];
    }
    Real* filtered_x(int letter, int64_t row) {
        return filtered_x_.data() + (letter * (tile_rows + behind + ahead) + row) * width_;
    }
    Real* ring(int64_t k, int letters, int64_t row) {
        const int64_t place = (k % taps + taps) % taps;
        return ring_.data() + ((place * 4 + letters) * tile_rows + row) * width_;
    }

    // Slice k of the box (or before or behind it), along x and y, for columns begin to end.
    void slice(int64_t k, int64_t begin, int64_t end) {
        const int64_t plane = periodic(k + roi_.low[2], roi_.image[2]), n = end - begin;
        for (int64_t row = 0; row < rows_ + behind + ahead; ++row) {
            read_periodic(read_, roi_.image[0], periodic(j0_ + row - behind + roi_.low[1], roi_.image[1]), plane,
                          roi_.low[0] + begin - behind, n + behind + ahead, x_.data());
            along_x(begin, n, filtered_x(0, row) + begin, filtered_x(1, row) + begin);
        }
        for (int64_t row = 0; row < rows_; ++row) {
            const Order order(j0_ + row + roi_.low[1], period(roi_.image[1]));
            for (int x = 0; x < 2; ++x)
                if (wants(2 * x) || wants(2 * x + 1))
                    filter_ordered<Real>(
                        order, [&](int t) { return filtered_x(x, row + behind + ahead - t) + begin; }, n,
                        ring(k, 2 * x, row) + begin, ring(k, 2 * x + 1, row) + begin);
        }
    }

    void along_x(int64_t begin, int64_t n, Real* low, Real* high) {
        const int64_t length = period(roi_.image[0]), first = roi_.low[0] + begin;
        const int64_t plain = std::clamp<int64_t>(length - ahead - first, 0, n);  // outputs that do not reach the end
        const auto from = [&](int64_t i) { return [this, i](int t) { return x_.data() + i + behind + ahead - t; }; };
        filter_ordered<Real>(Order(0, length + taps), from(0), plain, low, high);
        for (int64_t i = plain; i < n; ++i)
            filter_ordered<Real>(Order(first + i, length), from(i), 1, low + i, high + i);
    }

    void along_z(int64_t k) {
        const Order order(k + roi_.low[2], period(roi_.image[2]));
        for (int64_t row = 0; row < rows_; ++row)
            for (const RoiRun& r : roi_.row(j0_ + row, k))
                for (int letters = 0; letters < 4; ++letters) {
                    if (!wants(letters)) continue;
                    double* low = out_[sub_band(letters / 2, letters % 2, 0)];
                    double* high = out_[sub_band(letters / 2, letters % 2, 1)];
                    const auto stream = [&](int t) { return ring(k + ahead - t, letters, row) + r.begin; };
                    Real* spare[2] = {spare_.data(), spare_.data() + width_};
                    if constexpr (std::is_same_v<Real, double>) {
                        filter_ordered<Real>(order, stream, r.count(), low ? low + r.first : spare[0],
                                             high ? high + r.first : spare[1]);
                    } else {
                        filter_ordered<Real>(order, stream, r.count(), spare[0], spare[1]);
                        if (low) std::copy_n(spare[0], r.count(), low + r.first);
                        if (high) std::copy_n(spare[1], r.count(), high + r.first);
                    }
                }
    }

    const Roi& roi_;
    const RowReader<Real>& read_;
    const std::array<double*, sub_bands>& out_;
    const int64_t j0_, rows_, width_;
    std::vector<Real> x_, filtered_x_, ring_, spare_;
};

}  // namespace

int64_t periodic(int64_t c, int64_t n) {
    const int64_t p = period(n), wrapped = (c % p + p) % p;
    return wrapped < n ? wrapped : 0;
}

template <class Real>
void read_periodic(const RowReader<Real>& read, int64_t width, int64_t j, int64_t k, int64_t first, int64_t count,
                   Real* out) {
    const int64_t begin = std::max<int64_t>(first, 0), end = std::min(first + count, width);
    if (begin < end) read(j, k, begin, end - begin, out + (begin - first));
    for (int64_t c = first; c < std::min(begin, first + count); ++c)
        read(j, k, periodic(c, width), 1, out + (c - first));
    for (int64_t c = std::max(end, first); c < first + count; ++c) read(j, k, periodic(c, width), 1, out + (c - first));
}

template void read_periodic(const RowReader<float>&, int64_t, int64_t, int64_t, int64_t, int64_t, float*);
template void read_periodic(const RowReader<double>&, int64_t, int64_t, int64_t, int64_t, int64_t, double*);

template <class Real>
void wavelet(const Roi& roi, const RowReader<Real>& read, const std::array<double*, sub_bands>& out) {
    const int64_t tiles = (roi.size[1] + tile_rows - 1) / tile_rows;
#pragma omp parallel for schedule(dynamic)
    for (int64_t t = 0; t < tiles; ++t) Tile<Real>(roi, read, out, t * tile_rows).run();
}

template void wavelet<float>(const Roi&, const RowReader<float>&, const std::array<double*, sub_bands>&);
template void wavelet<double>(const Roi&, const RowReader<double>&, const std::array<double*, sub_bands>&);

}  // namespace cmtl
