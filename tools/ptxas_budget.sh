#!/bin/bash
# What ptxas says of every kernel, against the budget that is checked in: registers, static shared memory, stack, and no spills.
#   tools/ptxas_budget.sh build/release [--budget FILE] [--toolkit VERSION] [--update]
# Reads the logs that the build keeps beside its objects (BUILD/cuda/kernels/**.cu.log).
set -euo pipefail
export LC_ALL=C

usage() {
    cat <<TEXT
usage: tools/ptxas_budget.sh BUILD [--budget FILE] [--toolkit VERSION] [--update]
Compares the logs of ptxas below BUILD/cuda with the budget (bench/budgets/ptxas.tsv) and lists every kernel that is over it, is
not in it, or is in it and was not compiled. --update writes the budget anew from the logs; spills are refused even then.
--toolkit tells the version of nvcc: registers and stack are held to the budget only where that was written with the same one.
TEXT
}

budget=$(dirname "$0")/../bench/budgets/ptxas.tsv
build="" toolkit="" update=false
while [[ $# -gt 0 ]]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --update) update=true ;;
        --budget) budget=${2:?--budget needs a file}; shift ;;
        --toolkit) toolkit=${2:?--toolkit needs a version}; shift ;;
        -*) echo "ptxas_budget.sh: error: unknown argument '$1' (see --help)" >&2; exit 2 ;;
        *) build=$1 ;;
    esac
    shift
done
[[ -n $build ]] || { usage >&2; exit 2; }

mapfile -t logs < <(find "$build/cuda" -name '*.cu.log' 2>/dev/null | sort)
if [[ ${#logs[@]} -eq 0 ]]; then
    echo "ptxas_budget.sh: error: no logs of ptxas below $build/cuda: build with nvcc first" >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One line a kernel and architecture: mangled name, architecture, registers, static shared memory, stack, spills (bytes).
# ptxas tells stack and spills of a kernel and of each function that it calls: the kernel answers for all of them.
awk '
    /Compiling entry function/ { split($0, part, "\047"); name = part[2]; architecture = part[4]; stack = spill = 0 }
    /bytes stack frame/ {
        for (i = 2; i <= NF; ++i) {
            if ($i == "bytes" && $(i + 1) == "stack") stack += $(i - 1)
            if ($i == "bytes" && $(i + 1) == "spill") spill += $(i - 1)
        }
    }
    /: Used [0-9]+ registers/ && name != "" {
        registers = shared = 0
        for (i = 2; i <= NF; ++i) {
            if ($i ~ /^registers/) registers = $(i - 1)
            if ($i ~ /^smem/) shared = $(i - 2)
        }
        print name "\t" architecture "\t" registers "\t" shared "\t" stack "\t" spill
        name = ""
    }' "${logs[@]}" > "$work/mangled"

# Names as the source has them: no return type, no parameters, no namespaces of ours.
cut -f 1 "$work/mangled" | c++filt | awk '
    {
        name = $0
        depth = 0
        for (i = length(name); i > 0; --i) {  # the last pair of brackets holds the parameters
            c = substr(name, i, 1)
            if (c == ")") ++depth
            if (c == "(" && --depth == 0) break
        }
        if (i > 1) name = substr(name, 1, i - 1)
        gsub(/cmtl::kernels::/, "", name)
        gsub(/on_cuda::/, "", name)
        sub(/^void /, "", name)
        print name
    }' > "$work/names"
# A kernel that several files instantiate counts by its largest figures.
paste "$work/names" <(cut -f 2- "$work/mangled") | awk -F '\t' '
    function larger(a, b) { return a + 0 > b + 0 ? a : b }
    {
        key = $1 "\t" $2
        for (i = 3; i <= 6; ++i) most[key, i] = larger(most[key, i], $i)
        seen[key] = 1
    }
    END { for (key in seen) print key "\t" most[key, 3] + 0 "\t" most[key, 4] + 0 "\t" most[key, 5] + 0 "\t" most[key, 6] + 0 }' |
    grep -v '^\(cub\|thrust\)::' |  # a library's kernels are that library's business
    sort -t $'\t' -k 1,1 -k 2,2V > "$work/measured"

if $update; then
    if awk -F '\t' '$6 > 0 { print "  " $1 " " $2 ": " $6 " bytes"; bad = 1 } END { exit !bad }' "$work/measured" > "$work/spills"; then
        echo "ptxas_budget.sh: error: no budget has room for spills:" >&2
        cat "$work/spills" >&2
        exit 1
    fi
    mkdir -p "$(dirname "$budget")"
    {
        echo "# What each kernel may use, by tools/ptxas_budget.sh --update: registers a thread, static shared memory a block and stack"
        echo "# a thread in bytes. Spills are not allowed."
        echo "# toolkit ${toolkit:-unknown}"
        printf '# kernel\tarchitecture\tregisters\tshared\tstack\n'
        cut -f 1-5 "$work/measured"
    } > "$budget"
    echo "ptxas_budget: $(wc -l < "$work/measured") entries written to $budget"
    exit 0
fi

[[ -r $budget ]] || { echo "ptxas_budget.sh: error: $budget cannot be read; --update writes it" >&2; exit 3; }
written=$(sed -n 's/^# toolkit //p' "$budget")
strict=1
if [[ -n $toolkit && $toolkit != "$written" ]]; then
    strict=0
    echo "ptxas_budget: the budget was written with CUDA $written, this is $toolkit: excess is shown, spills and gaps fail"
fi
# Architectures that were not compiled this time are not missed.
awk -F '\t' -v strict=$strict '
    function row(what, counts) {
        bad += counts
        if (!rows++) printf "%-44s %-7s %14s %14s %12s %8s  %s\n", "kernel", "arch", "registers", "shared", "stack", "spills", "problem"
        printf "%-44s %-7s %14s %14s %12s %8s  %s\n", kernel, architecture, figure[3], figure[4], figure[5], figure[6], what
    }
    function set(i, value, limit) { figure[i] = limit == "" ? value : value " of " limit; return limit != "" && value + 0 > limit + 0 }
    /^#/ { next }
    NR == FNR { for (i = 3; i <= 5; ++i) budget[$1, $2, i] = $i; known[$1 "\t" $2] = 1; next }
    {
        kernel = $1; architecture = $2
        built[architecture] = 1
        found[kernel "\t" architecture] = 1
        over = 0
        for (i = 3; i <= 5; ++i) over += set(i, $i, budget[kernel, architecture, i])
        figure[6] = $6
        if ($6 > 0) row("spills", 1)
        else if (!((kernel "\t" architecture) in known)) row("not in the budget", 1)
        else if (over) row("over the budget", strict)
        ++count
    }
    END {
        for (key in known) {
            split(key, part, "\t")
            if (!(part[2] in built) || key in found) continue
            kernel = part[1]; architecture = part[2]
            for (i = 3; i <= 6; ++i) figure[i] = "-"
            row("in the budget, not compiled", 1)
        }
        if (bad) {
            printf "ptxas_budget: %d of %d kernel builds do not hold; after a look at each, tools/ptxas_budget.sh BUILD --update\n", bad, count
            exit 1
        }
        printf "ptxas_budget: %d kernel builds hold, no spills\n", count
    }' "$budget" "$work/measured"
