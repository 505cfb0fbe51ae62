// Convolutions on the CPU. In order: a matrix product where the convolution is one (1x1x1), oneDNN's direct kernels, and
// patch matrices with a matrix product for whatever oneDNN only has a reference for (small odd channel counts).
#include <algorithm>
#include <cstring>

#include "base/parallel.hpp"
#include "engine/cpu/columns.hpp"
#include "engine/onednn.hpp"
#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

namespace {

Refusal pointwise_supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = only_on(context, Device::Kind::cpu, "cpu"); !r.empty()) return r;
    if (!p.pointwise()) return "not a 1x1x1 convolution of stride 1";
    if (p.compute != Dtype::f32) return "f32 only";
    return {};
}

template <OneDnn::Direction direction>
Refusal onednn_supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = only_on(context, Device::Kind::cpu, "cpu"); !r.empty()) return r;
    // oneDNN 2.6.3 has wrong weight gradients of some of these, for some numbers of threads (k7x1x3 s3x2x1 p5x0x2).
    if (!p.kernel.uniform() && (2 * p.padding.d > p.kernel.d || 2 * p.padding.h > p.kernel.h || 2 * p.padding.w > p.kernel.w))
        return "padding beyond the kernel's centre";
    // The primitives are cached in the context: asking is the first half of running.
    return const_cast<Context&>(context).onednn().refusal(p, direction);
}

Refusal patches_supports(const Context& context, const Conv3dProblem& p) {
    if (Refusal r = only_on(context, Device::Kind::cpu, "cpu"); !r.empty()) return r;
    if (p.compute != Dtype::f32) return "f32 only";
    return {};
}

void fill_rows(float* y, const float* row, int64_t rows, int64_t columns) {
    parallel_ranges(rows, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            if (row) std::memcpy(y + i * columns, row, static_cast<size_t>(columns) * sizeof(float));
            else std::memset(y + i * columns, 0, static_cast<size_t>(columns) * sizeof(float));
        }
    }, 256);
}

// ---- 1x1x1 as a matrix product: x (P, I), weight (O, I), y (P, O) ----

void pointwise_forward(Context&, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    const int64_t rows = p.positions();
    if (bias.defined()) fill_rows(y.data<float>(), bias.data<float>(), rows, p.out);
    OneDnn::sgemm(false, true, rows, p.out, p.in, 1, x.data<float>(), p.in, weight.data<float>(), p.in, bias.defined() ? 1 : 0,
                  y.data<float>(), p.out);
}

void pointwise_backward_data(Context&, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
    OneDnn::sgemm(false, false, p.positions(), p.in, p.out, 1, dy.data<float>(), p.out, weight.data<float>(), p.in, 0,
                  dx.data<float>(), p.in);
}

void pointwise_backward_weights(Context&, const Conv3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                                const Tensor& dbias) {
    OneDnn::sgemm(true, false, p.out, p.in, p.positions(), 1, dy.data<float>(), p.out, x.data<float>(), p.in, 0,
                  dweight.data<float>(), p.in);
    if (dbias.defined()) column_sums(dy.data<float>(), p.positions(), p.out, dbias.data<float>());
}

// ---- patches: blocks of output positions as rows of (taps I), then a matrix product ----

constexpr int64_t patch_rows = 1024;

// rows[r] = the taps * I inputs under output position first + r; zeros outside.
void gather_patches(const Conv3dProblem& p, const float* x, int64_t first, int64_t count, float* rows) {
    const int64_t width = p.kernel.product() * p.in;
    parallel_ranges(count, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const int64_t at = first + r, ox = at % p.ow(), oy = at / p.ow() % p.oh(), oz = at / p.ow() / p.oh() % p.od(),
                          n = at / p.ow() / p.oh() / p.od();
            float* out = rows + r * width;
            for (int64_t a = 0; a < p.kernel.d; ++a)
                for (int64_t b = 0; b < p.kernel.h; ++b)
                    for (int64_t c = 0; c < p.kernel.w; ++c, out += p.in) {
                        const int64_t z = oz * p.stride.d - p.padding.d + a, yy = oy * p.stride.h - p.padding.h + b,
                                      xx = ox * p.stride.w - p.padding.w + c;
                        if (z < 0 || z >= p.d || yy < 0 || yy >= p.h || xx < 0 || xx >= p.w) std::fill_n(out, p.in, 0.0f);
                        else std::copy_n(x + (((n * p.d + z) * p.h + yy) * p.w + xx) * p.in, p.in, out);
                    }
        }
    }, 64);
}

