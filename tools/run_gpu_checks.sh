#!/bin/bash
# Everything that wants a real GPU, in one run: the test suite on it, compute-sanitizer, a training step against the CPU's numbers,
# benchmarks beside cuDNN and PyTorch, Nsight Compute. Part of the folder that tools/gpu_bundle.sh packs; see --help.
set -uo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
device=cuda:0 out="" only="" skip="" list=false quick=false loader=auto most=86400

usage() {
    cat <<TEXT
usage: ./run_gpu_checks.sh [options]
  -o DIR          results and logs (default: results-DATE-TIME here)
  --device D      cuda:N; simt executes the CUDA kernels on the CPU, which tries this script where there is no GPU
  --only REGEX    these steps only; --skip REGEX: all but these; --list prints them
  --quick         small sizes and few cases
  --limit N       at most N seconds for a step, whatever its own limit
  --loader MODE   auto, system or bundled: which C library the programs are started with
Each step has its own time limit and its own log; after a failure the next step follows. Ends with a table, DIR/results.json, and
exit code 0 where nothing failed. Takes about an hour on one GPU; needs an NVIDIA driver for CUDA 13 (580 or newer), nothing else.
TEXT
}
while [[ $# -gt 0 ]]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        -o) out=${2:?-o needs a folder}; shift ;;
        --device) device=${2:?--device needs a name}; shift ;;
        --only) only=${2:?--only needs an expression}; shift ;;
        --skip) skip=${2:?--skip needs an expression}; shift ;;
        --limit) most=${2:?--limit needs seconds}; shift ;;
        --loader) loader=${2:?--loader needs a mode}; shift ;;
        --list) list=true ;;
        --quick) quick=true ;;
        *) echo "run_gpu_checks.sh: error: unknown argument '$1' (see --help)" >&2; exit 2 ;;
    esac
    shift
done

system_library_path=${LD_LIBRARY_PATH:-}

# -- What is here ----------------------------------------------------------------------------------------------------------------

root=$here/payload
unpack_into() { # with the bundle's own xz
    mkdir -p "$1" 2>/dev/null &&
        "$here/start/ld-linux-x86-64.so.2" --library-path "$here/start" "$here/start/xz" -dc "$here/payload.tar.xz" | tar -x -C "$1" 2>/dev/null
}
unpack() {
    [[ -x $root/bin/cmtl_bench ]] && return
    unpack_into "$root" && return
    root=$(mktemp -d)/payload  # the folder is read-only, or its disk full
    unpack_into "$root" && return
    echo "run_gpu_checks.sh: error: payload.tar.xz cannot be unpacked here nor in ${TMPDIR:-/tmp}" >&2
    exit 4
}

