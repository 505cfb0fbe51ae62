#!/usr/bin/env python3
"""Writes docs/radiomics_conformance.md: every feature of cmtl_radiomics on IBSI's digital phantom beside PyRadiomics 3.0.1, run now, and
IBSI's consensus value; and its worst difference from PyRadiomics over the volumes of radiomics_oracle.py and all nine image types.

    tests/oracles/radiomics_conformance.py [build/release/bin]        needs what radiomics_oracle.py needs
"""
import csv
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import SimpleITK as sitk

import radiomics_oracle as oracle

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/release/bin"


def phantom():
    """The voxels stand in the test of the same name; negative ones are outside of the mask."""
    text = (ROOT / "tests/radiomics/ibsi_digital_phantom_test.cpp").read_text()
    numbers = [int(n) for n in re.findall(r"-?\d+", re.search(r"phantom\[\] = \{(.*?)\};", text, re.S)[1])]
    array = np.array(numbers, np.int16).reshape(4, 4, 5)
    return abs(array), (array > 0).astype(np.uint8)


def ours(folder, image, mask, spacing, settings):
    for name, array in (("i", image), ("m", mask)):
        written = sitk.GetImageFromArray(array)
        written.SetSpacing(spacing)
        sitk.WriteImage(written, str(folder / f"{name}.nrrd"))
    options = [f"--setting={k}={v}" for k, v in settings.items()]
    subprocess.run([PROGRAMS / "cmtl_radiomics", folder / "i.nrrd", folder / "m.nrrd", "-o", folder / "o.csv", "--quiet", *options], check=True)
    with open(folder / "o.csv") as file:
        return {k: float(v) if v else float("nan") for k, v in next(csv.DictReader(file)).items() if k != "ID"}


def theirs(image, mask, spacing, settings):
    extractor = oracle.featureextractor.RadiomicsFeatureExtractor(**settings)
    extractor.disableAllFeatures()
    for feature_class in ("firstorder", "glcm", "glrlm", "glszm"):
        extractor.enableFeatureClassByName(feature_class)
    i, m = sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask)
    for x in (i, m):
        x.SetSpacing(spacing)
    return {k: float(v) for k, v in extractor.execute(i, m).items() if not k.startswith("diagnostics")}


def main():
    worst = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with open(oracle.HERE / "goldens/radiomics.csv") as file:
            golden = {row["feature"]: row for row in csv.DictReader(file)}
        volumes = 0
        for case, image, mask, settings in oracle.cases():
            volumes += 1
            values = ours(folder, image, mask, (0.5, 0.75, 2.0), {"binWidth": 25, **settings})
            for feature, row in golden.items():
                expected, value = float(row[case]), values[feature]
                kind = feature.split("_", 1)[1]
                image_type = feature.split("_")[0]
                flat = golden[f"{image_type}_firstorder_Minimum"][case] == golden[f"{image_type}_firstorder_Maximum"][case]
                if np.isnan(expected) and np.isnan(value) or flat and kind.endswith(("Kurtosis", "Skewness")):
                    continue
                # What vanishes but for rounding is measured against a thousandth.
                difference = abs(value - expected) / max(abs(expected), 1e-3)
                worst[kind] = max(worst.get(kind, 0), difference)
        image, mask = phantom()
        mine = ours(folder, image, mask, (2, 2, 2), {"binWidth": 1})
        them = theirs(image, mask, (2, 2, 2), {"binWidth": 1})
    with open(oracle.HERE / "goldens/ibsi_digital_phantom.csv") as file:
        ibsi = {row["feature"]: row for row in csv.DictReader(file)}
    lines = [
        "# Conformance of the radiomic features", "",
        "Made by `tests/oracles/radiomics_conformance.py`. The first three columns of numbers are of the digital phantom of the Image Biomarker",
        "Standardisation Initiative (theibsi.github.io, CC BY 4.0), bin width 1: what PyRadiomics 3.0.1 computes, the consensus value with the digits",
        f"that IBSI prints, and ours. The last one is the worst relative difference between PyRadiomics and ours over the {volumes} awkward volumes of",
        "`tests/oracles/radiomics_oracle.py` (single slices, sparse masks, float images, hundreds of levels and so on), each with the original and eight",
        "sub-bands; values that vanish but for rounding are measured against a thousandth. Left out are skewness and kurtosis of images that are flat,",
        "which are 0 here and the rounding of a mean there.", "",
        "| class | feature | PyRadiomics | IBSI | IBSI's tag | ours | worst difference |", "|---|---|---:|---:|---|---:|---:|"]
    for feature in mine:
        if not feature.startswith("original_"):
            continue
        _, feature_class, short = feature.split("_")
        reference = ibsi.get(feature, {"printed": "", "tag": "none"})
        note = " (excess: 3 less)" if short == "Kurtosis" else ""
        lines.append(f"| {feature_class} | {short} | {them[feature]:.10g} | {reference['printed']}{note} | {reference['tag']} | {mine[feature]:.10g} | "
                     f"{worst[f'{feature_class}_{short}']:.1e} |")
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs/radiomics_conformance.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
