// cuBLASLt played on the CPU, as a library to be opened: products in double of column-major matrices, from nothing but
// what was described.
#include <cstring>
#include <map>

#include "engine/dtype.hpp"
#include "engine/gpu/cublaslt_api.hpp"

using namespace cmtl::cublaslt_api;

namespace cmtl::cublaslt_api {

struct MatmulTag {
    std::map<MatmulAttribute, uint64_t> attributes;
    template <class T>
    T get(MatmulAttribute a) const {
        T value;
        std::memcpy(&value, &attributes.at(a), sizeof value);
        return value;
    }
};
struct LayoutTag {
    DataType type;
    int64_t rows, columns, leading;
    double read(const void* p, int64_t r, int64_t c) const {
        const int64_t at = r + c * leading;
        return type == DataType::R_32F ? double(static_cast<const float*>(p)[at])
                                       : double(float(static_cast<const cmtl::Bf16*>(p)[at]));
    }
};
struct PreferenceTag {
    std::map<PreferenceAttribute, uint64_t> attributes;
};

}  // namespace cmtl::cublaslt_api

namespace {
int live = 0;
constexpr uint64_t mark = 0x5eed;
bool fits(const Matmul m, const Layout a, const Layout b, const Layout d) {
    const bool ta = m->get<Operation>(MatmulAttribute::TRANSA) == Operation::T,
               tb = m->get<Operation>(MatmulAttribute::TRANSB) == Operation::T;
    return a->type == b->type && d->type == DataType::R_32F && (ta ? a->columns : a->rows) == d->rows &&
           (tb ? b->rows : b->columns) == d->columns && (ta ? a->rows : a->columns) == (tb ? b->columns : b->rows) &&
           a->leading >= a->rows && b->leading >= b->rows && d->leading >= d->rows;
}
}  // namespace

extern "C" {

size_t cublasLtGetVersion() { return 130000; }
const char* cublasLtGetStatusString(Status) { return "fake status"; }
Status cublasLtCreate(Handle* h) { return *h = reinterpret_cast<Handle>(&live), 0; }
Status cublasLtDestroy(Handle) { return 0; }
Status cublasLtMatmulDescCreate(Matmul* m, ComputeType compute, DataType scale) {
    if (scale != DataType::R_32F || compute != ComputeType::COMPUTE_32F) return 7;
    ++live;
    *m = new MatmulTag;
    return 0;
}
Status cublasLtMatmulDescDestroy(Matmul m) { return delete m, --live, 0; }
Status cublasLtMatmulDescSetAttribute(Matmul m, MatmulAttribute a, const void* value, size_t bytes) {
    if (bytes != (a == MatmulAttribute::BIAS_POINTER ? 8u : 4u)) return 7;
    m->attributes[a] = 0;
    std::memcpy(&m->attributes[a], value, bytes);
    return 0;
}
Status cublasLtMatrixLayoutCreate(Layout* l, DataType type, uint64_t rows, uint64_t columns, int64_t leading) {
    ++live;
    *l = new LayoutTag{type, int64_t(rows), int64_t(columns), leading};
    return 0;
}
Status cublasLtMatrixLayoutDestroy(Layout l) { return delete l, --live, 0; }
Status cublasLtMatmulPreferenceCreate(Preference* p) { return ++live, *p = new PreferenceTag, 0; }
Status cublasLtMatmulPreferenceDestroy(Preference p) { return delete p, --live, 0; }
Status cublasLtMatmulPreferenceSetAttribute(Preference p, PreferenceAttribute a, const void* value, size_t bytes) {
    if (bytes != (a == PreferenceAttribute::MAX_WORKSPACE_BYTES ? 8u : 4u)) return 7;
    std::memcpy(&p->attributes[a], value, bytes);
    return 0;
}
Status cublasLtMatmulAlgoGetHeuristic(Handle, Matmul m, Layout a, Layout b, Layout c, Layout d, Preference p,
                                      int wanted, HeuristicResult* results, int* count) {
    *count = 0;
    if (wanted < 1 || c->rows != d->rows || !fits(m, a, b, d) || p->attributes.size() != 5) return 7;
    if (d->rows == 13) return 0;  // a product that nothing fits
    results[0] = {};
    results[0].algorithm.data[0] = mark;
    results[0].workspace = 1024;
    *count = 1;
    return 0;
}
Status cublasLtMatmul(Handle, Matmul m, const void* alpha, const void* a, Layout la, const void* b, Layout lb,
                      const void* beta, const void* c, Layout, void* d, Layout ld, const Algorithm* algorithm,
                      void* workspace, size_t bytes, cmtl::kernels::Stream stream) {
    if (!stream || algorithm->data[0] != mark || bytes != 1024 || c != d || !fits(m, la, lb, ld)) return 7;
    if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0) return 7;
    for (const void* p : {a, b, c})
        if (reinterpret_cast<uintptr_t>(p) % 16) return 7;
    std::memset(workspace, 0xFF, bytes);
    const bool ta = m->get<Operation>(MatmulAttribute::TRANSA) == Operation::T,
               tb = m->get<Operation>(MatmulAttribute::TRANSB) == Operation::T;
    const bool adds = m->get<Epilogue>(MatmulAttribute::EPILOGUE) == Epilogue::BIAS;
    const auto* bias = adds ? m->get<const float*>(MatmulAttribute::BIAS_POINTER) : nullptr;
    const int64_t inner = ta ? la->rows : la->columns;
    for (int64_t r = 0; r < ld->rows; ++r)
        for (int64_t col = 0; col < ld->columns; ++col) {
            double sum = adds ? double(bias[r]) : 0.0;
            for (int64_t k = 0; k < inner; ++k)
                sum += (ta ? la->read(a, k, r) : la->read(a, r, k)) * (tb ? lb->read(b, col, k) : lb->read(b, k, col));
            static_cast<float*>(d)[r + col * ld->leading] = float(sum);
        }
    return 0;
}
// How many descriptors were not destroyed yet.
int fake_cublaslt_live() { return live; }
}
