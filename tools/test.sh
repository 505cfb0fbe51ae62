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
