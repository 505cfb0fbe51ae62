// The numbers that engine/gpu/cublaslt_api.hpp declares, against cuBLASLt's own header where it is at hand. What
// differs does not compile.
#if __has_include(<cublasLt.h>) && __has_include(<cuda_runtime_api.h>)
#include <cublasLt.h>

#include <cstddef>
#include <type_traits>

#include "engine/gpu/cublaslt_api.hpp"

namespace cmtl::cublaslt_api {

#define SAME(ours, theirs) static_assert(static_cast<int>(ours) == static_cast<int>(theirs))

SAME(status_success, CUBLAS_STATUS_SUCCESS);
SAME(status_alloc_failed, CUBLAS_STATUS_ALLOC_FAILED);
SAME(DataType::R_32F, CUDA_R_32F);
SAME(DataType::R_16BF, CUDA_R_16BF);
SAME(ComputeType::COMPUTE_32F, CUBLAS_COMPUTE_32F);
SAME(ComputeType::COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_32F_FAST_TF32);
SAME(Operation::N, CUBLAS_OP_N);
SAME(Operation::T, CUBLAS_OP_T);
SAME(MatmulAttribute::TRANSA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME(MatmulAttribute::TRANSB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME(MatmulAttribute::EPILOGUE, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME(MatmulAttribute::BIAS_POINTER, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME(Epilogue::DEFAULT, CUBLASLT_EPILOGUE_DEFAULT);
SAME(Epilogue::BIAS, CUBLASLT_EPILOGUE_BIAS);
SAME(PreferenceAttribute::MAX_WORKSPACE_BYTES, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME(PreferenceAttribute::MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME(PreferenceAttribute::MIN_ALIGNMENT_B_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME(PreferenceAttribute::MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME(PreferenceAttribute::MIN_ALIGNMENT_D_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);

static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t) && alignof(Algorithm) == alignof(cublasLtMatmulAlgo_t));
static_assert(sizeof(HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(HeuristicResult, workspace) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(HeuristicResult, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(sizeof(Status) == sizeof(cublasStatus_t) && sizeof(DataType) == sizeof(cudaDataType_t) &&
              sizeof(ComputeType) == sizeof(cublasComputeType_t) && sizeof(Epilogue) == sizeof(cublasLtEpilogue_t) &&
              sizeof(Operation) == sizeof(cublasOperation_t));

// Functions: what ours take is what theirs take, but for the names of the types.
template <class Ours, class Theirs>
struct SameCall : std::false_type {};
template <class R, class... A, class S, class... B>
struct SameCall<R (*)(A...), S (*)(B...)>
    : std::bool_constant<sizeof...(A) == sizeof...(B) && ((sizeof(A) == sizeof(B)) && ...) &&
                         ((std::is_pointer_v<A> == std::is_pointer_v<B>)&&...)> {};
#define CALL(ours, theirs) static_assert(SameCall<decltype(Functions::ours), decltype(&theirs)>::value)
CALL(get_version, cublasLtGetVersion);
CALL(get_status_string, cublasLtGetStatusString);
CALL(create, cublasLtCreate);
CALL(destroy, cublasLtDestroy);
CALL(matmul_create, cublasLtMatmulDescCreate);
CALL(matmul_destroy, cublasLtMatmulDescDestroy);
CALL(matmul_set, cublasLtMatmulDescSetAttribute);
CALL(layout_create, cublasLtMatrixLayoutCreate);
CALL(layout_destroy, cublasLtMatrixLayoutDestroy);
CALL(preference_create, cublasLtMatmulPreferenceCreate);
CALL(preference_destroy, cublasLtMatmulPreferenceDestroy);
CALL(preference_set, cublasLtMatmulPreferenceSetAttribute);
CALL(get_heuristic, cublasLtMatmulAlgoGetHeuristic);
CALL(matmul, cublasLtMatmul);

}  // namespace cmtl::cublaslt_api

#endif
