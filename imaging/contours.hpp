#pragma once
// Outlines of the set regions of one slice, and back.
#include <cstdint>
#include <vector>

namespace cmtl {

// Pixel coordinates of a slice: x along i, y along j; the centre of pixel (i, j) is (i, j).
struct Point2 {
    double x = 0, y = 0;
    bool operator==(const Point2&) const = default;
};
using Contour = std::vector<Point2>;  // closed: the last point is joined to the first, which is not repeated

// The closed contours at half height around all set (not 0) regions of slice[j * nx + i]: the points lie half-way
// between a set and a clear pixel. Set pixels lie to the right of the way: outer contours run clockwise on a screen (y
// downwards) and have a positive signed_area(), contours of holes a negative one. Set pixels are joined through faces,
// clear ones through corners, too. Contours come in the order of their first point from top and left, and begin there.
// skimage.measure.find_contours(padded slice, 0.5) gives the same contours, with the first point repeated at the end.
// What lies outside of the slice is clear.
std::vector<Contour> trace_contours(const uint8_t* slice, int64_t nx, int64_t ny);

// Square pixels; positive for a clockwise contour on a screen.
double signed_area(const Contour& contour);

// Sets to 1 the pixels whose centres lie inside of the polygon (even-odd rule) or on its boundary; others stay. Points
// may lie outside of the slice. skimage.draw.polygon2mask sets the same ones; on slanted edges that meet a centre but
// for rounding the two may differ.
void fill_polygon(const Contour& points, uint8_t* slice, int64_t nx, int64_t ny);

}  // namespace cmtl