void patches_forward(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
    const int64_t width = p.kernel.product() * p.in, total = p.positions();
    fill_rows(y.data<float>(), bias.defined() ? bias.data<float>() : nullptr, total, p.out);
    Tensor rows = context.empty({patch_rows, width});
    for (int64_t first = 0; first < total; first += patch_rows) {
        const int64_t count = std::min(patch_rows, total - first);
        gather_patches(p, x.data<float>(), first, count, rows.data<float>());
        OneDnn::sgemm(false, true, count, p.out, width, 1, rows.data<float>(), width, weight.data<float>(), width, 1,
                      y.data<float>() + first * p.out, p.out);
    }
}

void patches_backward_weights(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                              const Tensor& dbias) {
    const int64_t width = p.kernel.product() * p.in, total = p.positions();
    Tensor rows = context.empty({patch_rows, width});
    for (int64_t first = 0; first < total; first += patch_rows) {
        const int64_t count = std::min(patch_rows, total - first);
        gather_patches(p, x.data<float>(), first, count, rows.data<float>());
        OneDnn::sgemm(true, false, p.out, width, count, 1, dy.data<float>() + first * p.out, p.out, rows.data<float>(), width,
                      first ? 1 : 0, dweight.data<float>(), width);
    }
    if (dbias.defined()) column_sums(dy.data<float>(), total, p.out, dbias.data<float>());
}

void patches_backward_data(Context& context, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
    const int64_t width = p.kernel.product() * p.in, total = p.positions();
    fill_rows(dx.data<float>(), nullptr, dx.count() / p.in, p.in);
    Tensor rows = context.empty({patch_rows, width});
    for (int64_t first = 0; first < total; first += patch_rows) {
        const int64_t count = std::min(patch_rows, total - first);
        OneDnn::sgemm(false, false, count, width, p.out, 1, dy.data<float>() + first * p.out, p.out, weight.data<float>(), width, 0,
                      rows.data<float>(), width);
        // Neighbouring positions share inputs: one thread adds, which also fixes the order.
        for (int64_t r = 0; r < count; ++r) {
            const int64_t at = first + r, ox = at % p.ow(), oy = at / p.ow() % p.oh(), oz = at / p.ow() / p.oh() % p.od(),
                          n = at / p.ow() / p.oh() / p.od();
            const float* row = rows.data<float>() + r * width;
            for (int64_t a = 0; a < p.kernel.d; ++a)
                for (int64_t b = 0; b < p.kernel.h; ++b)
                    for (int64_t c = 0; c < p.kernel.w; ++c, row += p.in) {
                        const int64_t z = oz * p.stride.d - p.padding.d + a, yy = oy * p.stride.h - p.padding.h + b,
                                      xx = ox * p.stride.w - p.padding.w + c;
                        if (z < 0 || z >= p.d || yy < 0 || yy >= p.h || xx < 0 || xx >= p.w) continue;
                        float* out = dx.data<float>() + (((n * p.d + z) * p.h + yy) * p.w + xx) * p.in;
                        for (int64_t i = 0; i < p.in; ++i) out[i] += row[i];
                    }
        }
    }
}

}  // namespace

std::vector<Conv3dForward> cpu_conv3d_forward() {
    return {{"matmul", pointwise_supports, pointwise_forward},
            {"onednn", onednn_supports<OneDnn::Direction::forward>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) {
                 c.onednn().conv3d_forward(c, p, x, w, b, y);
             }},
            {"patches", patches_supports, patches_forward}};
}

std::vector<Conv3dBackwardData> cpu_conv3d_backward_data() {
    return {{"matmul", pointwise_supports, pointwise_backward_data},
            {"onednn", onednn_supports<OneDnn::Direction::backward_data>,
             [](Context& c, const Conv3dProblem& p, const Tensor& dy, const Tensor& w, const Tensor& dx) {
                 c.onednn().conv3d_backward_data(c, p, dy, w, dx);
             }},
            {"patches", patches_supports, patches_backward_data}};
}

std::vector<Conv3dBackwardWeights> cpu_conv3d_backward_weights() {
    return {{"matmul", pointwise_supports, pointwise_backward_weights},
            {"onednn", onednn_supports<OneDnn::Direction::backward_weights>,
             [](Context& c, const Conv3dProblem& p, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) {
                 // oneDNN adds the bias gradient in f32; in front of a batch norm it is 0, and its rounding would be all of it.
                 c.onednn().conv3d_backward_weights(c, p, x, dy, dw, {});
                 if (db.defined()) column_sums(dy.data<float>(), p.positions(), p.out, db.data<float>());
             }},
            {"patches", patches_supports, patches_backward_weights}};
}

}  // namespace cmtl
