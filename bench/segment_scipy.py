#!/usr/bin/env python3
"""Times cmtl_segment beside the same steps done with SimpleITK, SciPy and scikit-image, in one run, step by step.

    bench/segment_scipy.py CT [CT ...] [--bin build/release/bin] [--repeats 3] [--output bench/results/segmentation]

Both read the CT, resample it to 1 mm with cubic splines, find the lungs by the classical method and refine them. In Python the refinement
is the published one: a snake per slice and lung, started from the inflated contour. cmtl_segment refines by its surfaces (README), so this
step is another method for the same purpose. Runs alternate, each in a process of its own; medians count. Peaks are resident memory of the
process. Python's arrays and scikit-image use one core, cmtl_segment as many as it is given. Dice compares both masks on the CT's grid.

Needs SimpleITK, SciPy and scikit-image; their versions stand in the result.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

STEPS = ("read", "resample", "segment", "refine")


def read(path):
    import SimpleITK as sitk
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]


def resample(volume, spacing):
    """HU + 1024 at 1 mm: cubic splines, the nearest voxel beyond the edge."""
    import numpy as np
    from scipy import ndimage
    volume = np.clip(volume, -1024, 3071).astype(np.float32) + 1024
    size = [round(n * s) for n, s in zip(volume.shape, spacing)]
    return ndimage.zoom(volume, [to / n for to, n in zip(size, volume.shape)], order=3, mode="nearest")


def classical(volume):
    """The largest air inside of the body, whatever it encloses in a slice filled in."""
    import numpy as np
    from skimage import measure, segmentation
    air = volume < 604
    for one in air:
        one[:] = segmentation.clear_border(one)
    labels = measure.label(air, connectivity=1)
    lungs = labels > 0
    for one in lungs:
        solid = measure.label(~one, connectivity=1)
        sizes = np.bincount(solid.ravel())
        sizes[0] = 0
        if len(sizes) > 1:
            one[:] = solid != sizes.argmax()
    labels = measure.label(lungs, connectivity=1)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def refine(volume, lungs):
    """A snake per slice and lung, from the contour of what a closing inflates; its inside joins the mask."""
    import numpy as np
    from skimage import draw, measure, morphology, segmentation
    refined = np.zeros_like(lungs)
    for image, before, after in zip(volume, lungs, refined):
        labels = measure.label(before, connectivity=1)
        regions = sorted(measure.regionprops(labels), key=lambda r: r.area, reverse=True)[:2]
        if len(regions) < 2 or before.sum() < 15000:
            after[:] = morphology.isotropic_closing(before, 5)
            continue
        mask = before.copy()
        for region in regions:
            one = labels == region.label
            contours = measure.find_contours(morphology.isotropic_closing(one, 10).astype(float), 0.5)
            seed = max(contours, key=len)
            picture = np.where(one, image, 0)
            snake = segmentation.active_contour(picture, seed, alpha=0.02, beta=20, w_line=0, w_edge=1, max_num_iter=20)
            mask |= draw.polygon2mask(before.shape, snake)
        after[:] = morphology.isotropic_closing(morphology.isotropic_erosion(mask, 2), 10)
    return refined


def worker(path, output):
    import numpy as np
    import SimpleITK  # noqa: F401: the start of the interpreter is left out of the times
    import scipy.ndimage  # noqa: F401
    import skimage.draw, skimage.measure, skimage.morphology, skimage.segmentation  # noqa: F401, E401
    steps, since = {}, time.perf_counter()

    def done(step):
        nonlocal since
        now = time.perf_counter()
        steps[step], since = now - since, now

    volume, spacing = read(path)
    done("read")
    fine = resample(volume, spacing)
    done("resample")
    lungs = classical(fine)
    done("segment")
    lungs = refine(fine, lungs)
    done("refine")
    np.savez_compressed(output, mask=lungs, shape=volume.shape)
    print(json.dumps(steps))


def process(command):
    """Runs to the end; (peak bytes of resident memory, standard output)."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, env={**os.environ, "OMP_WAIT_POLICY": "passive"})
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{command[0]} failed with {child.returncode}")
        output.seek(0)
        return usage.ru_maxrss * 1024, output.read().decode()


