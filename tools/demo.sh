#!/bin/bash
# The whole of it in one go, from a fresh clone: set-up, build, a cohort of synthetic chest CTs, their lungs and features, a small
# model trained on them and tried on cases it has not seen, and one of those read by cmtl_infer. About 7 minutes on 2 cores; leaves
# build/demo/run.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    echo "usage: tools/demo.sh"
    echo "Sets up, builds build/release, makes a phantom cohort, trains and reads a case: everything goes to build/demo."
    exit 0
elif [[ $# -gt 0 ]]; then
    echo "demo.sh: error: unknown argument '$1' (see --help)" >&2
    exit 2
fi

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

export OMP_WAIT_POLICY=passive  # threads that spin while they wait cost more than they gain on shared cores
bin=build/release/bin
demo=build/demo

step "Set-up"
tools/setup.sh

step "Build"
cmake --preset release > /dev/null
cmake --build --preset release --target cmtl_phantom cmtl_prepare cmtl_train cmtl_infer

step "Cohort of 100 phantoms"
$bin/cmtl_phantom -o $demo/cohort --cases 100 --seed 1 --split 0.5,0.2,0.3

step "Lungs, volumes and features"
$bin/cmtl_prepare --manifest $demo/cohort/cohort.csv --preset small -o $demo/prepared

step "Training"
rm -rf $demo/run $demo/result
$bin/cmtl_train --manifest $demo/cohort/cohort.csv --preset small --set train.epochs=30 --seed 1 --cache $demo/prepared -o $demo/run

step "Reading one case that the model has not seen"
case=$(awk -F, '$NF == "test" && $3 == 1 { print $2; exit }' $demo/cohort/cohort.csv)
$bin/cmtl_infer --model $demo/run -i "$demo/cohort/$case" -o $demo/result

id=$(basename "$case" .nii.gz)
step "Done"
cat <<TEXT
the model        $demo/run/checkpoints/best.safetensors
its report       $demo/run/report.html
test cases       $demo/run/predictions_test.csv
its features     $demo/prepared/features.csv
the case         $demo/cohort/$case
  probabilities  $demo/result/$id.json
  lungs          $demo/result/${id}_lungs.nii.gz
  report         $demo/result/$id.html
TEXT
