#!/bin/bash
# Set-up, build and all tests: tools/test.sh [PRESET] [ctest arguments], for example tools/test.sh asan -L imaging
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    echo "usage: tools/test.sh [PRESET] [ctest arguments]"
    echo "Installs what is missing, configures and builds the preset (release, ci, asan, cuda; default release) and runs the tests."
    exit 0
fi
preset=release
if [[ $# -gt 0 && $1 != -* ]]; then
    preset=$1
    shift
fi

tools/setup.sh
cmake --preset "$preset"
cmake --build --preset "$preset"
# Threads that spin while they wait slow each other down where tests share the cores.
export OMP_WAIT_POLICY=passive
ctest --test-dir "build/$preset" --output-on-failure -j2 "$@"

# The GPU's side, unless some tests only were asked for.
[[ $# -eq 0 && $preset != asan ]] || exit 0
if ! grep -q '^CUDAToolkit_NVCC_EXECUTABLE:.*/nvcc$' "build/$preset/CMakeCache.txt"; then
    echo "test: there is no nvcc here: the kernels were not compiled for GPUs"
elif [[ ! -d ${CMTL_PTX_RUNTIME:-} ]]; then
    echo "test: nvcc's PTX was not run: CMTL_PTX_RUNTIME names no folder of a CUDA runtime that interprets it"
else
    cmake --preset ptxsim
    cmake --build --preset ptxsim --target cmtl_ptx_tests
    LD_LIBRARY_PATH=$(cd "$CMTL_PTX_RUNTIME" && pwd) ctest --test-dir build/ptxsim --output-on-failure -L '^(ptx|cuda:0)$'
fi
