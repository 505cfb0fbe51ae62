#!/usr/bin/env python3
"""Grids of DICOM series as SimpleITK reads them, for tests/tools/segment_grid_test.cpp.

    tests/oracles/dicom_geometry_oracle.py DATA [MASK.nii.gz SERIES]

DATA is the folder that CMTL_TEST_DATA names; writes goldens/dicom_geometry.json. With a mask that cmtl_segment made of a series, compares
both grids as SimpleITK reads them and writes nothing. Needs SimpleITK (made with 2.4.0).
"""
import json
import pathlib
import sys

import SimpleITK as sitk

# Series, and whether their lungs are looked for.
SERIES = {"ct/cip/ct-64Dicom": True, "ct/covid-ct-md-P001": False, "ct/covid-ct-md-normal001": False, "dicom/jpeg2000-series": False}


def series(path):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
    return reader.Execute()


def grid(image):
    return {"size": list(image.GetSize()), "spacing": list(image.GetSpacing()), "origin": list(image.GetOrigin()),
            "direction": list(image.GetDirection())}


def main():
    data = pathlib.Path(sys.argv[1])
    if len(sys.argv) == 4:
        ours, theirs = grid(sitk.ReadImage(sys.argv[2])), grid(series(data / sys.argv[3]))
        worst = {key: max(abs(a - b) for a, b in zip(ours[key], theirs[key])) for key in ours}
        print(worst)
        sys.exit(max(worst.values()) > 2e-5)
    result = {"SimpleITK": sitk.Version_VersionString(),
              "series": {name: {**grid(series(data / name)), "segment": lungs} for name, lungs in SERIES.items()}}
    golden = pathlib.Path(__file__).parent / "goldens" / "dicom_geometry.json"
    golden.write_text(json.dumps(result, indent=1) + "\n")


main()
