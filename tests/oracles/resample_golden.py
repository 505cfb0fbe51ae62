"""Golden values for tests/imaging/resample_test.cpp, made with scipy.ndimage.zoom(order=3, mode='nearest').

Run by hand:  python -m venv v && v/bin/pip install numpy==2.4.6 scipy==1.17.1 && v/bin/python tests/oracles/resample_golden.py
"""
import json
import pathlib

import numpy as np
import scipy
from scipy.ndimage import zoom

rng = np.random.default_rng(20260101)
cases = []
# (input z, y, x) -> (output z, y, x): finer, coarser, both at once, one voxel, thin axes, long lines.
for before, after in [((5, 7, 9), (11, 9, 13)), ((12, 10, 8), (5, 4, 3)), ((6, 5, 18), (13, 5, 7)), ((2, 3, 4), (5, 6, 7)),
                      ((4, 6, 5), (1, 6, 9)), ((3, 3, 40), (3, 3, 61)), ((4, 33, 17), (4, 20, 31))]:
    volume = rng.integers(-1024, 1500, before)
    out = zoom(volume.astype(np.float64), [a / b for a, b in zip(after, before)], order=3, mode="nearest")
    assert out.shape == after
    cases.append({"in_size": before[::-1], "out_size": after[::-1], "in": volume.ravel().tolist(),
                  "out": [round(float(v), 4) for v in out.ravel()]})
path = pathlib.Path(__file__).parent / "goldens" / "resample.json"
path.parent.mkdir(exist_ok=True)
path.write_text(json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases}) + "\n")
print(path, path.stat().st_size, "bytes")
