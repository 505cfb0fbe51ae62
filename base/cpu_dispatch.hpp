#pragma once
// One source, several instruction sets: a function marked CMTL_MULTIARCH is compiled for the baseline, AVX2 + FMA
// (x86-64-v3) and AVX-512 (x86-64-v4), and the loader binds the best one the processor has.
//
// OpenMP regions are outlined before the clones are made and would run baseline code: keep the `#pragma omp parallel`
// outside, in a plain function that calls a marked one on its share of the work. Lambdas and templates cannot be
// marked; a marked function is a free function in an anonymous namespace or a static one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CMTL_MULTIARCH __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CMTL_MULTIARCH
#endif
