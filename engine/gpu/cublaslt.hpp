#pragma once
// cuBLASLt, opened when a context first asks for it; the only door to it. Computes matrix products, for 1x1x1
// convolutions and linear layers, with the bias added on the way out. Algorithms are kept per product.
#include <compare>
#include <map>
#include <string>

#include "engine/gpu/cublaslt_api.hpp"
#include "engine/gpu/shared_library.hpp"
#include "engine/implementation.hpp"

namespace cmtl {

// Row-major C (m, n) = op(A) (m, k) op(B) (k, n) + bias (n), op = transpose where asked; rows lie without gaps.
struct Product {
    bool transpose_a = false, transpose_b = false;
    int64_t m = 0, n = 0, k = 0;
    Dtype operands = Dtype::f32;  // f32, or bf16: A and B are rounded to it; C, the bias and all sums are f32
    bool bias = false;
    std::string text() const;
    auto operator<=>(const Product&) const = default;
};

// The same as BLAS sees it, column by column: row-major C is column-major D = C^T (n, m) = op(B)^T op(A)^T, so that B
// comes first, each matrix lies as if transposed, and the bias runs along D's rows, where cuBLASLt adds it.
struct ColumnMajorMatrix {
    int64_t rows = 0, columns = 0, leading = 0;
    bool operator==(const ColumnMajorMatrix&) const = default;
};
struct ColumnMajorProduct {
    bool transpose_first = false, transpose_second = false;
    ColumnMajorMatrix first, second, result;
};
ColumnMajorProduct column_major(const Product& product);

// Why cuBLASLt is not even asked; empty: it is. `capability` as in kernels::DeviceProperties.
Refusal cublaslt_refusal(const Product& product, int capability);

struct CublasLtOptions {
    int capability = 0;
    size_t workspace_limit = size_t{32} << 20;  // what NVIDIA recommends for Hopper and newer; older GPUs use less
    bool tf32 = false;                          // also on with CMTL_TF32=1
};

class CublasLt {
  public:
    // Opens the library that CMTL_CUBLASLT_LIBRARY names, or libcublasLt.so.13 or .12, for the GPU that is current on
    // this thread. Does not throw: refusal() says what is amiss.
    explicit CublasLt(CublasLtOptions options);
    ~CublasLt();
    CublasLt(const CublasLt&) = delete;
    CublasLt& operator=(const CublasLt&) = delete;

    // Empty, or why there is no cuBLASLt here.
    const std::string& refusal() const { return refusal_; }
    size_t version() const { return version_; }

    // Empty, or why it does not compute this product. Looks for an algorithm.
    std::string refusal(const Product& product);
    // Enqueues the product on the context's stream. Tensors are f32; `bias` is used where the product has one.
    void run(Context& context, const Product& product, const Tensor& a, const Tensor& b, const Tensor& bias,
             const Tensor& c);

  private:
    struct Planned;
    void open();
    void check(cublaslt_api::Status status, std::string_view doing) const;
    Planned& planned(const Product& product);

    CublasLtOptions options_;
    SharedLibrary library_;
    cublaslt_api::Functions api_{};
    std::string refusal_;
    size_t version_ = 0;
    cublaslt_api::Handle handle_ = nullptr;
    std::map<Product, Planned> plans_;
};

}  // namespace cmtl
