#!/usr/bin/env python3
"""Times cmtl_radiomics beside PyRadiomics 3.0.1 on one volume of published size, in one run, and compares their values.

    bench/radiomics_pyradiomics.py [--bin build/release/bin] [--repeats 5] [--markdown F.md] [--shape 340x390x390]

The volume is made by a formula: 340x390x390 voxels, two lungs of 3.7 million voxels, 106 grey levels of 25 HU. Both programs read the same
two files (uncompressed NIfTI) and compute the 375 features of COVID-MTL: all four classes on the original, GLCM (without SumAverage and
MCC) and GLRLM on the eight sub-bands. Times are those of whole processes, the start of the interpreter left out for PyRadiomics; peaks are
resident memory. cmtl's runs stand before and after PyRadiomics' and their median counts. The steps' times and this machine's streaming
bandwidth are cmtl_bench's, in the same run.

Needs numpy, SimpleITK and pyradiomics 3.0.1 (pip install --no-build-isolation pyradiomics==3.0.1), and 8 GB of memory for the latter.
"""
import argparse
import csv
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

SUB_BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")


def make_volume(folder, shape):
    import numpy as np
    import SimpleITK as sitk
    rng = np.random.default_rng(20201209)
    z, y, x = np.meshgrid(*(np.arange(s, dtype=np.float32) for s in shape), indexing="ij", sparse=True)
    scale = [s / r for s, r in zip(shape, (340, 390, 390))]
    lungs = np.zeros(shape, bool)
    for centre in (130, 260):
        lungs |= ((x / scale[2] - centre) / 50) ** 2 + ((y / scale[1] - 195) / 74) ** 2 + ((z / scale[0] - 170) / 119) ** 2 < 1
    wave = np.sin(x / 9) * np.sin(y / 11 + 1) * np.sin(z / 13 + 2)
    vessel = np.sin(x / 5 + y / 17) * np.sin(y / 7 + z / 19) * np.sin(z / 6 + x / 23)
    value = 150 + 60 * wave + 35 * rng.normal(size=shape).astype(np.float32) + np.where(vessel > 0.55, 1500 * (vessel - 0.55) + 60, 0)
    value = np.where(rng.random(shape) > 0.9995, value + rng.exponential(400, shape), value)
    volume = np.where(lungs, np.clip(np.round(value), 1, 2625), 0).astype(np.int16)
    for name, array in (("image", volume), ("mask", lungs.astype(np.uint8))):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nii"))
    print(int(lungs.sum()))


