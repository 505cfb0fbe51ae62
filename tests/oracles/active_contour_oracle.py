"""Golden values for tests/imaging/active_contour_test.cpp, made with scikit-image and scipy.

Run by hand:  python -m venv v && v/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 &&
              v/bin/python tests/oracles/active_contour_oracle.py
"""
import json
import pathlib

import numpy as np
import skimage
from scipy.interpolate import RectBivariateSpline
from skimage.draw import polygon2mask
from skimage.filters import sobel
from skimage.measure import find_contours
from skimage.segmentation import active_contour

rng = np.random.default_rng(20260102)


def numbers(values):
    return [round(float(v), 9) for v in np.asarray(values).ravel()]


def xy(points):  # (row, column) to x, y
    return np.asarray(points)[:, ::-1]


# Regions of noise: holes, touching corners, the slice's border. skimage leaves contours open there, so it gets a frame.
contours = []
for nx, ny, share in [(9, 7, 0.5), (14, 11, 0.7), (5, 12, 0.3), (1, 1, 1.0), (6, 6, 0.9)]:
    slice_ = (rng.random((ny, nx)) < share).astype(np.uint8)
    found = find_contours(np.pad(slice_, 1).astype(float), 0.5)
    contours.append({"nx": nx, "ny": ny, "slice": slice_.ravel().tolist(),
                     "contours": [numbers(xy(c[:-1]) - 1) for c in found]})

# Polygons with corners between pixels, on pixels, outside of the slice, and crossing themselves.
polygons = []
for n, grid in [(3, 1e-3), (5, 1e-3), (8, 1e-3), (4, 1), (6, 1), (7, 0.5), (40, 1e-3)]:
    points = np.round(rng.uniform(-3, 17, (n, 2)) / grid) * grid
    polygons.append({"nx": 14, "ny": 12, "points": numbers(xy(points)),
                     "mask": polygon2mask((12, 14), points).astype(int).ravel().tolist()})

fields = []
for nx, ny in [(3, 3), (4, 3), (9, 12), (17, 5)]:
    image = rng.integers(-1000, 400, (ny, nx))
    edge = sobel(image.astype(np.float64))
    spline = RectBivariateSpline(np.arange(nx), np.arange(ny), edge.T, kx=2, ky=2, s=0)
    points = np.concatenate([np.round(rng.uniform([-1, -1], [nx, ny], (40, 2)), 6),
                             [[0, 0], [nx - 1, ny - 1], [1.5, 1], [nx - 2.5, 0.5]]])
    ev = lambda **kw: numbers(spline(points[:, 0], points[:, 1], grid=False, **kw))
    fields.append({"nx": nx, "ny": ny, "slice": image.ravel().tolist(), "points": numbers(points), "value": ev(),
                   "dx": ev(dx=1), "dy": ev(dy=1)})

# A blurred disk of lung in tissue with noise; snakes begin around it. Options far from the default, few points, points
# near the border, long and short runs.
snakes = []
defaults = {"alpha": 0.02, "beta": 20.0, "gamma": 0.01, "max_px_move": 1.0, "max_num_iter": 20, "convergence": 0.1}
for nx, ny, radius, n, noise, options in [
        (48, 44, 15, 60, 30, {}), (48, 44, 17, 150, 5, {"max_num_iter": 200}), (40, 40, 21, 97, 30, {}),
        (32, 30, 9, 5, 30, {}), (32, 30, 9, 3, 0, {"max_num_iter": 60}),
        (48, 44, 15, 60, 30, {"alpha": 0.5, "beta": 0.001, "gamma": 0.05}), (48, 44, 15, 60, 30, {"beta": 0.0}),
        (48, 44, 15, 60, 30, {"alpha": 0.0, "beta": 0.0, "gamma": 100.0}),
        (48, 44, 15, 60, 30, {"alpha": 0.0, "max_px_move": 0.3, "convergence": 1.0, "max_num_iter": 40})]:
    y, x = np.mgrid[:ny, :nx]
    distance = np.hypot(x - 0.48 * nx, (y - 0.51 * ny) * 1.1)
    image = np.round(-850 + 900 / (1 + np.exp(-(distance - 13) / 1.5)) + noise * rng.standard_normal((ny, nx)))
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    start = np.round(np.stack([0.5 * ny + radius * np.sin(turn), 0.5 * nx + radius * np.cos(turn)], 1), 6)
    used = defaults | options
    end = active_contour(image.astype(np.float64), start, w_line=0, w_edge=1, boundary_condition="periodic", **used)
    snakes.append({"nx": nx, "ny": ny, "slice": image.astype(int).ravel().tolist(), "options": used,
                   "start": numbers(xy(start)), "end": numbers(xy(end))})
    print(n, options, "moved", np.abs(end - start).max())

path = pathlib.Path(__file__).parent / "goldens" / "active_contour.json"
path.write_text(json.dumps({"skimage": skimage.__version__, "contours": contours, "polygons": polygons, "fields": fields, "snakes": snakes},
                           separators=(",", ":")) + "\n")
print(path, path.stat().st_size, "bytes")
