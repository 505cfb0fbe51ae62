// Scans that are cropped to the chest or to one lung, and round fields of view smaller than the chest: the lung at the
// image's sides is found, the table under the patient is not. The truth is the phantom's own mask.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "imaging/lungs.hpp"
#include "imaging/morphology.hpp"
#include "imaging/phantom.hpp"

namespace cmtl {
namespace {

template <class T>
Image<T> cut(const Image<T>& image, const Box& box) {
    Geometry g = image.geometry;
    for (size_t a = 0; a < 3; ++a) {
        g.size[a] = box.high[a] - box.low[a] + 1;
        g.origin[a] += static_cast<double>(box.low[a]) * g.spacing[a];
    }
    Image<T> out(g);
    for (int64_t k = 0; k < out.nz(); ++k)
        for (int64_t j = 0; j < out.ny(); ++j)
            for (int64_t i = 0; i < out.nx(); ++i)
                out.at(i, j, k) = image.at(i + box.low[0], j + box.low[1], k + box.low[2]);
    return out;
}

double dice(const Mask& a, const Mask& b, uint8_t label) {
    double in_a = 0, in_b = 0, both = 0;
    for (size_t n = 0; n < a.voxels.size(); ++n) {
        const bool x = a.voxels[n] == label, y = b.voxels[n] == label;
        in_a += x, in_b += y, both += x && y;
    }
    return 2 * both / (in_a + in_b);
}

bool has(const Lungs& lungs, const std::string& flag) {
    return std::count(lungs.flags.begin(), lungs.flags.end(), flag) > 0;
}

class CroppedLungs : public testing::Test {
  protected:
    CroppedLungs() : phantom_(phantom_case(2, PhantomOptions())), box_(bounding_box(phantom_.lungs)) {}

    // The box of the lungs, or of one, widened by so many mm along an axis.
    Box around(Box box, double x, double y, double z) const {
        const double mm[] = {x, y, z};
        for (size_t a = 0; a < 3; ++a) {
            const int64_t by = std::llround(mm[a] / phantom_.hu.geometry.spacing[a]);
            box.low[a] = std::max<int64_t>(0, box.low[a] - by);
            box.high[a] = std::min(phantom_.hu.geometry.size[a] - 1, box.high[a] + by);
        }
        return box;
    }
    static constexpr double all = 1000;

    PhantomCase phantom_;
    Box box_;
};

TEST_F(CroppedLungs, BothLungsStay) {
    struct Case {
        double x, y, z;
        bool at_sides;
    };
    for (const Case& c : {Case{-6, -6, 5, true},
                          {-14, all, all, true},
                          {all, -14, all, true},
                          {-14, -14, -10, true},
                          {0, 0, 0, false},
                          {all, all, all, false}}) {
        const Box box = around(box_, c.x, c.y, c.z);
        const Lungs lungs = segment_lungs(cut(phantom_.hu, box));
        const Mask truth = cut(phantom_.lungs, box);
        const std::string what = std::to_string(c.x) + " " + std::to_string(c.y);
        for (uint8_t side : {uint8_t{1}, uint8_t{2}}) EXPECT_GT(dice(lungs.mask, truth, side), 0.98) << what;
        if (c.at_sides) {
            EXPECT_TRUE(has(lungs, "cut_at_sides")) << what;
            EXPECT_GT(lungs.side_mm2, 500) << what;
        }
    }
}

TEST_F(CroppedLungs, ARoundFieldOfViewIsNoAir) {
    const int64_t half = (box_.high[0] - box_.low[0]) / 2 - 3, x0 = (box_.low[0] + box_.high[0]) / 2,
                  y0 = (box_.low[1] + box_.high[1]) / 2;
    Box box{{x0 - half, y0 - half, 0}, {x0 + half, y0 + half, phantom_.hu.nz() - 1}};
    for (size_t a : {size_t{0}, size_t{1}}) {
        box.low[a] = std::max<int64_t>(0, box.low[a]);
        box.high[a] = std::min(phantom_.hu.geometry.size[a] - 1, box.high[a]);
    }
    Volume hu = cut(phantom_.hu, box);
    Mask truth = cut(phantom_.lungs, box);
    const double ci = 0.5 * static_cast<double>(hu.nx() - 1), cj = 0.5 * static_cast<double>(hu.ny() - 1);
    for (int64_t k = 0; k < hu.nz(); ++k)
        for (int64_t j = 0; j < hu.ny(); ++j)
            for (int64_t i = 0; i < hu.nx(); ++i)
                if (std::hypot(static_cast<double>(i) - ci, static_cast<double>(j) - cj) > std::min(ci, cj))
                    hu.at(i, j, k) = -1024, truth.at(i, j, k) = 0;
    const Lungs lungs = segment_lungs(hu);
    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) EXPECT_GT(dice(lungs.mask, truth, side), 0.96);
}

// The side is told by the chest wall's and the mediastinum's shape: the image's middle says nothing.
TEST_F(CroppedLungs, OneLungIsRightOrLeft) {
    for (uint8_t side : {uint8_t{1}, uint8_t{2}})
        for (double mm : {10.0, 0.0, -6.0}) {
            const Box box = around(bounding_box(labelled(phantom_.lungs, side)), mm, mm, mm);
            const Lungs lungs = segment_lungs(cut(phantom_.hu, box));
            EXPECT_TRUE(has(lungs, "one_lung")) << mm;
            EXPECT_GT(dice(lungs.mask, cut(phantom_.lungs, box), side), 0.95) << int{side} << " " << mm;
        }
}

// A mattress and a table of foam under a wide patient reach the image's sides as a cropped lung does.
TEST_F(CroppedLungs, TheTableIsNoLung) {
    Box box = around(box_, 25, all, all);
    Volume hu = cut(phantom_.hu, box);
    const Mask truth = cut(phantom_.lungs, box);
    int64_t back = 0;
    for (int64_t j = 0; j < hu.ny(); ++j)
        if (hu.at(hu.nx() / 2, j, hu.nz() / 2) > -300) back = j;
    const int64_t thick = std::llround(35 / hu.geometry.spacing[1]);
    for (int64_t k = 0; k < hu.nz(); ++k)
        for (int64_t j = 0; j < hu.ny(); ++j)
            for (int64_t i = 0; i < hu.nx(); ++i) {
                const int64_t depth = j - back;
                if (hu.at(i, j, k) > -300 && depth <= 0) continue;
                if (depth > 0 && depth <= thick) hu.at(i, j, k) = -900;
                if (depth == thick + 1) hu.at(i, j, k) = 100;
                if (depth > thick + 1) hu.at(i, j, k) = -1000;
            }
    const Lungs lungs = segment_lungs(hu);
    for (uint8_t side : {uint8_t{1}, uint8_t{2}}) EXPECT_GT(dice(lungs.mask, truth, side), 0.99);
    EXPECT_FALSE(has(lungs, "cut_at_sides"));
}

}  // namespace
}  // namespace cmtl
