#!/usr/bin/env python3
"""Writes goldens/radiomics.csv: what PyRadiomics 3.0.1 (NumPy, PyWavelets, SimpleITK) gives for small volumes that are awkward in one way
each. The volumes are made from integers by a formula that tests/radiomics/awkward_volumes.hpp repeats.

    pip install "setuptools<81" wheel cython versioneer numpy SimpleITK scipy && pip install --no-build-isolation pyradiomics==3.0.1
    tests/oracles/radiomics_oracle.py
"""
import csv
import logging
import pathlib

import numpy as np
import SimpleITK as sitk
from radiomics import featureextractor

from formula import words

logging.getLogger("radiomics").setLevel(logging.CRITICAL)
HERE = pathlib.Path(__file__).resolve().parent


def volume(shape):
    """Smooth steps and noise, whole numbers from -400 to some 700."""
    z, y, x = np.meshgrid(*(np.arange(s) for s in shape), indexing="ij")
    noise = (words("radiomics", z.size) % 90).astype(np.int64).reshape(shape)
    return ((x // 3) * 40 - (y // 2) * 25 + (z // 2) * 60 - 300 + noise).astype(np.int16)


def ball(shape):
    z, y, x = np.meshgrid(*(np.arange(s) for s in shape), indexing="ij")
    inside = sum(((2 * v - (s - 1)) ** 2 * 1000) // (s * s) for v, s in zip((z, y, x), shape))
    return (inside < 800).astype(np.uint8)


def everywhere(shape):
    """All but one voxel inside: PyRadiomics takes a mask of one value for an empty one."""
    mask = np.ones(shape, np.uint8)
    mask[tuple(s // 2 for s in shape)] = 0
    return mask


def sparse(shape, percent):
    return (words("mask", np.prod(shape)) % 100 < percent).astype(np.uint8).reshape(shape)


def cases():
    shape = (8, 11, 13)
    lattice = np.zeros(shape, np.uint8)
    lattice[::3, ::3, ::3] = 1
    pair = np.zeros(shape, np.uint8)
    pair[2, 3, 4:6] = 1
    flat = volume(shape) * 0 + 137
    yield "one_slice", volume((1, 17, 19)), ball((1, 17, 19)), {}
    yield "two_slices", volume((2, 10, 9)), ball((2, 10, 9)), {}
    yield "three_slices_to_the_border", volume((3, 9, 8)), everywhere((3, 9, 8)), {}
    yield "one_column", volume((14, 12, 1)), everywhere((14, 12, 1)), {}
    yield "whole_odd", volume((7, 9, 11)), everywhere((7, 9, 11)), {}
    yield "sparse", volume(shape), sparse(shape, 12), {}
    yield "no_neighbours", volume(shape), lattice, {}
    yield "two_voxels", volume(shape), pair, {"minimumROIDimensions": 1}
    yield "one_level", flat, ball(shape), {}
    yield "two_levels", (volume(shape) // 400 * 25).astype(np.int16), ball(shape), {}
    yield "float32", (volume(shape) * np.float32(0.37)).astype(np.float32), ball(shape), {}
    yield "float64", volume(shape) * 0.37, ball(shape), {"binWidth": 7.3}
    yield "bin_count", volume(shape), ball(shape), {"binCount": 16}
    yield "distances", volume(shape), ball(shape), {"distances": [1, 2]}
    yield "shift", volume(shape), ball(shape), {"voxelArrayShift": 1000}
    yield "three_hundred_levels", volume((9, 12, 15)), everywhere((9, 12, 15)), {"binWidth": 2}


def main():
    columns, names = {}, None
    for name, image, mask, settings in cases():
        i, m = sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask)
        for x in (i, m):
            x.SetSpacing((0.5, 0.75, 2.0))
        extractor = featureextractor.RadiomicsFeatureExtractor(**{"binWidth": 25, **settings})
        extractor.disableAllFeatures()
        extractor.enableImageTypeByName("Wavelet")
        for feature_class in ("firstorder", "glcm", "glrlm", "glszm"):
            extractor.enableFeatureClassByName(feature_class)
        with np.errstate(all="ignore"):
            result = {k: float(v) for k, v in extractor.execute(i, m).items() if not k.startswith("diagnostics")}
        names = names or list(result)
        assert list(result) == names, name
        columns[name] = result
        print(name, int(mask.sum()), "voxels")
    with open(HERE / "goldens/radiomics.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["feature", *columns])
        for feature in names:
            out.writerow([feature, *(repr(c[feature]) for c in columns.values())])


if __name__ == "__main__":
    main()
