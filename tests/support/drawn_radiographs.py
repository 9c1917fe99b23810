"""Drawn chests: dark lungs with ribs beside a bright middle, and DICOM files around them."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from edge.contract.bundle import open_bundle
from edge.contract.errors import BundleError
from edge.contract.images import encode_image
from edge.contract.labels import CXR_PNEUMONIA
from edge.contract.types import U8Array
from edge.runtimes.base import open_runtime
from edge.screening.classifier import Classifier
from tests.edge.runtimes.drawn_bundles import write_bundle, write_two_label_bundle

WIDTH_PX, HEIGHT_PX = 200, 180


def draw_chest(level: int = 0, opacity: int = 0, seed: int = 1) -> U8Array:
    """(H,W) uint8: `level` is added to all of it, `opacity` to the lower left lung."""
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)
    chest = np.full((HEIGHT_PX, WIDTH_PX), 150, np.float32)
    chest -= 60 * np.exp(-(((x - 100) / 110) ** 8))
    for middle in (58, 142):
        lung = np.exp(-((((x - middle) / 32) ** 2 + ((y - 88) / 58) ** 2) ** 2))
        ribs = 10 * np.sin((y - 0.004 * (x - middle) ** 2) / 5.5)
        chest += lung * (ribs - 52)
    chest += 70 * np.exp(-(((x - 100) / 15) ** 2))
    chest += 55 / (1 + np.exp(-(y - 142) / 6))
    patch = np.exp(-(((x - 140) / 20) ** 2 + ((y - 118) / 18) ** 2))
    chest += opacity * patch + np.random.default_rng(seed).normal(0, 3, chest.shape)
    return np.clip(cv2.GaussianBlur(chest, (0, 0), 1.2) + level, 0, 255).astype(np.uint8)


def chest_png(level: int = 0, opacity: int = 0) -> bytes:
    """The same as PNG."""
    return encode_image(draw_chest(level, opacity))


def write_dicom(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **changes: Any) -> bytes:
    """A DICOM file of a chest; a change of None leaves the element out.

    Args:
        pixels: (H,W) or (H,W,3), 8 or 16 bits.
        syntax: what the file says of its compression; the pixels stay as they are.
    """
    bits = 8 * pixels.dtype.itemsize
    content: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
        "SOPInstanceUID": "1.2.3.4",
        "PatientName": "Secret^Name",
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else 3,
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(np.issubdtype(pixels.dtype, np.signedinteger)),
        "PixelData": pixels.tobytes(),
    }
    if pixels.ndim == 3:
        content["PlanarConfiguration"] = 0
    found = Dataset()
    for name, value in (content | changes).items():
        if value is not None:
            setattr(found, name, value)
    if "PixelData" in found:
        found["PixelData"].VR = "OW" if bits > 8 else "OB"
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, found, enforce_file_format=True)
    return out.getvalue()


def load_drawn(folder: Any) -> Any:
    """Opens a drawn bundle of a task: the brighter the picture, the more of the last finding."""

    def load(task: str) -> Classifier:
        name = task.replace("cxr-", "")
        if name not in ("pneumonia", "covid"):
            raise BundleError(f"no bundle for {task!r} is installed; give --bundle PATH")
        path = folder / name
        write = write_two_label_bundle if task == CXR_PNEUMONIA else write_bundle
        bundle = open_bundle(path) if path.exists() else write(path)
        return Classifier(bundle, open_runtime(bundle))

    return load
