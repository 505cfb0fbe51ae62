"""Golden values for tests/radiomics/wavelet_float_test.cpp: PyWavelets' sub-bands of a float image, which are taken in float.

Run by hand:  python -m venv v && v/bin/pip install numpy==2.4.6 PyWavelets==1.8.0 && v/bin/python tests/oracles/wavelet_float_oracle.py
"""
import json
import pathlib

import numpy as np
import pywt

rng = np.random.default_rng(20260103)
cases = []
for shape in ((6, 5, 7), (4, 8, 6)):  # z, y, x
    volume = (rng.normal(size=shape) * 400 - 600).astype(np.float32)
    padded = np.pad(volume, [(0, n % 2) for n in shape], "wrap")
    bands = pywt.swtn(padded, "coif1", level=1, start_level=0, axes=(2, 1, 0))[0]
    names = {k.replace("a", "L").replace("d", "H"): v[tuple(slice(n) for n in shape)] for k, v in bands.items()}
    assert all(v.dtype == np.float32 for v in names.values())
    cases.append({"size": shape[::-1], "voxels": volume.ravel().astype(float).tolist(),
                  "bands": {k: v.ravel().astype(float).tolist() for k, v in names.items()}})
path = pathlib.Path(__file__).parent / "goldens" / "wavelet_float.json"
path.write_text(json.dumps({"PyWavelets": pywt.__version__, "cases": cases}) + "\n")
print(path, path.stat().st_size, "bytes")
