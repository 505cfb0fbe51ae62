#!/bin/bash
# bundle_test.sh BUNDLE: the packed folder, tried as far as a machine without a GPU allows: in an empty environment, from a copy
# elsewhere, with the system's C library and with the bundle's own.
set -euo pipefail
bundle=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$bundle" "$work/a folder"
here="$work/a folder"
run() { (cd / && env -i PATH=/usr/bin:/bin HOME="$work" "$here/run_gpu_checks.sh" "$@"); }
failures=0
check() { # check WHAT CONDITION...
    if "${@:2}"; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
json() { # json FILE EXPRESSION: a Python expression over the results r
    python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); s = {x["name"]: x for x in r["steps"]}; sys.exit(not eval(sys.argv[2]))' "$@"
}

# Without a GPU: one line says why, every step that needs one is skipped, nothing fails.
if ! { command -v nvidia-smi && nvidia-smi -L; } >/dev/null 2>&1; then
    check "without a GPU it ends well" run --quick -o "$work/none" > "$work/none.txt"
    cat "$work/none.txt"
    check "the reason is told" grep -q 'cuda:0 does not answer: .*no NVIDIA driver' "$work/none.txt"
    check "nothing ran on a GPU" json "$work/none/results.json" 'all(x["state"] == "skipped" for x in r["steps"] if x["name"] != "system") and r["failed"] == 0'
fi

# The CUDA kernels executed on the CPU, with either C library.
for loader in system bundled; do
    check "quick run on simt, $loader C library" run --quick --device simt --loader $loader -o "$work/$loader" --skip "${BUNDLE_TEST_SKIP:-none}" > "$work/$loader.txt"
    cat "$work/$loader.txt"
    check "steps passed" json "$work/$loader/results.json" 'all(s[n]["state"] == "passed" for n in s if n.startswith(("suite", "demo", "parity", "bench-infer", "bench-train")) and not n.endswith("torch"))'
    check "benchmarks are in the results" json "$work/$loader/results.json" 'r["benchmarks"]["train-f32-batch1"]["median_s"] > 0'
done

# With the bundle's libraries and no others at all.
root="$here/payload"
if [[ $(id -u) -eq 0 ]] && command -v chroot >/dev/null; then
    for program in cmtl_train cmtl_infer cmtl_bench; do
        check "$program starts where there is no library" chroot "$here" /start/ld-linux-x86-64.so.2 --library-path /payload/lib:/start \
            /payload/bin/$program --version
    done
fi

# Different weights are no parity.
check "other weights are not the same weights" bash -c '! "$1/bin/compare_tensors" "$2" "$3"' - "$root" \
    "$work/system/parity/cpu/checkpoints/latest.safetensors" "$work/system/demo/run/checkpoints/latest.safetensors"
check "a file is equal to itself" "$root/bin/compare_tensors" "$work/system/parity/cpu/checkpoints/latest.safetensors" \
    "$work/system/parity/cpu/checkpoints/latest.safetensors" 0

[[ $failures -eq 0 ]] && echo "bundle: all checks hold"
exit $((failures > 0))
