#include "imaging/components.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/parallel.hpp"

namespace cmtl {

namespace {

// The first voxel from `i` on whose being set differs from `set`; eight at a time.
int64_t next_change(const uint8_t* row, int64_t i, int64_t n, bool set) {
    while (i < n) {
        if (i + 8 <= n) {
            uint64_t eight;
            std::memcpy(&eight, row + i, 8);
            const bool none = eight == 0;
            const bool all =
                ((eight - 0x0101010101010101ull) & ~eight & 0x8080808080808080ull) == 0;  // no byte is zero
            if (set ? all : none) {
                i += 8;
                continue;
            }
        }
        if ((row[i] != 0) != set) return i;
        ++i;
    }
    return n;
}

int32_t find_root(std::vector<int32_t>& parent, int32_t x) {
    while (parent[static_cast<size_t>(x)] != x) {
        parent[static_cast<size_t>(x)] = parent[static_cast<size_t>(parent[static_cast<size_t>(x)])];
        x = parent[static_cast<size_t>(x)];
    }
    return x;
}

// The smaller index stays root: components come out in the order of their first run.
void unite(std::vector<int32_t>& parent, int32_t a, int32_t b) {
    a = find_root(parent, a), b = find_root(parent, b);
    if (a < b)
        parent[static_cast<size_t>(b)] = a;
    else
        parent[static_cast<size_t>(a)] = b;
}

}  // namespace

// In two sweeps: count, then fill.
template <class Sweep>
void Components::find_runs(const Sweep& sweep) {
    const int64_t rows = size_[1] * size_[2];
    require(size_[0] < INT32_MAX, "components", "rows of {} voxels", size_[0]);
    std::vector<int64_t> counts(static_cast<size_t>(rows));
    parallel_ranges(rows, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; ++r) {
            int64_t n = 0;
            sweep(r, [&](int64_t, int64_t) { ++n; });
            counts[static_cast<size_t>(r)] = n;
        }
    });
    starts_.resize(static_cast<size_t>(rows) + 1);
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r) starts_[r + 1] = starts_[r] + counts[r];
    require(starts_.back() < INT32_MAX, "components", "{} runs", starts_.back());
    runs_.resize(static_cast<size_t>(starts_.back()));
    parallel_ranges(rows, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; ++r) {
            auto at = static_cast<size_t>(starts_[static_cast<size_t>(r)]);
            sweep(r, [&](int64_t begin, int64_t end) {
                runs_[at++] = {static_cast<int32_t>(begin), static_cast<int32_t>(end), 0};
            });
        }
    });
}

template <class ComponentOf>
void Components::measure(const ComponentOf& component_of) {
    const int64_t nx = size_[0];
    for (size_t r = 0; r + 1 < starts_.size(); ++r) {
        const int64_t j = static_cast<int64_t>(r) % size_[1], k = static_cast<int64_t>(r) / size_[1];
        for (auto n = static_cast<size_t>(starts_[r]); n < static_cast<size_t>(starts_[r + 1]); ++n) {
            Run& run = runs_[n];
            run.component = component_of(n);
            if (run.component == std::ssize(list_))
                list_.push_back({0, {run.begin, j, k}, {run.end - 1, j, k}, {}, false, false});
            Component& c = list_[static_cast<size_t>(run.component)];
            const int64_t length = run.end - run.begin;
            c.voxels += length;
            c.low = {std::min<int64_t>(c.low[0], run.begin), std::min(c.low[1], j), std::min(c.low[2], k)};
            c.high = {std::max<int64_t>(c.high[0], run.end - 1), std::max(c.high[1], j), std::max(c.high[2], k)};
            const auto weight = static_cast<double>(length);
            c.centre[0] += weight * 0.5 * static_cast<double>(run.begin + run.end - 1);
            c.centre[1] += weight * static_cast<double>(j);
            c.centre[2] += weight * static_cast<double>(k);
        }
    }
    for (Component& c : list_) {
        for (double& x : c.centre) x /= static_cast<double>(c.voxels);
        c.touches_sides = c.low[0] == 0 || c.low[1] == 0 || c.high[0] == nx - 1 || c.high[1] == size_[1] - 1;
        c.touches_ends = c.low[2] == 0 || c.high[2] == size_[2] - 1;
    }
}

