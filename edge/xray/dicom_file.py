"""The picture of a DICOM file with a frontal chest X-ray; anything else is refused, with why.

Grey levels become 8 bits by the window or table that the file gives, as a viewer shows them. Of the
header nothing is kept. What is read: PS3.3 C.7.6.3 (pixels), C.11.1 and C.11.2 (grey levels).
"""

from __future__ import annotations

import io
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ImageError
from edge.contract.images import MAX_PIXELS
from edge.contract.types import U8Array
from edge.xray.grey_levels import as_bytes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MAGIC_AT, _MAGIC = 128, b"DICM"
# Its whole file is inflated before anything of it is known.
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_HEAD_BYTES = 2048
# Computed and digital radiography, fluoroscopy's still, a digitised film; "OT" is what a scanner of
# films writes. An empty one is left to the eye.
_MODALITIES = ("CR", "DX", "RG", "RF", "OT", "")
_BODY_PARTS = ("CHEST", "THORAX", "LUNG", "LUNGS", "RIB", "RIBS", "HEART", "")
_LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_INVERSE = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
# Of a picture whose pixels are not square; less is a rounding of the header.
_MOST_UNSQUARE = 0.02


def is_dicom(data: bytes) -> bool:
    """Whether a file says that it is DICOM (PS3.10, 7.1)."""
    return data[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def decode_dicom(data: bytes, *, max_pixels: int = MAX_PIXELS) -> U8Array:
    """Decodes a DICOM file to (H,W,3) uint8 RGB, upright and bright where the body is dense.

    Raises:
        ImageError: damaged, no frontal chest, several frames, a photometry or compression that
            cannot be read here, or larger than `max_pixels`.
    """
    if _DEFLATED in data[:_HEAD_BYTES]:
        raise ImageError(
            "DICOM file is deflated as a whole, which is not read; store it uncompressed"
        )
    if find_spec("pydicom") is None:
        raise ImageError("DICOM needs pydicom, which is not installed here; send PNG or JPEG")
    try:
        found = _parse(data)
        _check_what_it_shows(found)
        _check_pixels(found, max_pixels)
        image = _to_rgb(found)
    except ImageError:
        raise
    # A foreign parser on a foreign file: whatever it stumbles over, the file is what is refused.
    except Exception as error:
        raise ImageError(
            f"DICOM file cannot be read ({type(error).__name__}: {str(error)[:160]}); copy it again"
        ) from error
    return _upright(image, _words(found, "PatientOrientation"))


def _parse(data: bytes) -> Dataset:
    import pydicom

    # Odd values are judged here, one by one; a warning or a trace of each would fill a log.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    settings = pydicom.config.settings
    settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom.dcmread(io.BytesIO(data))


def _check_what_it_shows(found: Dataset) -> None:
    """Raises ImageError where the header names anything but a frontal chest X-ray."""
    modality = _text(found, "Modality")
    if modality not in _MODALITIES:
        raise ImageError(f"DICOM is of modality {modality!r}; a chest X-ray is CR or DX")
    body_part = _text(found, "BodyPartExamined")
    if body_part not in _BODY_PARTS:
        raise ImageError(f"DICOM shows {body_part!r}; send a picture of a chest")
    view = _text(found, "ViewPosition")
    if view in _LATERAL:
        raise ImageError(
            f"DICOM is a lateral view ({view}); the networks know frontal ones alone: send PA or AP"
        )
    if _text(found, "BurnedInAnnotation") == "YES":
        raise ImageError(
            "DICOM has text burnt into its picture, which may name the person; blank it out first"
        )


def _check_pixels(found: Dataset, max_pixels: int) -> None:
    """Raises ImageError where the pixels are of a kind that is not read, before any is decoded."""
    if "PixelData" not in found:
        raise ImageError("DICOM holds no picture; send the image, not a report or a directory")
    frames = int(found.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ImageError(f"DICOM holds {frames} frames; send a single picture")
    width, height = int(found.Columns), int(found.Rows)
    if not 0 < width * height <= max_pixels:
        raise ImageError(
            f"image is {width} x {height} px, more than the {max_pixels / 1e6:.0f} megapixels "
            "allowed; send a smaller one"
        )
    _check_photometry(found)
    _check_square(found)
    _check_compression(found)


def _check_photometry(found: Dataset) -> None:
    kind, samples = _text(found, "PhotometricInterpretation"), int(found.SamplesPerPixel)
    expected = {1: _GREY, 3: _COLOUR}.get(samples, ())
    if kind not in expected:
        raise ImageError(
            f"DICOM has photometry {kind!r} with {samples} samples a pixel; MONOCHROME1, "
            "MONOCHROME2 and RGB are read"
        )
    shape = _text(found, "PresentationLUTShape")
    if shape and kind in _INVERSE and shape != _INVERSE[kind]:
        raise ImageError(
            f"DICOM says both {kind} and {shape}, so that bright and dark cannot be told; export "
            "it again"
        )
    bits = int(found.BitsAllocated)
    if bits not in (8, 16) or (samples == 3 and bits != 8):
        raise ImageError(f"DICOM has {bits} bits a sample; 8 or 16 are read, in colour 8")


def _check_square(found: Dataset) -> None:
    for name in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        sides = [float(side) for side in _words(found, name)]
        if len(sides) == 2 and abs(sides[0] - sides[1]) > _MOST_UNSQUARE * max(sides):
            raise ImageError(
                f"DICOM has pixels that are not square ({name} {sides[0]:g} by {sides[1]:g}); "
                "export it with square ones"
            )


def _check_compression(found: Dataset) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = found.file_meta.TransferSyntaxUID
    if not syntax.is_compressed:
        return
    try:
        readable = get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        raise ImageError(
            f"DICOM is compressed as {syntax.name}, which is not read here; store it uncompressed"
        )


def _to_rgb(found: Dataset) -> U8Array:
    """(H,W,3) uint8; bright is dense, whatever the file's way."""
    pixels = found.pixel_array
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels.astype(np.uint8))
    grey = as_bytes(pixels, found)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _upright(image: U8Array, orientation: list[str]) -> U8Array:
    """Turned so that rows run to the person's left and columns to the feet (PS3.3 C.7.6.1.1.1)."""
    if len(orientation) != 2:
        return image
    across, down = (axis[:1] for axis in orientation)
    if across in ("H", "F") and down in ("L", "R"):
        image, across, down = image.swapaxes(0, 1), down, across
    return np.ascontiguousarray(image[:: -1 if down == "H" else 1, :: -1 if across == "R" else 1])


def _text(found: Dataset, name: str) -> str:
    """A value in capitals; empty where there is none."""
    return str(found.get(name) or "").strip().upper()


def _words(found: Dataset, name: str) -> list[str]:
    """The values of an element; empty where it is missing."""
    value: Any = found.get(name)
    if value is None or value == "":
        return []
    return [str(one).strip().upper() for one in ([value] if isinstance(value, str) else value)]
