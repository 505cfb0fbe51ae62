#!/bin/bash
# tools/ptxas_budget.sh finds what it is there to find: logs with planted faults.
set -euo pipefail
script=$(cd "$(dirname "$0")/../.." && pwd)/tools/ptxas_budget.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cuda/kernels"

# entry FILE MANGLED ARCHITECTURE REGISTERS SHARED STACK SPILL: what ptxas writes for a kernel
entry() {
    cat >> "$work/cuda/kernels/$1.cu.log" <<TEXT
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '$2' for '$3'
ptxas info    : Function properties for $2
    $6 bytes stack frame, $7 bytes spill stores, $7 bytes spill loads
ptxas info    : Used $4 registers, used 1 barriers, $5 bytes smem, 380 bytes cmem[0]
ptxas info    : Compile time = 3.1 ms
TEXT
}
# cmtl::kernels::on_cuda::sum_kernel(float*) and ...::conv_kernel<3, true>(float*, long)
sum=_ZN4cmtl7kernels7on_cuda10sum_kernelEPf
conv=_ZN4cmtl7kernels7on_cuda11conv_kernelILi3ELb1EEEvPfl
fresh() {
    rm -f "$work"/cuda/kernels/*
    entry a $sum sm_80 24 128 0 0
    entry a $sum sm_90 28 128 0 0
    entry b $conv sm_80 96 0 16 0
}
failures=0
# expect STATUS TEXT WHAT ARGUMENTS...
expect() {
    local status=0 output
    output=$(bash "$script" "$work" --budget "$work/budget.tsv" "${@:4}" 2>&1) || status=$?
    if [[ $status -ne $1 || $output != *"$2"* ]]; then
        printf 'FAILED: %s: status %d, expected %d and "%s", in:\n%s\n' "$3" "$status" "$1" "$2" "$output"
        failures=$((failures + 1))
    fi
}

expect 3 "no logs" "no logs"
fresh
expect 3 "cannot be read" "no budget"
expect 0 "3 entries" "a first budget" --update --toolkit 13.0
grep -q $'^conv_kernel<3, true>\tsm_80\t96\t0\t16$' "$work/budget.tsv" || { echo "FAILED: names and figures of the budget:"; cat "$work/budget.tsv"; failures=1; }
expect 0 "3 kernel builds hold" "what it was written from"

fresh; entry c $sum sm_80 20 64 0 0
expect 0 "3 kernel builds hold" "an instance in a second file that needs less"
fresh; entry c $sum sm_80 24 128 0 8
expect 1 "spills" "a spill in a second file"
expect 1 "sum_kernel sm_80: 16 bytes" "a spill is no budget" --update
fresh; sed -i 's/Used 24/Used 25/' "$work/cuda/kernels/a.cu.log"
expect 1 "25 of 24" "one register more"
expect 0 "25 of 24" "one register more by another compiler" --toolkit 12.8
fresh; sed -i 's/, 128 bytes smem/, 256 bytes smem/' "$work/cuda/kernels/a.cu.log"
expect 1 "256 of 128" "more shared memory"
fresh; sed -i 's/    16 bytes stack/    24 bytes stack/' "$work/cuda/kernels/b.cu.log"
expect 1 "24 of 16" "more stack"
fresh; entry c _ZN4cmtl7kernels7on_cuda10new_kernelEPf sm_80 8 0 0 0
expect 1 "not in the budget" "a kernel nobody budgeted"
fresh; rm "$work/cuda/kernels/b.cu.log"
expect 1 "in the budget, not compiled" "a kernel that went away"
fresh; sed -i '/sm_90/,$d' "$work/cuda/kernels/a.cu.log"
expect 0 "2 kernel builds hold" "an architecture that was not built"
# A function that the kernel calls spills.
fresh; sed -i '/Used 96/i ptxas info    : Function properties for helper\n    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads' "$work/cuda/kernels/b.cu.log"
expect 1 "spills" "a spill in a function that the kernel calls"

[[ $failures -eq 0 ]] && echo "ptxas_budget.sh: every planted fault was found"
exit $((failures > 0))