# Folders of the driver's library and, for the benchmarks beside them, of cuDNN and cuBLAS.
library_folders() {
    local name folder
    for name in libcuda.so.1 libcudnn.so.9 libcublasLt.so.13 libcublasLt.so.12; do
        { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | awk -v name=$name '$1 == name && /x86-64/ { print $NF }' | head -n 1 | xargs -r dirname
    done
    for folder in /usr/lib/wsl/lib /usr/local/nvidia/lib64 /usr/local/cuda/lib64; do [[ -d $folder ]] && echo "$folder"; done
    command -v python3 >/dev/null && python3 - 2>/dev/null <<'PYTHON'
import glob, site, sys
for base in {*site.getsitepackages(), site.getusersitepackages(), *sys.path}:
    for name in ("cudnn", "cublas", "cu13"):
        for folder in glob.glob(f"{base}/nvidia/{name}/lib"):
            print(folder)
PYTHON
    true
}

# Programs start with the system's C library where that is new enough, else with the loader and the C library of the bundle. The
# driver's libraries come from the system in both cases: they ask for little of a C library.
start=() child_libraries=""
choose_start() {
    child_libraries=$(library_folders | sort -u | paste -sd: -)
    [[ -n $system_library_path ]] && child_libraries=$system_library_path${child_libraries:+:$child_libraries}
    if [[ $loader != bundled ]] && LD_LIBRARY_PATH=$child_libraries "$root/bin/cmtl_bench" --version >/dev/null 2>&1; then
        export LD_LIBRARY_PATH=$child_libraries
        loader="the system's C library"
    elif [[ $loader == system ]]; then
        echo "run_gpu_checks.sh: error: the programs do not start with this system's C library" >&2
        exit 4
    else
        start=("$here/start/ld-linux-x86-64.so.2" --library-path "$root/lib:$here/start${child_libraries:+:$child_libraries}")
        loader="the bundled C library"
    fi
}

tool() { # tool NAME: the path of one of NVIDIA's tools
    command -v "$1" 2>/dev/null && return
    local path
    for path in /usr/local/cuda/bin /usr/local/cuda-*/bin /opt/nvidia/nsight-compute/*; do [[ -x $path/$1 ]] && echo "$path/$1" && return; done
    return 1
}

# -- Steps -----------------------------------------------------------------------------------------------------------------------

names=() states=() times=() notes=() gpu=unknown failed=0
wanted() { [[ (-z $only || $1 =~ $only) && (-z $skip || ! $1 =~ $skip) ]]; }

finish() { # finish NAME STATE SECONDS NOTE
    names+=("$1") states+=("$2") times+=("$3") notes+=("$4")
    [[ $2 == failed || $2 == timeout ]] && failed=$((failed + 1))
    printf '%-24s %-8s %6s s  %s\n' "$1" "$2" "$3" "$4"
}

# What a log says in one line: the error, or else gtest's or the program's last words.
note_of() { # note_of LOG STATUS
    local line=""
    if [[ $2 -ne 0 ]]; then
        line=$(grep -m 1 -aE '(: error: |^\[  FAILED  \]|ERROR SUMMARY: [1-9]|Error:)' "$1")
    else
        line=$(grep -aE '^\[  (PASSED|SKIPPED) *\].* tests?|ERROR SUMMARY|RACECHECK SUMMARY' "$1" | sed 's/, listed below://' | paste -sd' ' -)
        [[ -n $line ]] || line=$(grep -m 1 -aE ': median |differ by at most' "$1")
    fi
    [[ -n $line ]] || line=$(grep -av '^[[:space:]]*$' "$1" | tail -n 1)
    printf '%s' "${line:0:160}"
}

# step NAME NEEDS LIMIT COMMAND...: NEEDS is "gpu", "nvidia" (a real one) or "-"; the command runs in the payload's folder.
step() {
    local name=$1 needs=$2 limit=$3 status=0 begin=$SECONDS log=$out/$1.log
    shift 3
    ((limit > most)) && limit=$most
    wanted "$name" || return 0
    if $list; then printf '%-24s limit %5d s\n' "$name" "$limit"; return 0; fi
    if [[ $needs == nvidia && $device != cuda* ]]; then finish "$name" skipped 0 "for an NVIDIA GPU only"; return 0; fi
    if [[ $needs != - && $gpu != yes ]]; then finish "$name" skipped 0 "$device does not answer"; return 0; fi
    (cd "$root" && exec timeout --kill-after=20 "$limit" "$@") > "$log" 2>&1 < /dev/null || status=$?
    case $status in
        0) finish "$name" passed $((SECONDS - begin)) "$(note_of "$log" 0)" ;;
        77) finish "$name" skipped $((SECONDS - begin)) "$(note_of "$log" 0)" ;;
        4) # a GPU too small for a benchmark is no fault of the program's
            if grep -q -i 'out of memory\|memory left' "$log"; then
                finish "$name" memory $((SECONDS - begin)) "$(note_of "$log" 4)"
            else
                finish "$name" failed $((SECONDS - begin)) "exit code 4: $(note_of "$log" 4)"
            fi ;;
        124 | 137) finish "$name" timeout $((SECONDS - begin)) "longer than $limit s" ;;
        *) finish "$name" failed $((SECONDS - begin)) "exit code $status: $(note_of "$log" $status)" ;;
    esac
    return 0
}
absent() { # absent NAME WHY: a step whose tool is not here
    wanted "$1" || return 0
    if $list; then printf '%-24s %s\n' "$1" "$2"; else finish "$1" skipped 0 "$2"; fi
}
program() { "${start[@]}" "$root/bin/$1" "${@:2}"; }  # in functions that run as steps

system_facts() {
    uname -srm
    grep -m 1 'model name' /proc/cpuinfo
    nproc
    { ldd --version 2>&1 || true; } | head -n 1
    echo "programs start with $loader"
    "${start[@]}" "$root/bin/cmtl_bench" --version
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi
        nvidia-smi -q -d CLOCK,POWER,ECC,PERFORMANCE
        nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem --format=csv,noheader  # the note
    else
        echo "there is no nvidia-smi here"
    fi
}

# One training step on phantoms from the same seed: after it the momentum is the gradient.
train_parity() {
    local d=$out/parity
    rm -rf "$d" && mkdir -p "$d"
    for where in cpu "$device"; do
        program cmtl_train --manifest data/cohort/cohort.csv --preset small --seed 5 --max-steps 1 --device "$where" -q \
            --set model.shift3d.p=1 -o "$d/$where" || return
    done
    program compare_tensors "$d/cpu/checkpoints/latest.safetensors" "$d/$device/checkpoints/latest.safetensors" 3e-2
}
infer_parity() {  # of parity-train's model; logarithms, because after one step its probabilities are near 0 and 1
    local d=$out/parity-infer
    rm -rf "$d" && mkdir -p "$d"
    [[ -e $out/parity/cpu/checkpoints/best.safetensors ]] || { echo "parity-train left no model"; return 1; }
    for where in cpu "$device"; do
        program cmtl_infer --model "$out/parity/cpu" --manifest data/cohort/cohort.csv --device "$where" -q -o "$d/$where" || return
    done
    # Probabilities of every case, next to each other.
    paste -d, "$d/cpu/predictions.csv" "$d/$device/predictions.csv" | awk -F, '
        NR == 1 { half = NF / 2; next }
        {
            for (i = 2; i <= 8; ++i) {
                if ($i <= 0 || $(half + i) <= 0) continue
                a = log($i); d = a - log($(half + i)); a = a < 0 ? -a : a; d = d < 0 ? -d : d
                if (a > largest) largest = a
                if (d > worst) worst = d
                ++count
            }
        }
        END {
            if (largest > 0) worst /= largest
            printf "logarithms of %d probabilities differ by at most %.1e of the largest (bar 1e-3)\n", count, worst
            exit !(largest > 0 && worst <= 1e-3)
        }'
}
demo() {
    local epochs=20
    $quick && epochs=2
    rm -rf "$out/demo" && mkdir -p "$out/demo"
    program cmtl_train --manifest data/cohort/cohort.csv --preset small --set train.epochs=$epochs --seed 1 --device "$device" -o "$out/demo/run"
}

# in_shell FUNCTION: how a function of this script runs under a time limit.
in_shell() {
    declare -p start root out device quick loader
    declare -f program "$1"
    printf '%s\n' "$1"
}

suite() {
    local program filter='*'
    $quick && filter='*Elementwise*:*Relu*:*Dropout*:*OnGpu*:*CudaRuntime*:Losses*:*OnDevices*'
    for program in kernels engine operators nets training; do
        [[ -x $root/bin/test_$program ]] || $list || continue
        step "suite-$program" gpu 1800 env CMTL_TEST_DEVICE="$device" "${start[@]}" "$root/bin/test_$program" --gtest_filter="$filter" --gtest_brief=1 \
            --gtest_output="json:$out/suite-$program.json"
    done
}

sanitizers() {
    local sanitizer check
    for check in memcheck racecheck initcheck synccheck; do
        if ! sanitizer=$(tool compute-sanitizer); then absent "sanitizer-$check" "there is no compute-sanitizer here"; continue; fi
        step "sanitizer-$check" nvidia 1500 env CMTL_TEST_DEVICE="$device" "$sanitizer" --tool $check --error-exitcode 86 --target-processes all \
            "${start[@]}" "$root/bin/test_operators" --gtest_brief=1
        step "sanitizer-$check-train" nvidia 900 "$sanitizer" --tool $check --error-exitcode 86 --target-processes all \
            "${start[@]}" "$root/bin/cmtl_bench" net --mode train --size 33x40x36 --repeats 1 --device "$device"
    done
}

# The same passes with cuDNN and cuBLASLt where they are found, with our own kernels alone, and in PyTorch.
benchmarks() {
    local size=200x250x250 batches="1 8" repeats=20 mode batch dtype name torch=false
    $quick && size=33x40x36 batches=1 repeats=1
    python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null && torch=true
    for mode in infer train; do
        for dtype in f32 bf16; do
            for batch in $batches; do
                name=$mode-$dtype-batch$batch
                local options=(net --mode $mode --dtype $dtype --batch "$batch" --size $size --repeats $repeats --device "$device")
                step "bench-$name" gpu 600 "${start[@]}" "$root/bin/cmtl_bench" "${options[@]}" --json "$out/bench-$name.json"
                step "bench-$name-own" gpu 600 env CMTL_CUDNN_LIBRARY=none CMTL_CUBLASLT_LIBRARY=none "${start[@]}" "$root/bin/cmtl_bench" \
                    "${options[@]}" --json "$out/bench-$name-own.json"
                if $torch; then
                    step "bench-$name-torch" nvidia 600 env LD_LIBRARY_PATH="$system_library_path" python3 "$here/net_torch.py" "${options[@]:1}" \
                        --json "$out/bench-$name-torch.json"
                else
                    absent "bench-$name-torch" "no python3 here has a torch that sees a GPU"
                fi
            done
        done
    done
    if $quick; then
        absent bench-operators "not in a quick run"
    else
        step bench-operators gpu 1200 "${start[@]}" "$root/bin/cmtl_bench" ops --device "$device" --json "$out/bench-operators.json"
    fi
}

profile() {
    local ncu mode
    for mode in infer train; do
        if ! ncu=$(tool ncu); then absent "ncu-$mode" "there is no Nsight Compute here"; continue; fi
        step "ncu-$mode" nvidia 1500 env CMTL_NO_GRAPHS=1 "$ncu" --target-processes all --section SpeedOfLight --section MemoryWorkloadAnalysis \
            --section Occupancy --section LaunchStats --launch-count 300 --csv --log-file "$out/ncu-$mode.csv" \
            "${start[@]}" "$root/bin/cmtl_bench" net --mode $mode --size 200x250x250 --repeats 1 --device "$device"
    done
}

# -- results.json ----------------------------------------------------------------------------------------------------------------

quote() {
    local s
    s=$(printf '%s' "$1" | tr -d '\000-\010\013\014\016-\037' | tr '\n\t\r' '   ')
    s=${s//\\/\\\\}
    printf '"%s"' "${s//\"/\\\"}"
}
write_json() {
    local i file name separator=""
    {
        printf '{\n  "answers": %s,' "$(quote "$gpu")"
        printf '\n  "device": %s,\n  "host": %s,\n  "loader": %s,\n  "gpu": %s,\n' "$(quote "$device")" "$(quote "$(uname -srm)")" \
            "$(quote "$loader")" "$(quote "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1)")"
        printf '  "failed": %d,\n  "steps": [' "$failed"
        for i in "${!names[@]}"; do
            printf '%s\n    {"name": %s, "state": "%s", "seconds": %s, "note": %s}' "$separator" "$(quote "${names[i]}")" "${states[i]}" \
                "${times[i]}" "$(quote "${notes[i]}")"
            separator=,
        done
        printf '\n  ],\n  "benchmarks": {'
        separator=""
        for file in "$out"/bench-*.json; do
            [[ -s $file && $file != */bench-operators.json ]] || continue
            name=$(basename "$file" .json)
            printf '%s\n    %s: ' "$separator" "$(quote "${name#bench-}")"
            cat "$file"
            separator=,
        done
        printf '\n  }\n}\n'
    } > "$out/results.json"
}