def process(command, environment=None):
    """Runs to the end; (seconds, peak bytes of resident memory, its standard output). The peak is not below this process' own, which
    is why volumes are made in another."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, env={**os.environ, "OMP_WAIT_POLICY": "passive", **(environment or {})})
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{command[0]} failed with {child.returncode}")
        output.seek(0)
        return seconds, usage.ru_maxrss * 1024, output.read().decode()


def run_pyradiomics(folder):
    """In a process of its own: prints {"seconds", "values"}."""
    import logging
    import SimpleITK as sitk
    from radiomics import featureextractor, glcm
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    begin = time.perf_counter()
    image, mask = (sitk.ReadImage(str(folder / f"{name}.nii")) for name in ("image", "mask"))
    original = featureextractor.RadiomicsFeatureExtractor(binWidth=25, additionalInfo=False)
    original.disableAllFeatures()
    for name in ("firstorder", "glcm", "glrlm", "glszm"):
        original.enableFeatureClassByName(name)
    wavelet = featureextractor.RadiomicsFeatureExtractor(binWidth=25, additionalInfo=False)
    wavelet.disableAllImageTypes()
    wavelet.enableImageTypeByName("Wavelet")
    wavelet.disableAllFeatures()
    names = [n for n, deprecated in glcm.RadiomicsGLCM.getFeatureNames().items() if not deprecated and n not in ("SumAverage", "MCC")]
    wavelet.enableFeaturesByName(glcm=names, glrlm=[])
    values = {}
    for extractor in (original, wavelet):
        values.update({k: float(v) for k, v in extractor.execute(image, mask).items()})
    print(json.dumps({"seconds": time.perf_counter() - begin, "values": values}))


def worst_difference(ours, theirs):
    """Over the features that both have, by PyRadiomics' names."""
    worst = (0.0, "none")
    for name, value in theirs.items():
        ours_name = name.replace("wavelet-", "", 1) if name.startswith("wavelet-") else name.rsplit("_", 1)[1]
        collides = name.startswith("original_glrlm") and ours_name.startswith("GrayLevel")  # the published table holds the GLSZM's there
        if collides or ours_name not in ours:
            continue
        difference = abs(float(ours[ours_name]) - value) / max(abs(value), 1e-3)
        worst = max(worst, (difference, name))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--repeats", type=int, default=5, help="runs of cmtl_radiomics before PyRadiomics, and again after it")
    parser.add_argument("--shape", default="340x390x390")
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--pyradiomics", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pyradiomics:
        return run_pyradiomics(options.pyradiomics)
    if options.make:
        return make_volume(options.make, [int(s) for s in options.shape.split("x")])

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        voxels = int(process([sys.executable, __file__, "--make", str(folder), "--shape", options.shape])[2])
        command = [str(options.bin / "cmtl_radiomics"), str(folder / "image.nii"), str(folder / "mask.nii"), "-o", str(folder / "ours.csv"),
                   "--feature-set", "covid-mtl-375", "--quiet"]
        ours = [process(command) for _ in range(options.repeats + 1)][1:]  # the first one fills the file cache
        theirs = process([sys.executable, __file__, "--pyradiomics", str(folder)])
        ours += [process(command) for _ in range(options.repeats)]
        their = json.loads(theirs[2].strip().splitlines()[-1])
        row = next(csv.DictReader(open(folder / "ours.csv")))
        process([str(options.bin / "cmtl_bench"), "ops", "--filter", "radiomics/covid-mtl-375", "--json", str(folder / "bench.json")])
        bench = json.load(open(folder / "bench.json"))["benchmarks"][-1]

    seconds = statistics.median(s for s, _, _ in ours)
    peak = max(p for _, p, _ in ours)
    difference, where = worst_difference(row, their["values"])
    bandwidth = bench["GB/s"] / (bench["%mem"] / 100)
    n, box = bench["roi"], 51714000
    least = {"prepare": box + 2 * n + 8 * n, "wavelet": 2 * 2.6 * n + 8 * 8 * n, "discretise": 9 * (8 + 1) * n, "firstorder": 8 * n,
             "glcm+glrlm": 9 * n, "glszm": n}
    processor = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    lines = [
        "# Radiomics beside PyRadiomics", "",
        f"`bench/radiomics_pyradiomics.py` on {processor}, {os.cpu_count()} cores: {options.shape} voxels, {voxels} of them ROI, the 375 features of COVID-MTL.", "",
        "| program | seconds | peak memory |", "|---|---:|---:|",
        f"| PyRadiomics 3.0.1, reading included | {their['seconds']:.1f} | {theirs[1] / 2**30:.2f} GiB |",
        f"| cmtl_radiomics, the whole process | {seconds:.3f} ({min(s for s, _, _ in ours):.3f} to {max(s for s, _, _ in ours):.3f}, {len(ours)} runs) | {peak / 2**30:.2f} GiB |", "",
        f"{their['seconds'] / seconds:.0f} times faster. Worst relative difference of a feature: {difference:.1e}, `{where}`.", "",
        f"Steps, of {bench['real_time']:.0f} ms in memory (`cmtl_bench ops --filter radiomics/covid-mtl-375`), beside what memory allows: the least bytes of each at the "
        f"{bandwidth:.1f} GB/s measured there.", "",
        "| step | ms | least MB | ms at the memory's speed |", "|---|---:|---:|---:|"]
    for step, size in least.items():
        lines.append(f"| {step} | {bench[step + '_ms']:.0f} | {size / 1e6:.0f} | {size / bandwidth / 1e6:.0f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