def dice(python_file, cmtl_file):
    """On the CT's grid, in a process of its own: arrays here would count as the peaks of those that follow."""
    code = """
import sys, numpy as np, SimpleITK as sitk
from scipy import ndimage
stored = np.load(sys.argv[1])
theirs, shape = stored["mask"], stored["shape"]
theirs = ndimage.zoom(theirs.astype(np.float32), [to / n for to, n in zip(shape, theirs.shape)], order=1, mode="nearest") > 0.5
ours = sitk.GetArrayFromImage(sitk.ReadImage(sys.argv[2])) > 0
print(2 * float((ours & theirs).sum()) / float(ours.sum() + theirs.sum()))
"""
    return float(process([sys.executable, "-c", code, str(python_file), str(cmtl_file)])[1])


def measure_case(path, program, repeats, folder):
    runs = {"scipy": [], "cmtl": []}
    for n in range(repeats):
        peak, text = process([sys.executable, __file__, "--worker", str(path), str(folder / "python.npz")])
        runs["scipy"].append({**json.loads(text.splitlines()[-1]), "peak_bytes": peak})
        peak, _ = process([str(program), "-q", "-i", str(path), "-o", str(folder / "cmtl.nii.gz"), "--json", str(folder / "cmtl.json")])
        timeline = json.loads((folder / "cmtl.json").read_text())["timeline"]
        runs["cmtl"].append({**{s: timeline[s] for s in STEPS}, "peak_bytes": peak})
        print(path.name, n + 1, {k: round(sum(v[-1][s] for s in STEPS), 2) for k, v in runs.items()}, flush=True)
    return {"ct": path.name, "runs": runs, "dice": dice(folder / "python.npz", folder / "cmtl.nii.gz")}


def versions():
    from importlib import metadata
    return {name: metadata.version(name) for name in ("SimpleITK", "scipy", "scikit-image", "numpy")} | {"python": platform.python_version()}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def report(result):
    libraries = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = ["# Lungs beside SimpleITK, SciPy and scikit-image", "",
             f"`bench/segment_scipy.py` on {result['processor']}, {result['cores']} cores; {libraries}. Load average before and after: "
             f"{result['load'][0]:.1f} and {result['load'][1]:.1f}. Medians (least to most) in seconds; runs of both programs alternate."]
    for case in result["cases"]:
        n = len(case["runs"]["cmtl"])
        lines += ["", f"## {case['ct']}, {n} run{'s' if n > 1 else ''} of each", "", "| step | Python | cmtl_segment | times |", "|---|---:|---:|---:|"]

        def row(name, value):
            both = [[value(run) for run in case["runs"][k]] for k in ("scipy", "cmtl")]
            a, b = (statistics.median(v) for v in both)
            cells = [f"{statistics.median(v):.2f} ({min(v):.2f} to {max(v):.2f})" for v in both]
            lines.append(f"| {name} | {cells[0]} | {cells[1]} | {a / b:.1f} |")

        for step in STEPS:
            row(step, lambda run: run[step])
        row("together", lambda run: sum(run[s] for s in STEPS))
        row("peak memory, GiB", lambda run: run["peak_bytes"] / 2**30)
        lines += ["", f"Dice of the two masks, right and left as one: {case['dice']:.4f}."]
    lines += ["", "`segment` is the classical mask; cmtl_segment's has the trachea and the bowel's gas taken out and right and left told apart.",
              "`refine` in Python is the published snake per slice and lung, in cmtl_segment the pleura as a surface and dense bays."]
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:2] == ["--worker"]:
        worker(pathlib.Path(sys.argv[2]), sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ct", nargs="+", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench/results/segmentation"))
    options = parser.parse_args()
    load = [os.getloadavg()[0]]
    result = {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "versions": versions()}
    with tempfile.TemporaryDirectory() as folder:
        result["cases"] = [measure_case(ct.resolve(), options.bin / "cmtl_segment", options.repeats, pathlib.Path(folder)) for ct in options.ct]
    result["load"] = load + [os.getloadavg()[0]]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    options.output.with_suffix(".md").write_text(report(result))
    print(report(result))


if __name__ == "__main__":
    main()
