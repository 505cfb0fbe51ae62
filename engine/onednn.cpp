#include "engine/onednn.hpp"

#include <omp.h>

#include <dnnl.hpp>
#include <map>
#include <tuple>

namespace cmtl {

using Memory = dnnl::memory;
using Desc = dnnl::memory::desc;

namespace {

constexpr auto tag_ndhwc = Memory::format_tag::ndhwc;
constexpr auto tag_odhwi = Memory::format_tag::odhwi;
constexpr auto tag_any = Memory::format_tag::any;

Memory::data_type type_of(Dtype t) { return t == Dtype::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32; }

// A failed library call, as this project's error.
template <class Call>
auto checked(Call&& call) {
    try {
        return call();
    } catch (const dnnl::error& e) {
        fail(e.status == dnnl_out_of_memory ? ErrorKind::resource : ErrorKind::internal, "onednn", "{} (status {})", e.what(),
             static_cast<int>(e.status));
    }
}

struct Prepared {
    dnnl::primitive primitive;
    Desc x, weight, y, scratchpad;  // in the formats the primitive wants
    std::string name, refusal;
};

}  // namespace

struct OneDnn::Parts {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    // A primitive's work is cut, and its scratchpad sized, for the number of threads it was made under.
    std::map<std::tuple<Conv3dProblem, Direction, int>, Prepared> conv3d;

    static Memory::dims x_dims(const Conv3dProblem& p) { return {p.n, p.in, p.d, p.h, p.w}; }
    static Memory::dims y_dims(const Conv3dProblem& p) { return {p.n, p.out, p.od(), p.oh(), p.ow()}; }
    static Memory::dims weight_dims(const Conv3dProblem& p) { return {p.out, p.in, p.kernel.d, p.kernel.h, p.kernel.w}; }

    const Prepared& prepare(const Conv3dProblem& problem, Direction direction);

    Memory memory(const Desc& desc, const Tensor& t) { return Memory(desc, engine, t.raw()); }
    // `t`, which lies as `have`, in the format `want`: itself or a reordered copy (kept alive by `keep`).
    Memory in_format(Context& context, const Desc& have, const Desc& want, const Tensor& t, std::vector<Tensor>& keep) {
        if (have == want) return memory(have, t);
        Memory source = memory(have, t), target = scratch(context, want, keep);
        dnnl::reorder(source, target).execute(stream, source, target);
        return target;
    }
    // Where a primitive that writes the format `want` puts a tensor that lies as `have`: into it, or beside it for finish().
    struct Result {
        Memory written, target;
    };
    Result result(Context& context, const Desc& have, const Desc& want, const Tensor& t, std::vector<Tensor>& keep) {
        Memory target = memory(have, t);
        return {have == want ? target : scratch(context, want, keep), target};
    }
    void finish(Result result) {
        if (result.written != result.target)
            dnnl::reorder(result.written, result.target).execute(stream, result.written, result.target);
        stream.wait();
    }
    Memory scratch(Context& context, const Desc& desc, std::vector<Tensor>& keep) {
        keep.push_back(context.empty({static_cast<int64_t>(desc.get_size())}, Dtype::u8));
        return memory(desc, keep.back());
    }
};

OneDnn::OneDnn() : parts_(checked([] { return std::make_unique<Parts>(); })) {}
OneDnn::~OneDnn() = default;

const Prepared& OneDnn::Parts::prepare(const Conv3dProblem& p, Direction direction) {
    const auto key = std::make_tuple(p, direction, omp_get_max_threads());
    if (auto it = conv3d.find(key); it != conv3d.end()) return it->second;

    const auto type = type_of(p.compute);
    const Desc x(x_dims(p), type, tag_ndhwc);
    const Desc y(y_dims(p), type, tag_ndhwc);
    const Desc weight(weight_dims(p), type, tag_any);
    const Desc bias({p.out}, Memory::data_type::f32, Memory::format_tag::x);
    const Memory::dims stride{p.stride.d, p.stride.h, p.stride.w}, padding{p.padding.d, p.padding.h, p.padding.w};
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);

    Prepared made;
    const auto take = [&](const auto& pd, const Desc& xd, const Desc& wd, const Desc& yd) {
        made.name = pd.impl_info_str();
        made.x = xd;
        made.weight = wd;
        made.y = yd;
        made.scratchpad = pd.scratchpad_desc();
        if (made.name.starts_with("ref")) made.refusal = fmt::format("oneDNN has only {} for it", made.name);
    };
    try {
        using dnnl::algorithm, dnnl::prop_kind;
        const dnnl::convolution_forward::primitive_desc forward(
            {prop_kind::forward_training, algorithm::convolution_direct, x, weight, bias, y, stride, padding, padding}, attr, engine);
        if (direction == Direction::forward) {
            take(forward, forward.src_desc(), forward.weights_desc(), forward.dst_desc());
            made.primitive = dnnl::convolution_forward(forward);
        } else if (direction == Direction::backward_data) {
            const dnnl::convolution_backward_data::primitive_desc data(
                {algorithm::convolution_direct, x, weight, y, stride, padding, padding}, attr, engine, forward);
            take(data, data.diff_src_desc(), data.weights_desc(), data.diff_dst_desc());
            made.primitive = dnnl::convolution_backward_data(data);
        } else {
            const Desc dweight(weight_dims(p), Memory::data_type::f32, tag_any);
            const dnnl::convolution_backward_weights::primitive_desc weights(
                {algorithm::convolution_direct, x, dweight, bias, y, stride, padding, padding}, attr, engine, forward);
            take(weights, weights.src_desc(), weights.diff_weights_desc(), weights.diff_dst_desc());
            made.primitive = dnnl::convolution_backward_weights(weights);
        }
    } catch (const dnnl::error& e) {
        if (e.status != dnnl_unimplemented)
            fail(ErrorKind::internal, "onednn", "{} for {} (status {})", e.what(), p.text(), static_cast<int>(e.status));
        made.refusal = "oneDNN has no implementation for it";
    }
    return conv3d.emplace(key, std::move(made)).first->second;
}

