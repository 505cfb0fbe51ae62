#!/bin/bash
# Packs tests, benchmarks and programs for a machine that has a GPU and nothing else of ours: one folder that needs no build, no
# package and no newer C library there, only an NVIDIA driver. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    cat <<TEXT
usage: tools/gpu_bundle.sh [--no-build] [--no-test] [FOLDER]
Builds the preset bundle (sm_80 to sm_120) and packs FOLDER (default build/cmtl-gpu): run_gpu_checks.sh, net_torch.py, README.txt and
payload.tar.xz, under 60 MiB together. Copy it to the machine and start run_gpu_checks.sh there. Ends with a trial of it in an
empty environment, with the bundle's own C library and on the CPU's execution of the CUDA kernels.
TEXT
    exit 0
fi
build_first=true test_after=true
while [[ ${1:-} == --* ]]; do
    case $1 in
        --no-build) build_first=false ;;
        --no-test) test_after=false ;;
        *) echo "gpu_bundle.sh: error: unknown argument '$1' (see --help)" >&2; exit 2 ;;
    esac
    shift
done
folder=$(realpath -m "${1:-build/cmtl-gpu}")
limit=$((60 * 1024 * 1024))
build=build/bundle

if [[ -n $(ls -A "$folder" 2>/dev/null) && ! -f $folder/run_gpu_checks.sh ]]; then
    echo "gpu_bundle.sh: error: $folder holds something else than a bundle" >&2
    exit 2
fi
if $build_first; then
    cmake --preset bundle > /dev/null
    cmake --build --preset bundle --target cmtl_bundle_programs
fi

rm -rf "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
start=$folder/start  # the C library with its loader, and xz: what is needed before the payload is unpacked
mkdir -p "$start" "$work"/{bin,lib,data,licences,tests/oracles}

cp -L "$(command -v xz)" "$start/xz"
for program in $build/bin/{cmtl_train,cmtl_infer,cmtl_phantom,cmtl_bench,compare_tensors,test_*}; do
    strip -o "$work/bin/$(basename "$program")" "$program"
done

# Every library they load. The C library's own parts lie apart: they go with its loader or not at all.
glibc='^(ld-linux-x86-64|libc|libm|libmvec|libdl|libpthread|librt|libresolv|libutil|libanl|libnss_[a-z]+)\.so'
ldd "$work"/bin/* "$start/xz" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u > "$work/needed"
if ldd "$work"/bin/* | grep -E 'not found|libcuda\.so|libcudart|libcudnn|libcublas' >&2; then
    echo "gpu_bundle.sh: error: the programs must start without these libraries" >&2
    exit 5
fi
while read -r library; do
    name=$(basename "$library")
    if [[ $name =~ $glibc || $name == liblzma.so.* ]]; then cp -L "$library" "$start/$name"; else cp -L "$library" "$work/lib/$name"; fi
    real=$(realpath "$library")  # packages may still know a file below /usr by its name without
    package=$( (dpkg -S "$real" || dpkg -S "${real#/usr}") 2>/dev/null | cut -d: -f 1 || true)
    if [[ -r /usr/share/doc/$package/copyright ]]; then cp -L "/usr/share/doc/$package/copyright" "$work/licences/$package"; fi
done < "$work/needed"
# Loaded by name where they are wanted: threads that end, and programs linked to the parts that 2.34 merged.
for name in libpthread.so.0 libdl.so.2 librt.so.1; do
    library=$(ldconfig -p | awk -v name=$name '$1 == name && /x86-64/ && !seen++ { print $NF }')
    [[ -n $library ]] && cp -L "$library" "$start/$name"
done
rm "$work/needed"
chmod u+w "$work"/lib/* "$start"/*

cp -r tests/oracles/goldens "$work/tests/oracles/"
$build/bin/cmtl_phantom -o "$work/data/cohort" --cases 24 --size 64x64x48 --seed 1 --split 0.5,0.25,0.25 -q
cp tools/run_gpu_checks.sh bench/net_torch.py "$folder/"
cat > "$folder/README.txt" <<TEXT
cmtl $("$build/bin/cmtl_train" --version | head -n 1), packed for a machine with an NVIDIA GPU (compute capability 8.0 to 12.0, or newer).

    ./run_gpu_checks.sh            everything; about an hour
    ./run_gpu_checks.sh --quick    the same in small
    ./run_gpu_checks.sh --help

It needs x86-64 Linux and an NVIDIA driver for CUDA 13 (580 or newer). compute-sanitizer, Nsight Compute, cuDNN, cuBLAS and PyTorch are
used where they are found. Results: a table, results.json and a log of each step in results-DATE-TIME.
Programs are in payload/bin once it ran; the licences of the libraries that come with them in payload/licences.
TEXT
# Each program holds the same kernels, some 4 MB that are compressed already: a window wider than all programs keeps one copy.
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -c . | xz --lzma2=preset=3,dict=96MiB -T1 > "$folder/payload.tar.xz"

size=$(du -sb "$folder" | cut -f 1)
printf 'gpu_bundle: %s: %.1f MiB, of at most %d\n' "$folder" "$(awk "BEGIN { print $size / 1048576 }")" $((limit / 1048576))
if ((size > limit)); then
    echo "gpu_bundle.sh: error: the bundle is too large; the largest files in it:" >&2
    find "$work" -type f -printf '%s %P\n' | sort -rn | head >&2
    exit 1
fi

if $test_after; then bash tests/bundle/bundle_test.sh "$folder"; fi
