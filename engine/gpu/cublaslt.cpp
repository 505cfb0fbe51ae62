#include "engine/gpu/cublaslt.hpp"

#include <memory>
#include <type_traits>

namespace cmtl {

using namespace cublaslt_api;

namespace {

constexpr uint32_t alignment = 16;  // bytes, of every matrix

template <class Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Status (*)(Handle)>;

// A part of a larger tensor may lie elsewhere.
Tensor aligned(Context& context, const Tensor& t) {
    return reinterpret_cast<uintptr_t>(t.raw()) % alignment == 0 ? t : context.copy(t);
}

}  // namespace

std::string Product::text() const {
    return fmt::format("{} ({}x{}){} ({}x{}){}", name_of(operands), m, k, transpose_a ? "^T" : "", k, n,
                       transpose_b ? "^T" : "");
}

ColumnMajorProduct column_major(const Product& p) {
    ColumnMajorProduct c;
    c.transpose_first = p.transpose_b;
    c.transpose_second = p.transpose_a;
    // A row-major (r, c) matrix is a column-major (c, r) one.
    c.first = p.transpose_b ? ColumnMajorMatrix{p.k, p.n, p.k} : ColumnMajorMatrix{p.n, p.k, p.n};
    c.second = p.transpose_a ? ColumnMajorMatrix{p.m, p.k, p.m} : ColumnMajorMatrix{p.k, p.m, p.k};
    c.result = {p.n, p.m, p.n};
    return c;
}

Refusal cublaslt_refusal(const Product& p, int capability) {
    if (p.m == 0 || p.n == 0 || p.k == 0) return "empty product";
    if (p.operands == Dtype::bf16 && capability < 80) return fmt::format("bf16 wants sm_80, this is sm_{}", capability);
    if (p.operands != Dtype::f32 && p.operands != Dtype::bf16) return "f32 and bf16 only";
    return {};
}

struct CublasLt::Planned {
    std::string refusal;
    Owned<Matmul> matmul{nullptr, nullptr};
    Owned<Layout> first{nullptr, nullptr}, second{nullptr, nullptr}, result{nullptr, nullptr};
    HeuristicResult choice{};
};

CublasLt::CublasLt(CublasLtOptions options)
    : options_(options),
      library_("CMTL_CUBLASLT_LIBRARY",
               {"libcublasLt.so.13", "libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so"}) {
    options_.tf32 |= environment_switch("CMTL_TF32");
    try {
        open();
    } catch (const Error& e) {
        refusal_ = e.what();
    }
}

CublasLt::~CublasLt() {
    plans_.clear();
    if (handle_) api_.destroy(handle_);
}

void CublasLt::check(Status status, std::string_view doing) const {
    if (status != status_success)
        fail(status == status_alloc_failed ? ErrorKind::resource : ErrorKind::internal, "cublaslt", "{}: {}", doing,
             api_.get_status_string(status));
}

void CublasLt::open() {
    library_.resolve(api_.get_version, "cublasLtGetVersion");
    library_.resolve(api_.get_status_string, "cublasLtGetStatusString");
    library_.resolve(api_.create, "cublasLtCreate");
    library_.resolve(api_.destroy, "cublasLtDestroy");
    library_.resolve(api_.matmul_create, "cublasLtMatmulDescCreate");
    library_.resolve(api_.matmul_destroy, "cublasLtMatmulDescDestroy");
    library_.resolve(api_.matmul_set, "cublasLtMatmulDescSetAttribute");
    library_.resolve(api_.layout_create, "cublasLtMatrixLayoutCreate");
    library_.resolve(api_.layout_destroy, "cublasLtMatrixLayoutDestroy");
    library_.resolve(api_.preference_create, "cublasLtMatmulPreferenceCreate");
    library_.resolve(api_.preference_destroy, "cublasLtMatmulPreferenceDestroy");
    library_.resolve(api_.preference_set, "cublasLtMatmulPreferenceSetAttribute");
    library_.resolve(api_.get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
    library_.resolve(api_.matmul, "cublasLtMatmul");
    if (!(refusal_ = library_.refusal()).empty()) return;
    version_ = api_.get_version();
    check(api_.create(&handle_), "creating a handle");
}

std::string CublasLt::refusal(const Product& product) {
    if (!refusal_.empty()) return refusal_;
    return planned(product).refusal;
}

CublasLt::Planned& CublasLt::planned(const Product& product) {
    if (const auto found = plans_.find(product); found != plans_.end()) return found->second;
    Planned& plan = plans_[product];
    if (!(plan.refusal = cublaslt_refusal(product, options_.capability)).empty()) return plan;
    const ColumnMajorProduct shape = column_major(product);
    const DataType operands = product.operands == Dtype::bf16 ? DataType::R_16BF : DataType::R_32F;
    try {
        Matmul matmul = nullptr;
        check(api_.matmul_create(&matmul, options_.tf32 ? ComputeType::COMPUTE_32F_FAST_TF32 : ComputeType::COMPUTE_32F,
                                 DataType::R_32F),
              "describing a product");
        plan.matmul = {matmul, api_.matmul_destroy};
        const auto set = [&](MatmulAttribute attribute, auto value) {
            check(api_.matmul_set(matmul, attribute, &value, sizeof value), "describing a product");
        };
        set(MatmulAttribute::TRANSA, shape.transpose_first ? Operation::T : Operation::N);
        set(MatmulAttribute::TRANSB, shape.transpose_second ? Operation::T : Operation::N);
        set(MatmulAttribute::EPILOGUE, product.bias ? Epilogue::BIAS : Epilogue::DEFAULT);
        const auto layout = [&](const ColumnMajorMatrix& m, DataType type) {
            Layout l = nullptr;
            check(api_.layout_create(&l, type, static_cast<uint64_t>(m.rows), static_cast<uint64_t>(m.columns),
                                     m.leading),
                  "describing a matrix");
            return Owned<Layout>(l, api_.layout_destroy);
        };
        plan.first = layout(shape.first, operands);
        plan.second = layout(shape.second, operands);
        plan.result = layout(shape.result, DataType::R_32F);

        Preference preference = nullptr;
        check(api_.preference_create(&preference), "describing a preference");
        const Owned<Preference> owned(preference, api_.preference_destroy);
        const uint64_t limit = options_.workspace_limit;
        check(api_.preference_set(preference, PreferenceAttribute::MAX_WORKSPACE_BYTES, &limit, sizeof limit),
              "describing a preference");
        for (const auto which :
             {PreferenceAttribute::MIN_ALIGNMENT_A_BYTES, PreferenceAttribute::MIN_ALIGNMENT_B_BYTES,
              PreferenceAttribute::MIN_ALIGNMENT_C_BYTES, PreferenceAttribute::MIN_ALIGNMENT_D_BYTES})
            check(api_.preference_set(preference, which, &alignment, sizeof alignment), "describing a preference");
        int count = 0;
        check(api_.get_heuristic(handle_, matmul, plan.first.get(), plan.second.get(), plan.result.get(),
                                 plan.result.get(), preference, 1, &plan.choice, &count),
              "looking for an algorithm");
        if (count == 0 || plan.choice.state != status_success)
            plan.refusal = "cuBLASLt has no algorithm for " + product.text();
    } catch (const Error& e) {
        plan.refusal = e.what();
    }
    return plan;
}

void CublasLt::run(Context& context, const Product& product, const Tensor& a, const Tensor& b, const Tensor& bias,
                   const Tensor& c) {
    Planned& plan = planned(product);
    require(plan.refusal.empty(), "cublaslt", "{} was refused: {}", product.text(), plan.refusal);
    const auto operand = [&](const Tensor& t) {
        return t.dtype() == product.operands ? aligned(context, t) : context.cast(t, product.operands);
    };
    const Tensor first = operand(b), second = operand(a);
    Tensor added;
    if (product.bias) {
        added = aligned(context, bias);
        const void* pointer = added.raw();
        check(api_.matmul_set(plan.matmul.get(), MatmulAttribute::BIAS_POINTER, &pointer, sizeof pointer),
              "setting the bias");
    }
    require(reinterpret_cast<uintptr_t>(c.raw()) % alignment == 0, "cublaslt", "a result lies at an odd address");
    const Tensor workspace = context.empty({static_cast<int64_t>(plan.choice.workspace)}, Dtype::u8);
    const float one = 1, zero = 0;
    check(api_.matmul(handle_, plan.matmul.get(), &one, first.raw(), plan.first.get(), second.raw(), plan.second.get(),
                      &zero, c.raw(), plan.result.get(), c.raw(), plan.result.get(), &plan.choice.algorithm,
                      workspace.raw(), plan.choice.workspace, context.stream()),
          "running a product");
}

}  // namespace cmtl