Components::Components(const Mask& mask, const ComponentOptions& options) : size_(mask.geometry.size) {
    const int64_t nx = size_[0];
    const bool wanted = !options.background;
    find_runs([&](int64_t r, auto&& emit) {
        const uint8_t* row = mask.voxels.data() + r * nx;
        for (int64_t i = 0;;) {
            const int64_t begin = next_change(row, i, nx, !wanted);
            if (begin == nx) break;
            i = next_change(row, begin, nx, wanted);
            emit(begin, i);
        }
    });

    std::vector<int32_t> parent(runs_.size());
    for (size_t n = 0; n < parent.size(); ++n) parent[n] = static_cast<int32_t>(n);
    const int32_t reach = options.connectivity == Connectivity::corners ? 1 : 0;
    const auto join = [&](int64_t a, int64_t b) {  // two rows, both sorted
        auto p = static_cast<size_t>(starts_[static_cast<size_t>(a)]),
             q = static_cast<size_t>(starts_[static_cast<size_t>(b)]);
        const auto p_end = static_cast<size_t>(starts_[static_cast<size_t>(a) + 1]),
                   q_end = static_cast<size_t>(starts_[static_cast<size_t>(b) + 1]);
        while (p < p_end && q < q_end) {
            if (runs_[p].begin < runs_[q].end + reach && runs_[q].begin < runs_[p].end + reach)
                unite(parent, static_cast<int32_t>(p), static_cast<int32_t>(q));
            runs_[p].end < runs_[q].end ? ++p : ++q;
        }
    };
    for (int64_t k = 0; k < size_[2]; ++k)
        for (int64_t j = 0; j < size_[1]; ++j) {
            const int64_t r = k * size_[1] + j;
            if (j > 0) join(r - 1, r);
            if (k == 0 || options.in_slices) continue;
            join(r - size_[1], r);
            if (reach == 0) continue;
            if (j > 0) join(r - size_[1] - 1, r);
            if (j + 1 < size_[1]) join(r - size_[1] + 1, r);
        }
    measure([&](size_t n) {
        const int32_t root = find_root(parent, static_cast<int32_t>(n));
        return root == static_cast<int32_t>(n) ? static_cast<int32_t>(list_.size())
                                               : runs_[static_cast<size_t>(root)].component;
    });
}

Components::Components(const Index3& size, std::span<const int32_t> labels) : size_(size) {
    const int64_t nx = size[0];
    require(std::ssize(labels) == nx * size[1] * size[2], "components", "{} labels of {} x {} x {} voxels",
            labels.size(), nx, size[1], size[2]);
    find_runs([&](int64_t r, auto&& emit) {
        const int32_t* row = labels.data() + r * nx;
        for (int64_t i = 0, begin = 0; i < nx; begin = i) {
            while (i < nx && row[i] == row[begin]) ++i;
            if (row[begin] != 0) emit(begin, i);
        }
    });
    size_t row = 0;
    measure([&](size_t n) {
        while (static_cast<int64_t>(n) >= starts_[row + 1]) ++row;
        return labels[row * static_cast<size_t>(nx) + static_cast<size_t>(runs_[n].begin)] - 1;
    });
}

void Components::paint(Mask& mask, std::span<const uint8_t> value_of) const {
    require(mask.geometry.size == size_ && value_of.size() >= list_.size(), "components", "{} values for {} components",
            value_of.size(), list_.size());
    parallel_ranges(size_[2], [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            visit_slice(k, [&](int32_t component, int64_t at, int64_t count) {
                std::memset(mask.voxels.data() + at, value_of[static_cast<size_t>(component)],
                            static_cast<size_t>(count));
            });
    });
}

}  // namespace cmtl
