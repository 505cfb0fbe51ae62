#pragma once
// The only door to oneDNN (2.6, v2 API). Nothing here ever runs one of its `ref:` implementations, which are hundreds of
// times slower: refusal() says so beforehand, and every call checks again and throws.
#include <memory>
#include <string>

#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {

class OneDnn {
  public:
    OneDnn();
    ~OneDnn();

    enum class Direction { forward, backward_data, backward_weights };
    // Empty when oneDNN has a fast implementation for the problem, else why not.
    std::string refusal(const Conv3dProblem& problem, Direction direction);
    void conv3d_forward(Context& context, const Conv3dProblem& problem, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const Tensor& y);
    void conv3d_backward_data(Context& context, const Conv3dProblem& problem, const Tensor& dy, const Tensor& weight, const Tensor& dx);
    // dbias may be undefined.
    void conv3d_backward_weights(Context& context, const Conv3dProblem& problem, const Tensor& x, const Tensor& dy,
                                 const Tensor& dweight, const Tensor& dbias);

    // Row-major C (m, n) = alpha * op(A) (m, k) op(B) (k, n) + beta * C, op = transpose where asked.
    static void sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                      const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace cmtl
