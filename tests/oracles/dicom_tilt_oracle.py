"""Golden values for tests/io/dicom_stack_test.cpp: slices of a real tilted series, each an ITK image with its own origin and direction,
evaluated by SimpleITK's linear and cubic B-spline interpolators at nodes of the rectangular grid.

Run by hand:  python -m venv v && v/bin/pip install numpy==2.4.6 SimpleITK==2.5.7 pydicom==2.4.4 &&
              v/bin/python tests/oracles/dicom_tilt_oracle.py ../shared/data/dicom/failing/gantrytilting/001 \\
                  > tests/oracles/goldens/dicom_tilt.json
"""
import json
import pathlib
import sys

import numpy as np
import pydicom
import SimpleITK as sitk

slices = [pydicom.dcmread(path) for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
rows, columns = (np.array(slices[0].ImageOrientationPatient[n : n + 3], float) for n in (0, 3))
normal = np.cross(rows, columns)
slices.sort(key=lambda s: np.dot(s.ImagePositionPatient, normal))
spacing = [float(slices[0].PixelSpacing[1]), float(slices[0].PixelSpacing[0])]
first = np.array(slices[0].ImagePositionPatient, float)

random = np.random.default_rng(5)
points = []
for s in slices:
    image = sitk.GetImageFromArray((s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept))[None].astype(np.float32))
    origin = np.array(s.ImagePositionPatient, float)
    image.SetOrigin(origin.tolist())
    image.SetSpacing(spacing + [1.0])
    image.SetDirection(np.column_stack([rows, columns, normal]).ravel().tolist())
    along = np.dot(origin - first, normal)
    nodes = random.integers(0, [512, 521], size=(120, 2))
    for i, j in nodes:
        # Nodes of the grid through the first slice; it has rows before that where the slices move backwards.
        j = int(j) - (9 if np.dot(slices[-1].ImagePositionPatient - first, columns) < 0 else 0)
        p = first + i * spacing[0] * rows + j * spacing[1] * columns + along * normal
        at = image.TransformPhysicalPointToContinuousIndex(p.tolist())
        inside = 0 <= at[1] <= s.Rows - 1
        # Near an edge, ways of going on beyond it differ, and so does what rounding makes of it.
        if min(abs(at[1]), abs(at[1] - (s.Rows - 1))) < (4 if inside else 1):
            continue
        if inside:
            plane = image[:, :, 0]
            plane.SetOrigin([0.0, 0.0])
            plane.SetDirection([1, 0, 0, 1])
            place = [at[0] * spacing[0], at[1] * spacing[1]]
            cubic = plane.EvaluateAtPhysicalPoint(place, sitk.sitkBSpline)
            linear = plane.EvaluateAtPhysicalPoint(place, sitk.sitkLinear)
        point = {"p": [round(x, 6) for x in p]}
        if inside:
            point.update(cubic=round(cubic, 2), linear=round(linear, 2))
        points.append(point)  # a slice that does not reach the node gives no value
json.dump({"points": points}, sys.stdout, separators=(",", ":"))
print()
