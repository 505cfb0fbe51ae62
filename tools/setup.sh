#!/bin/bash
# Installs what the build needs, as Debian 12 packages. Does nothing, and needs no network, when all of them are there.
set -euo pipefail

packages=(
    # build
    g++ cmake ninja-build ccache git ca-certificates pkg-config
    # image files: DICOM, NIfTI, MetaImage, NRRD; PNG; zip and tar
    libinsighttoolkit5-dev libgdcm-dev libpng-dev zlib1g-dev libarchive-dev
    # convolutions on the CPU
    libdnnl-dev
    # boosted trees
    libxgboost-dev
    # JSON, YAML, command lines, text, logs
    nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libfmt-dev libspdlog-dev
    # tests and benchmarks
    libgtest-dev libbenchmark-dev
)

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    echo "usage: tools/setup.sh [--list]"
    echo "Installs the Debian packages that the build needs (as root, or through sudo); --list prints their names."
    exit 0
elif [[ ${1:-} == --list ]]; then
    printf '%s\n' "${packages[@]}"
    exit 0
elif [[ $# -gt 0 ]]; then
    echo "setup.sh: error: unknown argument '$1' (see --help)" >&2
    exit 2
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup.sh: error: this is no Debian system; install what these packages hold, then build with cmake:" >&2
    echo "  ${packages[*]}" >&2
    exit 4
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed* ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
    echo "setup: all ${#packages[@]} packages are there"
    exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "setup.sh: error: root is needed to install: ${missing[*]}" >&2
        echo "  run as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 4
    fi
    as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; }
# A list of packages may be old or absent: refresh it first, and go on with the old one where there is no network.
apt update || echo "setup: the list of packages could not be refreshed: $(tail -n 1 "$log")" >&2
if ! apt install -y --no-install-recommends "${missing[@]}"; then
    cat "$log" >&2
    echo "setup.sh: error: apt-get could not install the packages; the lines above say why" >&2
    exit 4
fi
echo "setup: done"
