#include "imaging/components.hpp"

#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <random>

#include "imaging/morphology.hpp"

namespace cmtl {
namespace {

Mask random_mask(const Index3& size, unsigned percent, unsigned seed) {
    Geometry g;
    g.size = size;
    Mask mask(g);
    std::mt19937 random(seed);
    for (uint8_t& v : mask.voxels) v = random() % 100 < percent;
    return mask;
}

// Labels by flood fill, the plain definition: 0 outside, components counted from 1 in the order of their first voxel.
std::vector<int> flood(const Mask& mask, const ComponentOptions& options, int* count) {
    std::vector<int> label(mask.voxels.size(), 0);
    *count = 0;
    for (int64_t at = 0; at < std::ssize(mask.voxels); ++at) {
        if ((mask.voxels[static_cast<size_t>(at)] != 0) == options.background || label[static_cast<size_t>(at)])
            continue;
        ++*count;
        std::queue<int64_t> queue({at});
        label[static_cast<size_t>(at)] = *count;
        while (!queue.empty()) {
            const int64_t v = queue.front(), i = v % mask.nx(), j = v / mask.nx() % mask.ny(),
                          k = v / mask.nx() / mask.ny();
            queue.pop();
            for (int64_t dk = -1; dk <= 1; ++dk)
                for (int64_t dj = -1; dj <= 1; ++dj)
                    for (int64_t di = -1; di <= 1; ++di) {
                        if (options.in_slices && dk) continue;
                        if (options.connectivity == Connectivity::faces &&
                            std::abs(di) + std::abs(dj) + std::abs(dk) > 1)
                            continue;
                        if (i + di < 0 || j + dj < 0 || k + dk < 0 || i + di >= mask.nx() || j + dj >= mask.ny() ||
                            k + dk >= mask.nz())
                            continue;
                        const auto n = static_cast<size_t>(mask.offset(i + di, j + dj, k + dk));
                        if ((mask.voxels[n] != 0) == options.background || label[n]) continue;
                        label[n] = *count;
                        queue.push(static_cast<int64_t>(n));
                    }
        }
    }
    return label;
}

TEST(Components, EqualAFloodFill) {
    for (unsigned seed = 0; seed < 6; ++seed)
        for (auto connectivity : {Connectivity::faces, Connectivity::corners})
            for (bool in_slices : {false, true})
                for (bool background : {false, true}) {
                    const Mask mask = random_mask({19 + seed, 11, 7}, 20 + 10 * seed, seed);
                    const ComponentOptions options{connectivity, in_slices, background};
                    int count = 0;
                    const std::vector<int> expected = flood(mask, options, &count);
                    const Components parts(mask, options);
                    ASSERT_EQ(std::ssize(parts.list()), count);
                    std::vector<int> label(mask.voxels.size(), 0);
                    for (int64_t k = 0; k < mask.nz(); ++k)
                        parts.visit_slice(
                            k, [&](int32_t c, int64_t at, int64_t n) { std::fill_n(label.begin() + at, n, c + 1); });
                    ASSERT_EQ(label, expected);
                    std::map<int, int64_t> sizes;
                    for (int l : label) ++sizes[l];
                    for (int c = 0; c < count; ++c)
                        EXPECT_EQ(parts.list()[static_cast<size_t>(c)].voxels, sizes[c + 1]);
                }
}

TEST(Components, MeasuresAndBorders) {
    Geometry g;
    g.size = {10, 8, 6};
    Mask mask(g);
    for (int64_t i = 3; i <= 5; ++i) mask.at(i, 2, 4) = 1;
    mask.at(0, 7, 0) = 1;
    const Components parts(mask, {});
    ASSERT_EQ(parts.list().size(), 2u);
    const Component& line = parts.list()[1];
    EXPECT_EQ(line.low, (Index3{3, 2, 4}));
    EXPECT_EQ(line.high, (Index3{5, 2, 4}));
    EXPECT_DOUBLE_EQ(line.centre[0], 4);
    EXPECT_FALSE(line.touches_sides);
    EXPECT_FALSE(line.touches_ends);
    EXPECT_TRUE(parts.list()[0].touches_sides);
    EXPECT_TRUE(parts.list()[0].touches_ends);
    parts.paint(mask, std::vector<uint8_t>{0, 7});
    EXPECT_EQ(mask.at(0, 7, 0), 0);
    EXPECT_EQ(mask.at(4, 2, 4), 7);
}

// The plain definition, on a spacing that differs by axis.
Mask plain_dilation(const Mask& mask, double radius, Element element) {
    Mask out(mask.geometry);
    const Vector3& s = mask.geometry.spacing;
    for (int64_t k = 0; k < mask.nz(); ++k)
        for (int64_t j = 0; j < mask.ny(); ++j)
            for (int64_t i = 0; i < mask.nx(); ++i)
                for (int64_t z = 0; z < mask.nz(); ++z)
                    for (int64_t y = 0; y < mask.ny(); ++y)
                        for (int64_t x = 0; x < mask.nx(); ++x) {
                            if (!mask.at(x, y, z) || (element == Element::disk && z != k)) continue;
                            const double dx = double(x - i) * s[0], dy = double(y - j) * s[1],
                                         dz = double(z - k) * s[2];
                            if (dx * dx + dy * dy + dz * dz <= radius * radius) out.at(i, j, k) = 1;
                        }
    return out;
}

TEST(Morphology, DilationAndErosionAreTheirDefinitions) {
    for (unsigned seed = 0; seed < 3; ++seed)
        for (Element element : {Element::disk, Element::ball})
            for (double radius : {0.5, 2.2, 4.0}) {
                Mask mask = random_mask({14, 12, 9}, 4, seed);
                mask.geometry.spacing = {0.8, 1.1, 2};
                EXPECT_EQ(dilate(mask, radius, element).voxels, plain_dilation(mask, radius, element).voxels);
                Mask complement = mask;
                for (uint8_t& v : complement.voxels) v = !v;
                Mask eroded = plain_dilation(mask, radius, element);
                for (uint8_t& v : eroded.voxels) v = !v;
                EXPECT_EQ(erode(complement, radius, element).voxels, eroded.voxels);
            }
}

TEST(Morphology, ClosingAtTheEdgeIsClosingInTheMiddle) {
    // The same blob in the corner of a small grid and in the middle of a large one.
    const Mask blob = random_mask({9, 9, 9}, 15, 4);
    Geometry g;
    g.size = {29, 29, 29};
    Mask large(g);
    paste(large, blob, {10, 10, 10});
    for (Element element : {Element::disk, Element::ball}) {
        const Mask closed = close(large, 3, element), small = close(blob, 3, element);
        for (int64_t k = 0; k < 9; ++k)
            for (int64_t j = 0; j < 9; ++j)
                for (int64_t i = 0; i < 9; ++i) {
                    ASSERT_EQ(closed.at(i + 10, j + 10, k + 10), small.at(i, j, k));
                    ASSERT_GE(small.at(i, j, k), blob.at(i, j, k));
                }
    }
}

TEST(Morphology, HolesAreFilledInTheirDimension) {
    Geometry g;
    g.size = {7, 7, 5};
    Mask tube(g);  // open at both ends
    for (int64_t k = 0; k < 5; ++k)
        for (int64_t j = 1; j < 6; ++j)
            for (int64_t i = 1; i < 6; ++i) tube.at(i, j, k) = !(i == 3 && j == 3);
    Mask in_slices = tube;
    fill_holes(in_slices, Element::disk);
    EXPECT_EQ(in_slices.at(3, 3, 2), 1);
    EXPECT_EQ(in_slices.at(0, 0, 2), 0);
    Mask in_volume = tube;
    fill_holes(in_volume, Element::ball);
    EXPECT_EQ(in_volume.at(3, 3, 2), 0);
    tube.at(3, 3, 0) = tube.at(3, 3, 4) = 1;
    fill_holes(tube, Element::ball);
    EXPECT_EQ(tube.at(3, 3, 2), 1);
}

}  // namespace
}  // namespace cmtl