std::string OneDnn::refusal(const Conv3dProblem& problem, Direction direction) {
    return parts_->prepare(problem, direction).refusal;
}

namespace {
void require_fast(const Prepared& prepared, const Conv3dProblem& problem) {
    require(prepared.refusal.empty(), "onednn", "{}: {}", problem.text(), prepared.refusal);
}
Desc plain_x(const Conv3dProblem& p, Memory::data_type type) {
    return Desc({p.n, p.in, p.d, p.h, p.w}, type, tag_ndhwc);
}
Desc plain_y(const Conv3dProblem& p, Memory::data_type type) { return Desc({p.n, p.out, p.od(), p.oh(), p.ow()}, type, tag_ndhwc); }
Desc plain_weight(const Conv3dProblem& p) {
    return Desc({p.out, p.in, p.kernel.d, p.kernel.h, p.kernel.w}, Memory::data_type::f32, tag_odhwi);
}
}  // namespace

void OneDnn::conv3d_forward(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& y) {
    checked([&] {
        const Prepared& prepared = parts_->prepare(p, Direction::forward);
        require_fast(prepared, p);
        std::vector<Tensor> keep;
        Tensor zero_bias = bias.defined() ? bias : context.zeros({p.out});
        const auto f32 = Memory::data_type::f32;
        Memory source = parts_->in_format(context, plain_x(p, f32), prepared.x, x, keep);
        Memory weights = parts_->in_format(context, plain_weight(p), prepared.weight, weight, keep);
        const Parts::Result result = parts_->result(context, plain_y(p, f32), prepared.y, y, keep);
        prepared.primitive.execute(
            parts_->stream, {{DNNL_ARG_SRC, source},
                             {DNNL_ARG_WEIGHTS, weights},
                             {DNNL_ARG_BIAS, parts_->memory(Desc({p.out}, f32, Memory::format_tag::x), zero_bias)},
                             {DNNL_ARG_DST, result.written},
                             {DNNL_ARG_SCRATCHPAD, parts_->scratch(context, prepared.scratchpad, keep)}});
        parts_->finish(result);
    });
}

void OneDnn::conv3d_backward_data(Context& context, const Conv3dProblem& p, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
    checked([&] {
        const Prepared& prepared = parts_->prepare(p, Direction::backward_data);
        require_fast(prepared, p);
        std::vector<Tensor> keep;
        const auto f32 = Memory::data_type::f32;
        Memory gradient = parts_->in_format(context, plain_y(p, f32), prepared.y, dy, keep);
        Memory weights = parts_->in_format(context, plain_weight(p), prepared.weight, weight, keep);
        const Parts::Result result = parts_->result(context, plain_x(p, f32), prepared.x, dx, keep);
        prepared.primitive.execute(parts_->stream, {{DNNL_ARG_DIFF_DST, gradient},
                                                    {DNNL_ARG_WEIGHTS, weights},
                                                    {DNNL_ARG_DIFF_SRC, result.written},
                                                    {DNNL_ARG_SCRATCHPAD, parts_->scratch(context, prepared.scratchpad, keep)}});
        parts_->finish(result);
    });
}

void OneDnn::conv3d_backward_weights(Context& context, const Conv3dProblem& p, const Tensor& x, const Tensor& dy,
                                     const Tensor& dweight, const Tensor& dbias) {
    checked([&] {
        const Prepared& prepared = parts_->prepare(p, Direction::backward_weights);
        require_fast(prepared, p);
        std::vector<Tensor> keep;
        const auto f32 = Memory::data_type::f32;
        Memory source = parts_->in_format(context, plain_x(p, f32), prepared.x, x, keep);
        Memory gradient = parts_->in_format(context, plain_y(p, f32), prepared.y, dy, keep);
        const Parts::Result result = parts_->result(context, plain_weight(p), prepared.weight, dweight, keep);
        Tensor bias_gradient = dbias.defined() ? dbias : context.empty({p.out});
        prepared.primitive.execute(
            parts_->stream, {{DNNL_ARG_SRC, source},
                             {DNNL_ARG_DIFF_DST, gradient},
                             {DNNL_ARG_DIFF_WEIGHTS, result.written},
                             {DNNL_ARG_DIFF_BIAS, parts_->memory(Desc({p.out}, f32, Memory::format_tag::x), bias_gradient)},
                             {DNNL_ARG_SCRATCHPAD, parts_->scratch(context, prepared.scratchpad, keep)}});
        parts_->finish(result);
    });
}

void OneDnn::sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                   const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    const dnnl_status_t status =
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (status != dnnl_success) fail(ErrorKind::internal, "onednn", "sgemm {}x{}x{} failed (status {})", m, n, k, static_cast<int>(status));
}

}  // namespace cmtl
