// Shift3D on the CPU. In N, D, H, W, C the channels of one voxel come from up to C different voxels: per row (n, d, h) a table of
// source offsets is made once, and each voxel of the row gathers through it.
#include <algorithm>
#include <cstring>

#include "base/cpu_dispatch.hpp"
#include "base/parallel.hpp"
#include "engine/operators/shift3d_problem.hpp"

namespace cmtl {

namespace {

int64_t wrapped(int64_t i, int64_t size) {
    i %= size;
    return i < 0 ? i + size : i;
}

CMTL_MULTIARCH void gather(const float* x, const int64_t* source, float* y, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] = x[source[c]];
}

void run(Context&, const Shift3dProblem& p, const Tensor& x, const Tensor& planned, const Tensor& y) {
    std::vector<int32_t> plan(planned.values<int32_t>().begin(), planned.values<int32_t>().end());
    if (p.inverse)
        for (size_t i = 1; i < plan.size(); i += 2) plan[i] = -plan[i];
    const int64_t C = p.channels, row_size = p.w * C;
    const float* values = x.data<float>();
    float* result = y.data<float>();
    std::vector<char> moved(static_cast<size_t>(p.n), 0);
    for (int64_t i = 0; i < p.n * C; ++i)
        if (plan[static_cast<size_t>(i * 2 + 1)]) moved[static_cast<size_t>(i / C)] = 1;

    parallel_ranges(p.n * p.d * p.h, [&](int64_t begin, int64_t end) {
        std::vector<int64_t> start(static_cast<size_t>(C)), source(static_cast<size_t>(C));
        std::vector<int32_t> along_w(static_cast<size_t>(C));
        for (int64_t row = begin; row < end; ++row) {
            const int64_t h = row % p.h, d = row / p.h % p.d, n = row / p.h / p.d;
            float* out = result + row * row_size;
            if (!moved[static_cast<size_t>(n)]) {
                std::memcpy(out, values + row * row_size, static_cast<size_t>(row_size) * sizeof(float));
                continue;
            }
            // start[c]: element offset of the source row's channel c; -1: the whole row is filled.
            for (int64_t c = 0; c < C; ++c) {
                const size_t k = static_cast<size_t>(c);
                const int32_t axis = plan[static_cast<size_t>((n * C + c) * 2)], shift = plan[static_cast<size_t>((n * C + c) * 2 + 1)];
                const int64_t sd = axis == 0 ? d - shift : d, sh = axis == 1 ? h - shift : h;
                along_w[k] = axis == 2 ? shift : 0;
                const bool outside = p.fill && (sd < 0 || sd >= p.d || sh < 0 || sh >= p.h);
                start[k] = outside ? -1 : ((n * p.d + wrapped(sd, p.d)) * p.h + wrapped(sh, p.h)) * row_size + c;
            }
            for (int64_t w = 0; w < p.w; ++w) {
                if (p.fill) {
                    for (int64_t c = 0; c < C; ++c) {
                        const size_t k = static_cast<size_t>(c);
                        const int64_t sw = w - along_w[k];
                        out[w * C + c] = start[k] < 0 || sw < 0 || sw >= p.w ? *p.fill : values[start[k] + sw * C];
                    }
                } else {
                    for (int64_t c = 0; c < C; ++c) {
                        const size_t k = static_cast<size_t>(c);
                        int64_t sw = w - along_w[k];
                        if (sw < 0 || sw >= p.w) sw = wrapped(sw, p.w);
                        source[k] = start[k] + sw * C;
                    }
                    gather(values, source.data(), out + w * C, C);
                }
            }
        }
    });
}

void draw(Context&, const Shift3dPlanProblem& p, const Tensor& plan) {
    const std::vector<int32_t> draws = shift3d_plan(p.key, p.x, p.options);
    std::copy(draws.begin(), draws.end(), plan.data<int32_t>());
}

template <class Problem>
Refusal on_cpu(const Context& context, const Problem&) { return only_on(context, Device::Kind::cpu, "cpu"); }

}  // namespace

std::vector<Shift3d> cpu_shift3d() { return {{"cpu", on_cpu<Shift3dProblem>, run}}; }
std::vector<Shift3dPlan> cpu_shift3d_plan() { return {{"cpu", on_cpu<Shift3dPlanProblem>, draw}}; }

}  // namespace cmtl
