// Groups of images inside of one series (io/dicom_series.hpp).
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "io/dicom_decode.hpp"
#include "io/dicom_stack.hpp"

namespace cmtl {

namespace {

using Images = std::vector<DicomImage>;

struct Group {
    Images images;      // sorted along the normal
    std::string label;  // what tells it from others of its grid: "acquisition number 2"
    DicomSteps steps;
};

// What two groups differ in; in the order of their weight.
enum class Difference { none, spacing, size, orientation };

Difference difference(const DicomImage& a, const DicomImage& b) {
    for (size_t n = 0; n < 6; ++n)
        if (std::abs((*a.at.orientation)[n] - (*b.at.orientation)[n]) > 1e-3) return Difference::orientation;
    if (a.header().rows != b.header().rows || a.header().columns != b.header().columns) return Difference::size;
    for (size_t n = 0; n < 2; ++n)
        if (std::abs((*a.at.spacing)[n] - (*b.at.spacing)[n]) > 1e-3 * (*a.at.spacing)[n]) return Difference::spacing;
    return Difference::none;
}

std::vector<Images> split_by_grid(Images images) {
    std::vector<Images> groups;
    for (DicomImage& image : images) {
        auto group = std::find_if(groups.begin(), groups.end(),
                                  [&](const Images& g) { return difference(g[0], image) == Difference::none; });
        if (group == groups.end()) group = groups.emplace(groups.end());
        group->push_back(std::move(image));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Images& a, const Images& b) { return a.size() > b.size(); });
    return groups;
}

// A few images that look across the rest, whatever their type says.
void set_strays_aside(std::vector<Images>& groups, const DicomReading& reading) {
    const Images& main = groups[0];
    const Vector3 n = normal_axis(main[0].at);
    for (size_t g = groups.size(); g-- > 1;) {
        const Vector3 m = normal_axis(groups[g][0].at);
        const double cosine = std::abs(n[0] * m[0] + n[1] * m[1] + n[2] * m[2]);
        if (groups[g].size() > 3 || groups[g].size() * 10 > main.size() || cosine > 0.98) continue;
        reading.warn(fmt::format("{} image{} of another orientation (a localiser?) set aside: {}", groups[g].size(),
                                 groups[g].size() == 1 ? "" : "s", groups[g][0].name()));
        groups.erase(groups.begin() + static_cast<int64_t>(g));
    }
}

bool same_position(const DicomImage& a, const DicomImage& b) {
    for (size_t n = 0; n < 3; ++n)
        if (std::abs((*a.at.position)[n] - (*b.at.position)[n]) > same_place) return false;
    return true;
}

// Drops images that `copy(kept, image)` calls a copy of one at the same place; images are sorted.
template <class Copy>
void drop_copies(Images& images, const DicomReading& reading, const Copy& copy) {
    Images kept;
    int64_t dropped = 0;
    std::string example;
    for (DicomImage& image : images) {
        bool found = false;
        // Of a heap of images at one place the latest are looked at.
        const size_t first = kept.size() - std::min<size_t>(kept.size(), 64);
        for (size_t n = kept.size(); n-- > first && !found && image.along - kept[n].along < same_place;)
            if (same_position(kept[n], image) && copy(kept[n], image)) {
                found = true;
                if (dropped++ == 0) example = fmt::format("{} of {}", image.name(), kept[n].name());
            }
        if (!found) kept.push_back(std::move(image));
    }
    images = std::move(kept);
    if (dropped)
        reading.warn(
            fmt::format("{} duplicate slice{} dropped (for example {})", dropped, dropped == 1 ? "" : "s", example));
}

void drop_equal_pixels(Images& images, const DicomReading& reading) {
    std::vector<DicomImage> doubled;
    for (size_t n = 1; n < images.size(); ++n)
        if (images[n].along - images[n - 1].along < same_place)
            doubled.push_back(images[n - 1]), doubled.push_back(images[n]);
    // A compressed multi-frame file is decoded as a whole: that is not done to compare frames.
    for (const DicomImage& image : doubled)
        if (image.header().frames > 1 && image.header().encapsulated) return;
    const DicomPixels<float> pixels(doubled, false);
    const auto decoded = [&](const DicomImage& image) {
        std::vector<float> voxels(static_cast<size_t>(image.header().rows * image.header().columns));
        pixels.decode(image, voxels);
        return voxels;
    };
    bool differ = false;  // then the series is refused: there is no need to look at the others
    drop_copies(images, reading, [&](const DicomImage& a, const DicomImage& b) {
        differ = differ || decoded(a) != decoded(b);
        return !differ;
    });
}

Group grouped(Images images, std::string label) {
    Group g{std::move(images), std::move(label), {}};
    sort_along_normal(g.images);
    g.steps = measure_steps(g.images);
    return g;
}

bool long_enough(const Group& g, const DicomReading& reading) {
    return std::ssize(g.images) >= std::max<int64_t>(2, reading.options.min_slices);
}

// Splits a group with double positions by the first attribute, from `first` on, that leaves a stack without.
std::vector<Group> split_doubles(Group group, size_t first, const DicomReading& reading) {
    std::vector<Group> whole;
    if (group.steps.doubles == 0) {
        whole.push_back(std::move(group));
        return whole;
    }
    for (size_t mark = first; mark < dicom_marks.size(); ++mark) {
        std::map<std::string, Images> parts;
        for (const DicomImage& image : group.images) parts[image.at.marks[mark]].push_back(image);
        if (parts.size() < 2) continue;
        std::vector<Group> split;
        bool clean = false;
        for (auto& [value, images] : parts) {
            std::string label = fmt::format("{}{}{} {}", group.label, group.label.empty() ? "" : ", ",
                                            dicom_marks[mark], value.empty() ? "not given" : value);
            Group part = grouped(std::move(images), std::move(label));
            clean = clean || (part.steps.doubles == 0 && long_enough(part, reading));
            for (Group& leaf : split_doubles(std::move(part), mark + 1, reading)) {
                clean = clean || (leaf.steps.doubles == 0 && long_enough(leaf, reading));
                split.push_back(std::move(leaf));
            }
        }
        if (clean) return split;
    }
    whole.push_back(std::move(group));
    return whole;
}

std::string side(const DicomImage& image) {
    const Vector3 n = normal_axis(image.at);
    const std::array<const char*, 3> names{"sagittal", "coronal", "axial"};
    for (size_t a = 0; a < 3; ++a)
        if (std::abs(n[a]) > 0.8) return names[a];
    return "oblique";
}

std::string listed(const std::vector<Group>& groups) {
    std::string text;
    for (size_t g = 0; g < groups.size() && g < 12; ++g) {
        const Group& one = groups[g];
        const DicomImage& image = one.images[0];
        text += fmt::format("{}{}: {} {} slice{} of {} x {} at {:.3g} x {:.3g} mm from {:.1f} to {:.1f} mm{}{} ({})",
                            g ? "; " : "", g + 1, one.images.size(), side(image), one.images.size() == 1 ? "" : "s",
                            image.header().columns, image.header().rows, (*image.at.spacing)[1], (*image.at.spacing)[0],
                            one.images.front().along, one.images.back().along, one.label.empty() ? "" : ", ", one.label,
                            image.name());
    }
    return text + (groups.size() > 12 ? fmt::format("; and {} more", groups.size() - 12) : "");
}

std::string what_differs(const std::vector<Group>& groups) {
    Difference most = Difference::none;
    for (const Group& g : groups) most = std::max(most, difference(groups[0].images[0], g.images[0]));
    if (most == Difference::orientation)
        return fmt::format("mixed orientation: the slices have {} different orientations or sizes", groups.size());
    if (most == Difference::size) return "mixed sizes: the series has slices of several sizes";
    if (most == Difference::spacing) return "mixed pixel spacing: the series has slices of several";
    return fmt::format("{} stacks lie at the same place", groups.size());
}

// The one group that can be taken without asking.
std::optional<size_t> unasked(const std::vector<Group>& groups, const DicomReading& reading) {
    const Group& first = groups[0];  // the largest
    if (!long_enough(first, reading) || first.steps.doubles) return std::nullopt;
    if (!first.steps.uniform() && !reading.options.allow_gaps) return std::nullopt;
    const double margin = 0.5 * first.steps.step;
    for (size_t g = 1; g < groups.size(); ++g) {
        const Group& other = groups[g];
        if (difference(first.images[0], other.images[0]) == Difference::orientation) return std::nullopt;
        if (other.images.size() >= first.images.size()) return std::nullopt;
        if (other.images.front().along < first.images.front().along - margin ||
            other.images.back().along > first.images.back().along + margin)
            return std::nullopt;
    }
    return 0;
}

}  // namespace

