// Two slices of labels pass over the volume; labels that meet are united in a forest whose parents are always the
// smaller ones, so one pass from the smallest on resolves it. A label is made only where no earlier neighbour is of the
// same level, so what is kept is a few numbers per zone. Each thread labels a slab; where slabs meet their labels are
// united afterwards.
#include "radiomics/glszm.hpp"

#include <algorithm>
#include <tuple>

#include "base/parallel.hpp"
#include "radiomics/settings.hpp"

namespace cmtl {

namespace {

class Forest {
  public:
    int32_t add() {
        parents_.push_back(static_cast<int32_t>(parents_.size()));
        return parents_.back();
    }
    // The smallest label known to be of the same zone; the path to it is halved on the way.
    int32_t find(int32_t label) {
        int32_t* const p = parents_.data();
        while (p[label] != label) label = p[label] = p[p[label]];
        return label;
    }
    int32_t unite(int32_t a, int32_t b) {
        a = find(a), b = find(b);
        if (a == b) return a;
        if (b < a) std::swap(a, b);
        return parents_[static_cast<size_t>(b)] = a;
    }
    // `other`'s labels follow this forest's.
    void append(const Forest& other) {
        const auto base = static_cast<int32_t>(parents_.size());
        for (const int32_t p : other.parents_) parents_.push_back(p + base);
    }
    void reserve(size_t n) { parents_.reserve(n); }
    size_t size() const { return parents_.size(); }

  private:
    std::vector<int32_t> parents_;
};

template <class Level>
struct Slab {
    Forest forest;
    std::vector<int32_t> sizes;        // by label
    std::vector<Level> levels;         // by label
    std::vector<int32_t> top, bottom;  // labels of the first and the last slice, as in a plane of the volume

    void label(const Roi& roi, const LevelVolume<Level>& volume, int64_t first, int64_t last) {
        const int64_t row = volume.row(), plane = volume.plane();
        // Room for a label a voxel: pages that no label reaches are never touched.
        const auto first_run = static_cast<size_t>(roi.row_start[static_cast<size_t>(first * roi.size[1])]);
        const auto end_run = static_cast<size_t>(roi.row_start[static_cast<size_t>(last * roi.size[1])]);
        if (first_run == end_run) return;
        const auto most = static_cast<size_t>(roi.runs[end_run - 1].first + roi.runs[end_run - 1].count() -
                                              roi.runs[first_run].first);
        forest.reserve(most);
        sizes.reserve(most);
        levels.reserve(most);
        std::vector<int32_t> now(static_cast<size_t>(plane), 0), before(now);
        for (int64_t k = first; k < last; ++k) {
            for (int64_t j = 0; j < roi.size[1]; ++j)
                for (const RoiRun& run : roi.row(j, k)) {
                    const Level* v = volume.at(run.begin, j, k);
                    int32_t* here = now.data() + volume.offset(run.begin, j, 0) - volume.margin() * plane;
                    const int32_t* above = before.data() + (here - now.data());
                    for (int64_t i = 0; i < run.count(); ++i, ++v, ++here, ++above)
                        *here = voxel(v, here, above, row, plane, k > first);
                }
            if (k == first) top = now;
            std::swap(now, before);
        }
        bottom = std::move(before);
    }

