#pragma once
// The little of cuBLASLt's C interface that is used here, declared so that building needs no cuBLAS; where its headers
// are at hand, tests/engine/cublaslt_test.cpp compares every number and size with them. Versions 12 and 13 agree on all
// of it. Names are cuBLASLt's without their prefix. Source: docs.nvidia.com/cuda/cublas, "Using the cuBLASLt API".
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::cublaslt_api {

using Handle = struct HandleTag*;
using Matmul = struct MatmulTag*;          // cublasLtMatmulDesc_t
using Layout = struct LayoutTag*;          // cublasLtMatrixLayout_t
using Preference = struct PreferenceTag*;  // cublasLtMatmulPreference_t
using Status = int;

constexpr Status status_success = 0, status_alloc_failed = 3;

enum class DataType : int { R_32F = 0, R_16BF = 14 };
enum class ComputeType : int { COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };
enum class Operation : int { N = 0, T = 1 };
enum class MatmulAttribute : int { TRANSA = 3, TRANSB = 4, EPILOGUE = 7, BIAS_POINTER = 8 };
enum class Epilogue : int { DEFAULT = 1, BIAS = 4 };
enum class PreferenceAttribute : int {
    MAX_WORKSPACE_BYTES = 1,
    MIN_ALIGNMENT_A_BYTES = 5,
    MIN_ALIGNMENT_B_BYTES = 6,
    MIN_ALIGNMENT_C_BYTES = 7,
    MIN_ALIGNMENT_D_BYTES = 8,
};

struct Algorithm {
    uint64_t data[8];
};

struct HeuristicResult {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

// The functions, fetched from the opened library.
struct Functions {
    size_t (*get_version)();
    const char* (*get_status_string)(Status);
    Status (*create)(Handle*);
    Status (*destroy)(Handle);
    Status (*matmul_create)(Matmul*, ComputeType, DataType scale);
    Status (*matmul_destroy)(Matmul);
    Status (*matmul_set)(Matmul, MatmulAttribute, const void* value, size_t bytes);
    Status (*layout_create)(Layout*, DataType, uint64_t rows, uint64_t columns, int64_t leading);
    Status (*layout_destroy)(Layout);
    Status (*preference_create)(Preference*);
    Status (*preference_destroy)(Preference);
    Status (*preference_set)(Preference, PreferenceAttribute, const void* value, size_t bytes);
    Status (*get_heuristic)(Handle, Matmul, Layout a, Layout b, Layout c, Layout d, Preference, int wanted,
                            HeuristicResult* results, int* count);
    Status (*matmul)(Handle, Matmul, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta,
                     const void* c, Layout, void* d, Layout, const Algorithm*, void* workspace, size_t workspace_bytes,
                     kernels::Stream);
};

}  // namespace cmtl::cublaslt_api
