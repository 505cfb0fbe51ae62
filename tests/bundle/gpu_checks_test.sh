#!/bin/bash
# tools/run_gpu_checks.sh on programs that play a GPU: what passes, fails, hangs, has no memory or is not there is told apart, each
# step gets the command it should, and the run goes on.
set -euo pipefail
source_root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle="$work/a bundle"
bin="$bundle/payload/bin"
mkdir -p "$bin" "$bundle/payload/data/cohort" "$work/nvidia"
cp "$source_root/tools/run_gpu_checks.sh" "$source_root/bench/net_torch.py" "$bundle/"

play() { # play FILE: an executable script, from standard input
    { echo '#!/bin/bash'; cat; } > "$1"
    chmod +x "$1"
}
play "$bin/cmtl_bench" <<'TEXT'
[[ $1 == --version ]] && echo "cmtl_bench 1" && exit 0
[[ $* == *"--device cuda:9"* ]] && echo "cmtl_bench: error: [cuda] cuda:9: no NVIDIA driver answers on this machine; use --device cpu" >&2 && exit 4
[[ $* == *"--batch 8"* ]] && echo "cmtl_bench: error: [memory] out of memory: 9 GiB wanted" >&2 && exit 4
[[ ${CMTL_CUDNN_LIBRARY:-} == none ]] && ms=0.002 || ms=0.001
while [[ $# -gt 0 ]]; do [[ $1 == --json ]] && echo "{\"median_s\": $ms}" > "$2"; shift; done
echo "infer: median $ms s"
TEXT
play "$bin/cmtl_train" <<'TEXT'
while [[ $# -gt 0 ]]; do [[ $1 == -o ]] && run=$2; [[ $1 == --device ]] && device=$2; shift; done
mkdir -p "$run/checkpoints" && echo "$device" | tee "$run/checkpoints/best.safetensors" > "$run/checkpoints/latest.safetensors"
TEXT
play "$bin/compare_tensors" <<'TEXT'
echo "$(cat "$1") and $(cat "$2") differ by at most 1e-9"
TEXT
play "$bin/cmtl_infer" <<'TEXT'
while [[ $# -gt 0 ]]; do [[ $1 == -o ]] && out=$2; [[ $1 == --device ]] && device=$2; shift; done
mkdir -p "$out"
[[ $device == cpu ]] && other=0.5 || other=0.51
printf 'ID,CT_0,CT_1,NAT_0,NAT_1,Severity_0,Severity_1,Severity_2,CT,NAT,Severity\na,0.5,0.5,0.5,%s,0.2,0.3,0.5,0,1,2\n' $other > "$out/predictions.csv"
TEXT
echo 'echo "[  PASSED  ] 3 tests."; [[ $CMTL_TEST_DEVICE == cuda:0 ]]' | play "$bin/test_kernels"
echo 'echo "[  FAILED  ] Suite.Case (1 ms)"; exit 1' | play "$bin/test_engine"
echo 'echo "[  PASSED  ] 5 tests."' | play "$bin/test_operators"
echo 'echo "skipped: no device"; exit 77' | play "$bin/test_nets"
echo 'sleep 60' | play "$bin/test_training"
play "$work/nvidia/compute-sanitizer" <<'TEXT'
[[ $* == "--tool memcheck "*test_operators* ]] && echo "========= ERROR SUMMARY: 2 errors" && exit 86
echo "========= ERROR SUMMARY: 0 errors"
TEXT
echo '[[ $* == *cmtl_bench*--mode* && $CMTL_NO_GRAPHS == 1 ]]' | play "$work/nvidia/ncu"

failures=0
check() { # check WHAT COMMAND...
    if ! "${@:2}" > "$work/said" 2>&1; then
        echo "FAILED: $1"
        cat "$work/said"
        failures=$((failures + 1))
    fi
}
run() { (cd / && PATH=$work/nvidia:/usr/bin:/bin "$bundle/run_gpu_checks.sh" -o "$work/$1" "${@:2}" > "$work/$1.txt" 2>&1); }
state() { # state RUN STEP STATE NOTE
    grep -E "^$2 +$3 .*$4" "$work/$1/table.txt" || { cat "$work/$1/table.txt"; return 1; }
}

status=0
run gpu --limit 2 || status=$?
check "a run with failures ends with 1" [ "$status" -eq 1 ]
check "passed" state gpu suite-kernels passed '3 tests'
check "failed, and which test" state gpu suite-engine failed 'exit code 1.*Suite.Case'
check "not there" state gpu suite-nets skipped 'no device'
check "hanging" state gpu suite-training timeout 'longer than 2 s'
check "one step on both devices" state gpu parity-train passed 'cpu and cuda:0 differ'
check "other probabilities" state gpu parity-infer failed 'logarithms of 7 probabilities differ by at most 1.2e-02 of the largest'
check "the sanitizer's finding" state gpu sanitizer-memcheck failed 'exit code 86.*2 errors'
check "the sanitizer's silence" state gpu sanitizer-racecheck passed '0 errors'
check "Nsight Compute" state gpu ncu-train passed ''
check "a GPU too small" state gpu bench-train-f32-batch8 memory 'out of memory'
check "benchmarks side by side" grep -E '^train-bf16-batch1 +1.00 +2.00 +-$' "$work/gpu/table.txt"
check "results.json" python3 - "$work/gpu/results.json" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[1]))
s = {x["name"]: x["state"] for x in r["steps"]}
assert r["failed"] == 4, r["failed"]  # engine, training, parity-infer, memcheck
assert s["suite-kernels"] == "passed" and s["suite-training"] == "timeout", s
assert r["benchmarks"]["infer-f32-batch1"]["median_s"] == 0.001
assert r["answers"] == "yes" and r["device"] == "cuda:0"
PYTHON

check "without a GPU nothing fails" run none --device cuda:9
check "and the reason is told" grep 'cuda:9 does not answer: .*no NVIDIA driver' "$work/none.txt"
check "and steps are skipped" state none suite-kernels skipped 'cuda:9 does not answer'

check "one step alone" run only --only '^parity-train$'
check "is one line" [ "$(grep -c passed "$work/only/table.txt")" -eq 1 ]
check "unknown arguments are refused" bash -c '! "$1" --nonsense' - "$bundle/run_gpu_checks.sh"

[[ $failures -eq 0 ]] && echo "run_gpu_checks.sh: all states are told apart"
exit $((failures > 0))