std::vector<DicomImage> choose_group(std::vector<DicomImage> images, const DicomReading& reading) {
    std::vector<Images> grids = split_by_grid(std::move(images));
    set_strays_aside(grids, reading);
    std::vector<Group> groups;
    for (Images& grid : grids) {
        sort_along_normal(grid);
        drop_copies(grid, reading, [](const DicomImage& a, const DicomImage& b) {
            return a.frame == b.frame && !a.header().sop_uid.empty() && a.header().sop_uid == b.header().sop_uid;
        });
        for (Group& g : split_doubles(grouped(std::move(grid), ""), 0, reading)) {
            if (g.steps.doubles && g.steps.doubles < std::ssize(g.images) - 1) {
                drop_equal_pixels(g.images, reading);
                g.steps = measure_steps(g.images);
            }
            groups.push_back(std::move(g));
        }
    }
    if (groups.size() == 1 && reading.options.group <= 1) return std::move(groups[0].images);
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.images.size() > b.images.size(); });
    if (const int64_t asked = reading.options.group; asked > 0) {
        if (asked > std::ssize(groups))
            fail(ErrorKind::input, "dicom", "{}: no group {}; the series has {}", reading.where, asked, listed(groups));
        return std::move(groups[static_cast<size_t>(asked - 1)].images);
    }
    const std::optional<size_t> taken = unasked(groups, reading);
    if (!taken)
        fail(ErrorKind::input, "dicom", "{}: {}{}: choose with --group N: {}", reading.where, what_differs(groups),
             reading.aside, listed(groups));
    reading.warn(fmt::format("{}; taking the first: choose with --group N: {}", what_differs(groups), listed(groups)));
    return std::move(groups[*taken].images);
}

}  // namespace cmtl
