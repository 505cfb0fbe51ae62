#!/usr/bin/env bash
# Mutation run: takes each barrier and each wait for cp.async out of the kernels, one at a time, in a copy of the tree, and expects a
# test to turn red. What survives must be listed with a reason in tools/mutate_barriers_survivors.txt, and what is listed must survive.
#
#     tools/mutate_barriers.sh [--work DIR] [--only PATTERN] [--list]
#
#   --work DIR      copy, build and logs (default build/mutation); kept, so that the next run builds only what changed
#   --only PATTERN  mutants whose name (file#number) contains this
#   --list          names and source lines of the mutants, nothing else
#
# First the kernels' tests under the race checks (test_kernels_counted) are asked, those of the file's own kernels before the rest; then
# test_kernels, which runs them in shuffled orders. Not part of the default test run, for it takes half an hour on two cores:
#     ctest -C Mutation -L mutation
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/mutation only="" list=0
while (($#)); do
    case $1 in
        --work) work=$(mkdir -p "$2" && cd "$2" && pwd); shift 2 ;;
        --only) only=$2; shift 2 ;;
        --list) list=1; shift ;;
        *) echo "usage: $0 [--work DIR] [--only PATTERN] [--list]" >&2; exit 2 ;;
    esac
done
survivors=$root/tools/mutate_barriers_survivors.txt
what='__syncthreads[a-z_]*\(|__syncwarp\(|cp_async_wait<[0-9]+>\(\)'
cd "$root"

# file#number:line:source, one a barrier; a line with two of them counts once.
mutants() {
    local file line number last="" source
    while IFS=: read -r file line source; do
        [[ $file == "$last" ]] || number=0
        last=$file number=$((number + 1))
        printf '%s#%d:%s:%s\n' "$file" "$number" "$line" "$source"
    done < <(grep -rnE "$what" kernels --include=*.cuh --include=*.cu | grep -v '^kernels/ptx/' | grep -vE '^[^:]*:[0-9]+: *//' | sort -t: -k1,1 -k2,2n)
}
if ((list)); then
    mutants | grep -F -- "$only"
    exit 0
fi

# Test suites of the kernels in a file; the rest of the tests runs only when these are green.
suites() {
    case $1 in
        kernels/conv3d*) echo '*Conv3d*' ;;
        kernels/augmentation*) echo '*Augment*' ;;
        kernels/shift3d*) echo '*Shift3d*' ;;
        kernels/stem*) echo '*Stem*' ;;
        kernels/multitask_loss*) echo '*Loss*:*Dirichlet*:*Sum*' ;;
        kernels/linear*) echo '*Linear*' ;;
        kernels/glcm* | kernels/glrlm* | kernels/glszm*) echo '*Glcm*:*Glrlm*:*Glszm*' ;;
        kernels/wavelet*) echo '*Wavelet*' ;;
        kernels/primitives/*) echo '*Primitive*:*Block*:*Warp*:*Histogram*:*BatchNorm*:*ColumnSums*' ;;
        *) echo '*' ;;
    esac
}

mkdir -p "$work/tree" "$work/logs"
git ls-files -co --exclude-standard | while read -r f; do [[ -f $f ]] && echo "$f"; done | tar cf - -T - | tar xf - -C "$work/tree" --skip-old-files
git ls-files -co --exclude-standard -- kernels tests cmake base CMakeLists.txt bench/counters | while read -r f; do
    if [[ -f $f ]] && ! cmp -s "$f" "$work/tree/$f"; then cp "$f" "$work/tree/$f"; fi
done
(cd "$work/tree" && find kernels tests -type f) | while read -r f; do [[ -f $f ]] || rm "$work/tree/$f"; done
cd "$work/tree"  # from here on nothing depends on the tree that may be edited meanwhile
mapfile -t all < <(mutants | grep -F -- "$only" || true)
cmake -S "$work/tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMTL_CUDA=OFF -DCMTL_BENCH=OFF > "$work/logs/configure.log"
ninja -j "$(nproc)" -C "$work/build" test_kernels_counted test_kernels > "$work/logs/build.log"
export OMP_WAIT_POLICY=passive

# red PROGRAM FILTER LOG: whether a test fails, crashes or hangs.
red() { ! timeout 1200 "$work/build/bin/$1" --gtest_filter="$2" --gtest_fail_fast > "$3" 2>&1; }
nobody='*Simt*:Instrument*:Philox*:Counter*:*/Counters*'  # these look at no kernel of the product, or only count
if red test_kernels_counted "*-$nobody" "$work/logs/clean.log"; then
    echo "the tests are red without a mutant: $work/logs/clean.log" >&2
    exit 1
fi

killed=0 failures=0
for mutant in "${all[@]}"; do
    IFS=: read -r name line source <<< "$mutant"
    file=${name%#*} log=$work/logs/$(tr '/#' '__' <<< "$name").log
    cp "$file" "$work/original"
    # A vote keeps its argument: each thread then goes by its own.
    sed -E "${line}s/cp_async_wait<[0-9]+>\(\)|__syncthreads\(\)|__syncwarp\([^()]*\)/(void)0/g; ${line}s/__syncthreads_(or|and|count)\(/(/g" "$work/original" > "$file"
    verdict=survived
    if ! ninja -j "$(nproc)" -C "$work/build" test_kernels_counted > "$log" 2>&1; then
        verdict="does not build"
    elif red test_kernels_counted "$(suites "$file")-$nobody" "$log" || red test_kernels_counted "*-$nobody" "$log"; then
        verdict="killed by the checks: $(grep -m1 -oE '(race in|reads what nobody|not waited for|out of bounds|\[  FAILED  \]).*' "$log" | cut -c1-110 || true)"
    elif ninja -j "$(nproc)" -C "$work/build" test_kernels > "$log" 2>&1 && red test_kernels "*-$nobody" "$log"; then
        verdict="killed by a result: $(grep -m1 -oE '\[  FAILED  \].*' "$log" | cut -c1-110 || true)"
    fi
    cp "$work/original" "$file"
    reason=$(grep -F "$name " "$survivors" 2> /dev/null | head -1 | cut -d' ' -f2- || true)
    case $verdict in
        killed*)
            killed=$((killed + 1))
            [[ -z $reason ]] || { verdict="$verdict; but it is listed as a survivor"; failures=$((failures + 1)); } ;;
        survived)
            if [[ -n $reason ]]; then verdict="survived, explained: $reason"; else failures=$((failures + 1)); fi ;;
        *) failures=$((failures + 1)) ;;
    esac
    printf '%s (line %s): %s\n' "$name" "$line" "$verdict"
done
echo "${#all[@]} mutants, $killed killed, $failures to look at"
((failures == 0))
