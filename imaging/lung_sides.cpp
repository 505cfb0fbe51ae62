#include "imaging/lung_sides.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "imaging/components.hpp"
#include "imaging/morphology.hpp"

namespace cmtl {

namespace {

constexpr double smaller_share = 0.1;  // of both: less is a piece, not a lung
constexpr double apart_mm = 40;        // between the centres of two lungs, left to right
constexpr float body_hu = -300;
constexpr double radii[] = {0, 1, 2, 3, 4.5, 6.5, 9, 12};

struct Pair {
    size_t right = 0, left = 0;
    bool found = false;
};

Pair two_lungs(const Components& parts, double spacing) {
    const auto& list = parts.list();
    Pair pair;
    if (list.size() < 2) return pair;
    std::vector<size_t> order(list.size());
    for (size_t n = 0; n < order.size(); ++n) order[n] = n;
    std::partial_sort(order.begin(), order.begin() + 2, order.end(),
                      [&](size_t a, size_t b) { return list[a].voxels > list[b].voxels; });
    const Component &a = list[order[0]], &b = list[order[1]];
    pair.found = static_cast<double>(b.voxels) >= smaller_share * static_cast<double>(a.voxels + b.voxels) &&
                 std::abs(a.centre[0] - b.centre[0]) * spacing >= apart_mm;
    pair.right = a.centre[0] < b.centre[0] ? order[0] : order[1];
    pair.left = a.centre[0] < b.centre[0] ? order[1] : order[0];
    return pair;
}

// Breadth first from both seeds at once; `labels` holds 1 and 2 at the seeds, 3 where unknown, 0 outside.
void grow(Mask& labels) {
    const int64_t nx = labels.nx(), plane = nx * labels.ny(), count = std::ssize(labels.voxels);
    std::vector<int64_t> front, next;
    const auto spread = [&](int64_t from, auto&& reached) {
        const int64_t i = from % nx, in_slice = from % plane;
        const auto look = [&](int64_t at) {
            if (labels.voxels[static_cast<size_t>(at)] == 3) reached(at);
        };
        if (i > 0) look(from - 1);
        if (i + 1 < nx) look(from + 1);
        if (in_slice >= nx) look(from - nx);
        if (in_slice + nx < plane) look(from + nx);
        if (from >= plane) look(from - plane);
        if (from + plane < count) look(from + plane);
    };
    for (int64_t at = 0; at < count; ++at) {
        const uint8_t v = labels.voxels[static_cast<size_t>(at)];
        if (v != 1 && v != 2) continue;
        bool edge = false;
        spread(at, [&](int64_t) { edge = true; });
        if (edge) front.push_back(at);
    }
    while (!front.empty()) {
        next.clear();
        for (int64_t from : front)
            spread(from, [&](int64_t at) {
                labels.voxels[static_cast<size_t>(at)] = labels.voxels[static_cast<size_t>(from)];
                next.push_back(at);
            });
        front.swap(next);
    }
}

}  // namespace

namespace {

// Which lung it is, if there is one. In a scan with air on both sides of the patient: where it lies in the body. Else
// the image may be cropped to it, and its shape tells: the chest wall is convex, heart and hilum are not.
uint8_t only_side(const Volume& hu, const Mask& lungs) {
    const Components parts(lungs, {});
    const auto& list = parts.list();
    const auto main = std::max_element(list.begin(), list.end(),
                                       [](const Component& a, const Component& b) { return a.voxels < b.voxels; });
    const auto which = static_cast<int32_t>(main - list.begin());
    const int64_t middle = (main->low[2] + main->high[2]) / 2;
    int64_t first = hu.nx(), last = -1;
    for (int64_t j = 0; j < hu.ny(); ++j)
        for (int64_t i = 0; i < hu.nx(); ++i)
            if (hu.at(i, j, middle) > body_hu) first = std::min(first, i), last = std::max(last, i);
    const double away = 0.15 * static_cast<double>(last - first),
                 off = main->centre[0] - 0.5 * static_cast<double>(first + last);
    if (first > 0 && last + 1 < hu.nx() && std::abs(off) > away) return off < 0 ? 1 : 2;
    // Room between the lung and its bounding box, in the middle third from front to back, half of its height.
    double before = 0, behind = 0;
    const int64_t depth = main->high[1] - main->low[1], height = main->high[2] - main->low[2];
    for (int64_t k = main->low[2] + height / 4; k <= main->high[2] - height / 4; ++k)
        for (int64_t j = main->low[1] + depth / 3; j <= main->high[1] - depth / 3; ++j) {
            int64_t begin = -1, end = -1;
            for (const Components::Run& run : parts.row(j, k)) {
                if (run.component != which) continue;
                if (begin < 0) begin = run.begin;
                end = run.end;
            }
            if (begin < 0) continue;
            before += static_cast<double>(begin - main->low[0]), behind += static_cast<double>(main->high[0] + 1 - end);
        }
    return before < behind ? 1 : 2;
}

}  // namespace

bool part_lungs(const Volume& hu, Mask& lungs) {
    const Box box = bounding_box(lungs);
    if (box.empty()) return false;
    const Mask whole = crop(lungs, box, {1, 1, 1});
    const double spacing = lungs.geometry.spacing[0];
    double radius_before = -1;
    for (double radius : radii) {
        // A radius below one voxel erodes nothing that a smaller one did not.
        if (radius > 0 && radius < lungs.geometry.spacing[0] && radius_before >= 0) continue;
        radius_before = radius;
        Mask labels = radius > 0 ? erode(whole, radius, Element::ball) : whole;
        const Components parts(labels, {});
        const Pair pair = two_lungs(parts, spacing);
        if (!pair.found) continue;
        std::vector<uint8_t> side(parts.list().size(), 3);
        side[pair.right] = 1, side[pair.left] = 2;
        for (size_t n = 0; n < labels.voxels.size(); ++n) labels.voxels[n] = whole.voxels[n] ? 3 : 0;
        parts.paint(labels, side);
        grow(labels);
        // Pieces that touch neither lung go to the nearer centre.
        const double a = parts.list()[pair.right].centre[0], b = parts.list()[pair.left].centre[0];
        for (int64_t k = box.low[2]; k <= box.high[2]; ++k)
            for (int64_t j = box.low[1]; j <= box.high[1]; ++j)
                for (int64_t i = box.low[0]; i <= box.high[0]; ++i) {
                    uint8_t v = labels.at(i - box.low[0] + 1, j - box.low[1] + 1, k - box.low[2] + 1);
                    if (v == 3) v = 2 * static_cast<double>(i - box.low[0] + 1) < a + b ? 1 : 2;
                    lungs.at(i, j, k) = v;
                }
        return true;
    }
    const uint8_t side = only_side(hu, lungs);
    for (uint8_t& v : lungs.voxels) v = v ? side : 0;
    return false;
}

}  // namespace cmtl
