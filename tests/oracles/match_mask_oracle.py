"""Golden values for tests/radiomics/match_mask_test.cpp: SimpleITK's nearest-neighbour resampling, as PyRadiomics' correctMask uses it.

Run by hand:  python -m venv v && v/bin/pip install numpy==2.4.6 SimpleITK==2.5.7 && v/bin/python tests/oracles/match_mask_oracle.py
"""
import json
import pathlib

import numpy as np
import SimpleITK as sitk

rng = np.random.default_rng(20260102)


def rotation(x, y, z):
    c, s = np.cos([x, y, z]), np.sin([x, y, z])
    rx = np.array([[1, 0, 0], [0, c[0], -s[0]], [0, s[0], c[0]]])
    ry = np.array([[c[1], 0, s[1]], [0, 1, 0], [-s[1], 0, c[1]]])
    rz = np.array([[c[2], -s[2], 0], [s[2], c[2], 0], [0, 0, 1]])
    return rz @ ry @ rx


def grid(size, spacing, origin, direction):
    return {"size": size, "spacing": spacing, "origin": origin, "direction": np.asarray(direction, float).ravel().tolist()}


def image(g, values):
    i = sitk.GetImageFromArray(values)
    i.SetSpacing(g["spacing"]), i.SetOrigin(g["origin"]), i.SetDirection(g["direction"])
    return i


straight, flipped, turned = np.eye(3), np.diag([-1, 1, -1]), np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]])
pairs = [  # image, mask
    (grid([9, 8, 7], [1, 1, 1], [0, 0, 0], straight), grid([9, 8, 7], [1, 1, 1], [0.4, -0.3, 1], straight)),
    # Centres that lie on borders between mask voxels.
    (grid([6, 5, 4], [1, 1, 1], [0, 0, 0], straight), grid([12, 10, 8], [0.5, 0.5, 0.5], [-0.25, -0.25, -0.25], straight)),
    (grid([6, 5, 4], [2, 2, 2], [0, 0, 0], straight), grid([14, 12, 10], [1, 1, 1], [-0.5, -0.5, -1.5], straight)),
    (grid([8, 7, 6], [0.7, 0.9, 2.5], [-10.5, 3, 7], straight), grid([9, 9, 9], [0.8, 0.8, 2], [-5.6, 3.1, 20.3], flipped)),
    (grid([8, 7, 6], [0.7, 0.9, 2.5], [-10.5, 3, 7], turned), grid([8, 8, 8], [1.1, 0.6, 0.9], [-8, 2, 3], straight)),
    (grid([8, 7, 6], [0.7, 0.9, 1.5], [-10.5, 3, 7], rotation(0.3, -0.2, 0.5)), grid([9, 8, 7], [0.9, 1, 1.2], [-10, 3, 6], rotation(0.1, 0.4, -0.3))),
    (grid([7, 7, 7], [1, 1, 1], [0, 0, 0], straight), grid([5, 5, 5], [1, 1, 1], [40, 40, 40], straight)),  # apart
]
cases = []
for of_image, of_mask in pairs:
    values = rng.integers(0, 4, of_mask["size"][::-1]).astype(np.uint8)
    to = sitk.ResampleImageFilter()
    to.SetReferenceImage(image(of_image, np.zeros(of_image["size"][::-1], np.int16)))
    to.SetInterpolator(sitk.sitkNearestNeighbor)
    out = sitk.GetArrayFromImage(to.Execute(image(of_mask, values)))
    cases.append({"image": of_image, "mask": of_mask, "values": values.ravel().tolist(), "out": out.ravel().tolist()})
    print(of_image["size"], of_mask["size"], (out > 0).sum())
path = pathlib.Path(__file__).parent / "goldens" / "match_mask.json"
path.write_text(json.dumps({"SimpleITK": sitk.Version.VersionString(), "cases": cases}) + "\n")
print(path, path.stat().st_size, "bytes")
