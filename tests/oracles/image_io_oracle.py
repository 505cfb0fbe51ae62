#!/usr/bin/env python3
"""Geometry and values of images as SimpleITK 2.5.2 (ITK 5.4, GDCM 3) reads them: goldens/image_io.json, held by
tests/io/image_io_oracle_test.cpp.

Run by hand:  python -m venv v && v/bin/pip install SimpleITK==2.5.2 pydicom==2.1.2 numpy==2.4.6 pillow==13.0.0
              v/bin/python tests/oracles/image_io_oracle.py DATA       the golden file; DATA is the folder of real images
              v/bin/python tests/oracles/image_io_oracle.py --check F  whether SimpleITK reads what cmtl wrote there:
                  CMTL_KEEP=F build/release/bin/test_io --gtest_filter=ImageIoOracle.WritesFortyEightOrientations

`real`      per image its size, spacing, origin, direction, the CRC-32 of its values as little-endian float32 in order,
            least and greatest value, and the mean over blocks of 64 x 64 x all: what lossy JPEG is compared by, since
            decoders may round their inverse cosine transform in different ways (a whole number per pixel at most).
`written`   a 2 x 3 x 4 image of 8 bits in the 48 orientations and four formats as SimpleITK writes them, base64.
`covid_mtl` a volume in the manner of the published ones: pydicom's encapsulate() of 16-bit PNG pictures, base64.
"""
import base64
import io
import itertools
import json
import pathlib
import sys
import tempfile
import warnings
import zlib

import numpy as np
import SimpleITK as sitk

sitk.ProcessObject.SetGlobalWarningDisplay(False)
SIZE, SPACING, ORIGIN = (2, 3, 4), (0.5, 0.75, 2.0), (-7.5, 8.25, 9.0)
EXTENSIONS = (".nii", ".nii.gz", ".nrrd", ".mha")


def orientations():
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            direction = np.zeros((3, 3))
            for column in range(3):
                direction[axes[column], column] = signs[column]
            yield direction


def tiny(direction):
    image = sitk.GetImageFromArray(np.arange(24, dtype=np.uint8).reshape(4, 3, 2) * 10)
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(direction.ravel().tolist())
    return image


def described(path, image):
    values = sitk.GetArrayFromImage(image).astype("<f4")
    nz, ny, nx = values.shape
    blocks = [round(float(values[:, y:y + 64, x:x + 64].mean(dtype=np.float64)), 3)
              for y in range(0, ny, 64) for x in range(0, nx, 64)] if nz < 4 else []
    return {"path": path, "size": image.GetSize(), "spacing": image.GetSpacing(), "origin": image.GetOrigin(),
            "direction": image.GetDirection(), "crc32": zlib.crc32(values.tobytes()), "least": float(values.min()),
            "greatest": float(values.max()), "blocks": blocks}


def series(folder):
    reader = sitk.ImageSeriesReader()
    ids = reader.GetGDCMSeriesIDs(str(folder))
    assert len(ids) == 1, (folder, ids)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), ids[0]))
    return reader.Execute()


def real(data):
    folders = ["ct/covid-ct-md-P001", "ct/covid-ct-md-normal001", "ct/cip/ct-64Dicom", "ct/cip/simple_dicom",
               "dicom/jpeg2000-series"]
    files = [f for pattern in ("ct/cip/*.nrrd", "ct/imlab-lung3d/*.nii.gz", "ct/no-lungs/*.nii.gz",
                               "dicom/failing/*/*.nii.gz", "dicom/transfer-syntaxes/*", "dicom/pydicom/*",
                               "radiomics/pyradiomics/*.nrrd", "radiomics/ibsi-digital/**/*.nii.gz")
             for f in sorted(data.glob(pattern))]
    out = [described(f, series(data / f)) for f in folders if (data / f).is_dir()]
    return out + [described(str(f.relative_to(data)), sitk.ReadImage(str(f))) for f in files]


def written():
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for direction in orientations():
            image, files = tiny(direction), {}
            for extension in EXTENSIONS:
                path = pathlib.Path(folder) / ("x" + extension)
                sitk.WriteImage(image, str(path), useCompression=extension != ".mha")
                files[extension] = base64.b64encode(path.read_bytes()).decode()
            out.append({"direction": direction.ravel().tolist(), "files": files})
    return {"size": SIZE, "spacing": SPACING, "origin": ORIGIN, "images": out}


def covid_mtl():
    import pydicom
    from PIL import Image
    from pydicom.encaps import encapsulate

    values = np.arange(5 * 4 * 6).reshape(5, 4, 6) * 17 % 2100
    frames = []
    for frame in values:
        with io.BytesIO() as file:
            Image.fromarray(frame.astype(np.uint16)).save(file, format="PNG")
            frames.append(file.getvalue())
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.1.2.4.51"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.ImplementationClassUID = "1.2.3.4"
    meta.TransferSyntaxUID = pydicom.uid.RLELossless
    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dataset.FileDataset(file, {}, file_meta=meta, preamble=b"\0" * 128)
        data.PatientID = "1"
        data.PixelData = encapsulate(frames)
        data.save_as(file)
        return {"size": [6, 4, 5], "stored": values.ravel().tolist(),
                "file": base64.b64encode(file.getvalue()).decode()}


def check(folder):
    count = 0
    for number, direction in enumerate(orientations()):
        for extension in EXTENSIONS:
            image, expected = sitk.ReadImage(str(folder / f"{number}{extension}")), tiny(direction)
            assert image.GetSize() == expected.GetSize()
            assert (sitk.GetArrayFromImage(image) == sitk.GetArrayFromImage(expected)).all(), (number, extension)
            for corner in itertools.product(*((0, n - 1) for n in SIZE)):
                a, b = (i.TransformIndexToPhysicalPoint(corner) for i in (image, expected))
                assert np.allclose(a, b, atol=1e-5), (number, extension, corner, a, b)
            count += 1
    print(f"{count} files that cmtl wrote agree in SimpleITK {sitk.Version_VersionString()}, values and corners")


if sys.argv[1] == "--check":
    check(pathlib.Path(sys.argv[2]))
else:
    golden = {"simpleitk": sitk.Version_VersionString(), "real": real(pathlib.Path(sys.argv[1])), "written": written(),
              "covid_mtl": covid_mtl()}
    path = pathlib.Path(__file__).parent / "goldens" / "image_io.json"
    path.write_text(json.dumps(golden) + "\n")
    print(path, path.stat().st_size, "bytes,", len(golden["real"]), "images")
