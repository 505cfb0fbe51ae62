#include "imaging/contours.hpp"

#include <algorithm>
#include <cmath>

namespace cmtl {

std::vector<Contour> trace_contours(const uint8_t* slice, int64_t nx, int64_t ny) {
    const auto set = [&](int64_t x, int64_t y) {
        return x >= 0 && x < nx && y >= 0 && y < ny && slice[y * nx + x] != 0;
    };
    constexpr int64_t ahead_x[4] = {0, 1, 0, -1}, ahead_y[4] = {-1, 0, 1, 0};  // up, right, down, left
    // Every contour goes up somewhere, between a clear pixel on the left and a set one: those are marked and started
    // from.
    std::vector<uint8_t> done(static_cast<size_t>(nx * ny));
    std::vector<Contour> contours;
    for (int64_t j = 0; j < ny; ++j)
        for (int64_t i = 0; i < nx; ++i) {
            if (!set(i, j) || set(i - 1, j) || done[static_cast<size_t>(j * nx + i)]) continue;
            Contour contour;
            int64_t x = i, y = j;  // the set pixel on the right
            int way = 0;
            do {
                const int left = (way + 3) % 4;
                contour.push_back({static_cast<double>(x) + 0.5 * static_cast<double>(ahead_x[left]),
                                   static_cast<double>(y) + 0.5 * static_cast<double>(ahead_y[left])});
                if (way == 0) done[static_cast<size_t>(y * nx + x)] = 1;
                const int64_t next_x = x + ahead_x[way], next_y = y + ahead_y[way];
                if (!set(next_x, next_y)) {
                    way = (way + 1) % 4;
                } else if (set(next_x + ahead_x[left], next_y + ahead_y[left])) {
                    x = next_x + ahead_x[left], y = next_y + ahead_y[left];
                    way = left;
                } else {
                    x = next_x, y = next_y;
                }
            } while (x != i || y != j || way != 0);
            contours.push_back(std::move(contour));
        }
    return contours;
}

double signed_area(const Contour& contour) {
    double sum = 0;
    for (size_t n = 0; n < contour.size(); ++n) {
        const Point2 &a = contour[n], &b = contour[n + 1 < contour.size() ? n + 1 : 0];
        sum += a.x * b.y - b.x * a.y;
    }
    return 0.5 * sum;
}

void fill_polygon(const Contour& points, uint8_t* slice, int64_t nx, int64_t ny) {
    std::vector<std::vector<double>> crossings(static_cast<size_t>(ny));
    const auto fill = [&](int64_t j, double from, double to) {
        const auto first = static_cast<int64_t>(std::ceil(std::clamp(from, 0.0, static_cast<double>(nx)))),
                   last = static_cast<int64_t>(std::floor(std::clamp(to, -1.0, static_cast<double>(nx - 1))));
        if (first <= last) std::fill(slice + j * nx + first, slice + j * nx + last + 1, uint8_t{1});
    };
    for (size_t n = 0; n < points.size(); ++n) {
        const Point2 &a = points[n], &b = points[n + 1 < points.size() ? n + 1 : 0];
        const Point2 &low = a.y < b.y ? a : b, &high = a.y < b.y ? b : a;
        const auto first = static_cast<int64_t>(std::ceil(std::clamp(low.y, 0.0, static_cast<double>(ny)))),
                   end = static_cast<int64_t>(std::ceil(std::clamp(high.y, 0.0, static_cast<double>(ny))));
        for (int64_t j = first; j < end; ++j)  // an edge crosses the rows from its upper end to before its lower one
            crossings[static_cast<size_t>(j)].push_back(low.x + (high.x - low.x) * (static_cast<double>(j) - low.y) /
                                                                    (high.y - low.y));
        // The boundary belongs to the polygon: edges along a row, and the lower ends, which cross nothing.
        if (high.y >= 0 && high.y <= static_cast<double>(ny - 1) && high.y == std::floor(high.y)) {
            const bool flat = a.y == b.y;
            fill(static_cast<int64_t>(high.y), flat ? std::min(a.x, b.x) : high.x, flat ? std::max(a.x, b.x) : high.x);
        }
    }
    for (int64_t j = 0; j < ny; ++j) {
        auto& row = crossings[static_cast<size_t>(j)];
        std::sort(row.begin(), row.end());
        for (size_t n = 0; n + 1 < row.size(); n += 2) fill(j, row[n], row[n + 1]);
    }
}

}  // namespace cmtl
