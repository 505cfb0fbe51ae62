#!/bin/bash
# Packs tests, benchmarks and programs for a machine that has a GPU and nothing else of ours: one folder that needs no build, no
# package and no newer C library there, only an NVIDIA driver. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    cat <<TEXT
usage: tools/gpu_bundle.sh [FOLDER]
Builds the preset bundle (sm_80 to sm_120) and packs FOLDER (default build/cmtl-gpu): run_gpu_checks.sh, net_torch.py, README.txt and
payload.tar.gz, under 60 MiB together. Copy it to the machine and start run_gpu_checks.sh there. Ends with a trial of it in an
empty environment, with the bundle's own C library and on the CPU's execution of the CUDA kernels.
TEXT
    exit 0
fi
folder=$(realpath -m "${1:-build/cmtl-gpu}")
limit=$((60 * 1024 * 1024))
build=build/bundle

if [[ -e $folder && ! -f $folder/run_gpu_checks.sh ]]; then
    echo "gpu_bundle.sh: error: $folder exists and is no bundle" >&2
    exit 2
fi
cmake --preset bundle > /dev/null
cmake --build --preset bundle --target cmtl_bundle_programs

rm -rf "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder" "$work"/{bin,lib,glibc,data,licences,tests/oracles}

for program in $build/bin/{cmtl_train,cmtl_infer,cmtl_phantom,cmtl_bench,compare_tensors,test_*}; do
    strip -o "$work/bin/$(basename "$program")" "$program"
done

# Every library they load. The C library's own parts lie apart: they go with its loader or not at all.
glibc='^(ld-linux-x86-64|libc|libm|libmvec|libdl|libpthread|librt|libresolv|libutil|libanl|libnss_[a-z]+)\.so'
ldd "$work"/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u > "$work/needed"
if ldd "$work"/bin/* | grep -E 'not found|libcuda\.so|libcudart|libcudnn|libcublas' >&2; then
    echo "gpu_bundle.sh: error: the programs must start without these libraries" >&2
    exit 5
fi
while read -r library; do
    name=$(basename "$library")
    if [[ $name =~ $glibc ]]; then place=glibc; else place=lib; fi
    cp -L "$library" "$work/$place/$name"
    package=$(dpkg -S "$(realpath "$library")" 2>/dev/null | head -n 1 | cut -d: -f 1 || true)
    [[ -n $package ]] && cp -L "/usr/share/doc/$package/copyright" "$work/licences/$package" 2>/dev/null || true
done < "$work/needed"
# Loaded by name where they are wanted: threads that end, and programs linked to the parts that 2.34 merged.
for name in libpthread.so.0 libdl.so.2 librt.so.1; do
    library=$(ldconfig -p | awk -v name=$name '$1 == name && /x86-64/ { print $NF; exit }')
    [[ -n $library ]] && cp -L "$library" "$work/glibc/$name"
done
rm "$work/needed"
chmod u+w "$work"/{lib,glibc}/*

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
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -c . | gzip -9 > "$folder/payload.tar.gz"

size=$(du -sb "$folder" | cut -f 1)
printf 'gpu_bundle: %s: %.1f MiB, of at most %d\n' "$folder" "$(awk "BEGIN { print $size / 1048576 }")" $((limit / 1048576))
if ((size > limit)); then
    echo "gpu_bundle.sh: error: the bundle is too large; the largest files in it:" >&2
    find "$work" -type f -printf '%s %P\n' | sort -rn | head >&2
    exit 1
fi

bash tests/bundle/bundle_test.sh "$folder"