# Milliseconds of a pass: ours, ours without the vendor's libraries, PyTorch's.
bench_table() {
    local file name column
    median() { sed -n 's/.*"median_s": *\([0-9.e+-]*\).*/\1/p' "$out/bench-$1.json" 2>/dev/null | head -n 1; }
    ls "$out"/bench-*-batch*.json >/dev/null 2>&1 || return 0
    printf '\n%-24s %12s %12s %12s   median of a pass in ms\n' network cmtl "own kernels" PyTorch
    for file in "$out"/bench-*-batch*.json; do
        name=$(basename "$file" .json)
        name=${name#bench-}
        [[ $name == *-own || $name == *-torch ]] && continue
        printf '%-24s' "$name"
        for column in "" -own -torch; do
            median "$name$column" | awk '{ v = sprintf("%.2f", 1000 * $1) } END { printf " %12s", NR ? v : "-" }'
        done
        printf '\n'
    done
}

# -- All of it -------------------------------------------------------------------------------------------------------------------

if ! $list; then
    unpack
    choose_start
    [[ -n $out ]] || out=$here/results-$(date +%Y%m%d-%H%M%S)
    mkdir -p "$out" || exit 4
    out=$(cd "$out" && pwd)
fi
step system - 120 bash -c "$(in_shell system_facts)"
if $list; then gpu=yes; else
    reason=$("${start[@]}" "$root/bin/cmtl_bench" net --size 17x17x17 --repeats 1 --device "$device" 2>&1) && gpu=yes || gpu=$(printf '%s' "$reason" | tail -n 1 | sed 's/^cmtl_bench: error: //')
    [[ $gpu == yes ]] || echo "$device does not answer: $gpu"
fi
suite
step demo gpu 900 bash -c "$(in_shell demo)"
step parity-train gpu 600 bash -c "$(in_shell train_parity)"
step parity-infer gpu 600 bash -c "$(in_shell infer_parity)"
sanitizers
benchmarks
profile

$list && exit 0
write_json
{
    for i in "${!names[@]}"; do printf '%-24s %-8s %6s s  %s\n' "${names[i]}" "${states[i]}" "${times[i]}" "${notes[i]}"; done
    bench_table
} > "$out/table.txt"
printf '\n'
cat "$out/table.txt"
printf '\n%d steps: %d failed; all of it in %s\n' ${#names[@]} "$failed" "$out"
exit $((failed > 0))
