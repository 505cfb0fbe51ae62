#pragma once
// Connected components by runs and union-find: memory grows with the outline, not with the volume.
#include <cstdint>
#include <span>
#include <vector>

#include "imaging/volume.hpp"

namespace cmtl {

enum class Connectivity { faces, corners };  // 6 or 26 neighbours; within slices 4 or 8

struct ComponentOptions {
    Connectivity connectivity = Connectivity::faces;
    bool in_slices = false;   // 2-D components of every axial slice
    bool background = false;  // of the zero voxels instead of the others
};

struct Component {
    int64_t voxels = 0;
    Index3 low{}, high{};        // bounding box, both ends inside
    Vector3 centre{};            // mean index
    bool touches_sides = false;  // reaches the first or last i or j
    bool touches_ends = false;   // reaches the first or last k
};

class Components {
  public:
    struct Run {
        int32_t begin, end;  // voxels begin..end-1 of a row
        int32_t component;
    };

    Components(const Mask& mask, const ComponentOptions& options);
    // From labels that were found elsewhere: 0 outside, the components from 1 on in the order of their first voxel.
    Components(const Index3& size, std::span<const int32_t> labels);

    // In the order of their first voxel.
    const std::vector<Component>& list() const { return list_; }
    std::span<const Run> row(int64_t j, int64_t k) const {
        const size_t r = static_cast<size_t>(k * size_[1] + j);
        return std::span(runs_).subspan(static_cast<size_t>(starts_[r]),
                                        static_cast<size_t>(starts_[r + 1] - starts_[r]));
    }
    // Calls visit(component, offset of the first voxel, voxels) for every run of slice k, in order.
    template <class Visit>
    void visit_slice(int64_t k, Visit&& visit) const {
        for (int64_t j = 0; j < size_[1]; ++j)
            for (const Run& run : row(j, k))
                visit(run.component, (k * size_[1] + j) * size_[0] + run.begin, int64_t{run.end} - run.begin);
    }
    // Writes value_of[component] into the voxels of the components; the other voxels stay.
    void paint(Mask& mask, std::span<const uint8_t> value_of) const;

  private:
    // sweep(row, emit) calls emit(begin, end) for each run of a row, in order.
    template <class Sweep>
    void find_runs(const Sweep& sweep);
    // list_ from runs: component_of(n) is run n's, components' numbers ascend with their first run.
    template <class ComponentOf>
    void measure(const ComponentOf& component_of);

    Index3 size_;
    std::vector<Run> runs_;
    std::vector<int64_t> starts_;  // first run of each row, and the end
    std::vector<Component> list_;
};

}  // namespace cmtl
