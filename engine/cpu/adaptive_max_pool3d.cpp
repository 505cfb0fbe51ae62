// The adaptive maximum on the CPU: a row of channels at a time. Backward is a gather, as in cpu/pool3d.cpp.
#include <algorithm>
#include <cstring>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/operators/adaptive_max_pool3d_problem.hpp"

namespace cmtl {

namespace {

CMTL_MULTIARCH void keep_larger(const float* x, int32_t position, float* best, int32_t* winner, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) {
        const bool wins = x[c] > best[c] || x[c] != x[c];
        best[c] = wins ? x[c] : best[c];
        winner[c] = wins ? position : winner[c];
    }
}

CMTL_MULTIARCH void add_where_won(const float* dy, const int32_t* winner, int32_t position, float* dx,
                                  int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) dx[c] += winner[c] == position ? dy[c] : 0.0f;
}

struct Range {
    int64_t begin, end;
};
// Pieces i * to / from .. (i + 1) * to / from of an axis, rounded outwards: the window of output i over `to` inputs,
// and also the outputs (of `to`) whose windows hold input i.
Range share(int64_t i, int64_t from, int64_t to) { return {i * to / from, ((i + 1) * to + from - 1) / from}; }

// body(position in the grid of `to`) for every position of the block that position (z, y, x) of `from` has there.
template <class Body>
void for_share(const Axes& from, const Axes& to, int64_t z, int64_t y, int64_t x, Body&& body) {
    const Range rz = share(z, from.d, to.d), ry = share(y, from.h, to.h), rx = share(x, from.w, to.w);
    for (int64_t a = rz.begin; a < rz.end; ++a)
        for (int64_t b = ry.begin; b < ry.end; ++b)
            for (int64_t c = rx.begin; c < rx.end; ++c) body((a * to.h + b) * to.w + c);
}

// body(n, z, y, x, row) for every position of n grids, in parallel; `row` counts them all.
template <class Body>
void for_positions(int64_t n, const Axes& grid, Body&& body) {
    parallel_ranges(
        n * grid.product(),
        [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row)
                body(row / grid.product(), row / grid.w / grid.h % grid.d, row / grid.w % grid.h, row % grid.w, row);
        },
        16);
}

void forward(Context&, const AdaptiveMaxPool3dProblem& p, const Tensor& x, const Tensor& y, const Tensor& winner) {
    const Axes in{p.d, p.h, p.w};
    const int64_t C = p.channels;
    int32_t* const won = winner.defined() ? winner.data<int32_t>() : nullptr;
    std::vector<int32_t> unused(won ? 0 : static_cast<size_t>(C * omp_get_max_threads()));
    for_positions(p.n, p.out, [&](int64_t n, int64_t oz, int64_t oy, int64_t ox, int64_t row) {
        const float* const source = x.data<float>() + n * in.product() * C;
        float* const best = y.data<float>() + row * C;
        int32_t* const index = won ? won + row * C : unused.data() + C * omp_get_thread_num();
        bool first = true;
        for_share(p.out, in, oz, oy, ox, [&](int64_t at) {
            if (first) {
                std::memcpy(best, source + at * C, static_cast<size_t>(C) * sizeof(float));
                std::fill_n(index, C, static_cast<int32_t>(at));
                first = false;
            } else {
                keep_larger(source + at * C, static_cast<int32_t>(at), best, index, C);
            }
        });
    });
}

void backward(Context&, const AdaptiveMaxPool3dProblem& p, const Tensor& dy, const Tensor& winner, const Tensor& dx) {
    const Axes in{p.d, p.h, p.w};
    const int64_t C = p.channels;
    for_positions(p.n, in, [&](int64_t n, int64_t z, int64_t y, int64_t x, int64_t row) {
        float* const result = dx.data<float>() + row * C;
        std::memset(result, 0, static_cast<size_t>(C) * sizeof(float));
        const auto position = static_cast<int32_t>(row - n * in.product());
        for_share(in, p.out, z, y, x, [&](int64_t at) {
            const int64_t from = (n * p.out.product() + at) * C;
            add_where_won(dy.data<float>() + from, winner.data<int32_t>() + from, position, result, C);
        });
    });
}

Refusal on_cpu(const Context& context, const AdaptiveMaxPool3dProblem&) {
    return only_on(context, Device::Kind::cpu, "cpu");
}

}  // namespace

std::vector<AdaptiveMaxPool3dForward> cpu_adaptive_max_pool3d_forward() { return {{"cpu", on_cpu, forward}}; }
std::vector<AdaptiveMaxPool3dBackward> cpu_adaptive_max_pool3d_backward() { return {{"cpu", on_cpu, backward}}; }

}  // namespace cmtl