  private:
    // The label of the voxel at v. Neighbours that are neighbours of each other need not be united again: so the one
    // above, whom all others touch, then the one in front, whom all but three touch, are asked first.
    int32_t voxel(const Level* v, const int32_t* here, const int32_t* above, int64_t row, int64_t plane,
                  bool has_above) {
        const Level level = *v;
        int32_t label = -1;
        const auto meet = [&](const Level* neighbour, const int32_t* its) {
            if (*neighbour != level) return;
            label = label < 0 ? *its : label == *its ? label : forest.unite(label, *its);
        };
        const Level* const over = v - plane;
        if (has_above && *over == level) {
            label = *above;
        } else if (v[-row] == level) {
            label = here[-row];
            if (has_above) {
                if (over[row] == level)
                    meet(over + row, above + row);
                else
                    meet(over + row - 1, above + row - 1), meet(over + row + 1, above + row + 1);
            }
        } else {
            meet(v - 1, here - 1);
            meet(v - row - 1, here - row - 1);
            meet(v - row + 1, here - row + 1);
            if (has_above)
                for (const int64_t r : {-row, int64_t{0}, row})
                    for (const int64_t c : {-1, 0, 1}) meet(over + r + c, above + r + c);
        }
        if (label < 0) {
            label = forest.add();
            sizes.push_back(0);
            levels.push_back(level);
        }
        ++sizes[static_cast<size_t>(label)];
        return label;
    }
};

}  // namespace

template <class Level>
std::vector<SizeCount> glszm_zones(const Roi& roi, const LevelVolume<Level>& volume, int levels) {
    const auto cuts = roi.slabs(omp_get_max_threads());
    std::vector<Slab<Level>> slabs(cuts.size() - 1);
#pragma omp parallel for schedule(static, 1)
    for (size_t t = 0; t < slabs.size(); ++t)
        if (cuts[t] < cuts[t + 1]) slabs[t].label(roi, volume, cuts[t], cuts[t + 1]);

    // All labels in one forest, and the seams.
    Forest forest;
    std::vector<int32_t> sizes;
    std::vector<Level> level_of;
    const Slab<Level>* before = nullptr;
    int32_t base_before = 0;
    for (size_t t = 0; t < slabs.size(); ++t) {
        Slab<Level>& slab = slabs[t];
        if (cuts[t] == cuts[t + 1]) continue;
        const auto base = static_cast<int32_t>(forest.size());
        if (slabs.size() == 1) {
            forest = std::move(slab.forest);
            sizes = std::move(slab.sizes);
            level_of = std::move(slab.levels);
        } else {
            forest.append(slab.forest);
            sizes.insert(sizes.end(), slab.sizes.begin(), slab.sizes.end());
            level_of.insert(level_of.end(), slab.levels.begin(), slab.levels.end());
        }
        if (before)
            for (int64_t j = 0; j < roi.size[1]; ++j)
                for (const RoiRun& run : roi.row(j, cuts[t]))
                    for (int64_t i = run.begin; i < run.end; ++i) {
                        const Level* v = volume.at(i, j, cuts[t]);
                        const auto here =
                            static_cast<size_t>(volume.offset(i, j, 0) - volume.margin() * volume.plane());
                        for (const int64_t r : {-volume.row(), int64_t{0}, volume.row()})
                            for (const int64_t c : {-1, 0, 1})
                                if (v[r + c - volume.plane()] == *v)
                                    forest.unite(
                                        slab.top[here] + base,
                                        before->bottom[static_cast<size_t>(static_cast<int64_t>(here) + r + c)] +
                                            base_before);
                    }
        before = &slab;
        base_before = base;
    }

    constexpr int64_t small = 64;
    std::vector<uint32_t> histogram(static_cast<size_t>(levels * small), 0);
    std::vector<std::pair<int, int64_t>> large;
    for (size_t label = sizes.size(); label-- > 0;) {  // children before their parents
        const auto root = static_cast<size_t>(forest.find(static_cast<int32_t>(label)));
        if (root != label)
            sizes[root] += sizes[label];
        else if (sizes[label] <= small)
            ++histogram[static_cast<size_t>((level_of[label] - 1) * small + sizes[label] - 1)];
        else
            large.emplace_back(level_of[label], sizes[label]);
    }
    return size_matrix_of(large, histogram, small);
}

template std::vector<SizeCount> glszm_zones(const Roi&, const LevelVolume<uint8_t>&, int);
template std::vector<SizeCount> glszm_zones(const Roi&, const LevelVolume<uint16_t>&, int);

std::vector<SizeCount> size_matrix_of(const std::vector<std::pair<int, int64_t>>& pieces,
                                      const std::vector<uint32_t>& histogram, int64_t small) {
    std::vector<SizeCount> out;
    for (size_t i = 0; i < histogram.size(); ++i)
        if (histogram[i])
            out.push_back({static_cast<int>(static_cast<int64_t>(i) / small) + 1, static_cast<int64_t>(i) % small + 1,
                           histogram[i]});
    for (const auto& [level, size] : pieces) out.push_back({level, size, 1});
    std::sort(out.begin(), out.end(), [](const SizeCount& a, const SizeCount& b) {
        return std::tie(a.level, a.size) < std::tie(b.level, b.size);
    });
    size_t kept = 0;
    for (size_t i = 0; i < out.size(); ++i) {
        if (kept && out[kept - 1].level == out[i].level && out[kept - 1].size == out[i].size)
            out[kept - 1].count += out[i].count;
        else
            out[kept++] = out[i];
    }
    out.resize(kept);
    return out;
}

std::vector<double> glszm_features(const std::vector<SizeCount>& zones) {
    const SizeFeatures f = size_features(zones);
    return {f.level_non_uniformity,
            f.level_non_uniformity_normalised,
            f.level_variance,
            f.high_level,
            f.large,
            f.large_high_level,
            f.large_low_level,
            f.low_level,
            f.size_non_uniformity,
            f.size_non_uniformity_normalised,
            f.small,
            f.small_high_level,
            f.small_low_level,
            f.entropy,
            f.percentage,
            f.size_variance};
}

}  // namespace cmtl
