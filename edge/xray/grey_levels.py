"""A DICOM picture's stored values as 8-bit grey, the way a viewer shows them.

Stored value, modality (rescale or table), window or table of the file, 0 to 255: PS3.3 C.11.1 and
C.11.2, PS3.4 N.2. A file that gives neither is shown from its darkest to its brightest hundredth.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ImageError
from edge.contract.types import F64Array, U8Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Without a window; a marker of lead or a scratch must not decide.
_ENDS_PERCENT = (0.5, 99.5)


def as_bytes(pixels: np.ndarray, header: Dataset) -> U8Array:
    """(H,W) uint8 of (H,W) stored values: bright where the body is dense; padding is black.

    Raises:
        ImageError: a window that no picture can be seen through.
    """
    outside = _padding(pixels, header)
    shares = _shares(_measured(pixels, header), header, outside)
    if str(header.PhotometricInterpretation).strip().upper() == "MONOCHROME1":
        shares = 1 - shares
    shares[outside] = 0
    return np.asarray(np.rint(np.clip(shares, 0, 1) * 255), np.uint8)


def _padding(pixels: np.ndarray, header: Dataset) -> np.ndarray:
    """(H,W) bool: what lies beyond the detector (PS3.3 C.7.5.1.1.2)."""
    first = header.get("PixelPaddingValue")
    if first is None:
        return np.zeros(pixels.shape, bool)
    last = header.get("PixelPaddingRangeLimit", first)
    low, high = sorted((int(first), int(last)))
    return (pixels >= low) & (pixels <= high)


def _measured(pixels: np.ndarray, header: Dataset) -> F64Array:
    """Values of the modality, as windows are given in."""
    from pydicom.pixels.processing import apply_modality_lut

    return np.asarray(apply_modality_lut(pixels, header), np.float64)


def _shares(values: F64Array, header: Dataset, outside: np.ndarray) -> F64Array:
    """0 to 1 where the file's table or window is followed, else beyond it a little."""
    if "VOILUTSequence" in header:
        return _by_table(values, header)
    center, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    if center is None or width is None:
        inside = values[~outside]
        low, high = np.percentile(inside if inside.size else values, _ENDS_PERCENT)
        return np.asarray((values - low) / max(high - low, 1e-9))
    return _by_window(values, center, width, str(header.get("VOILUTFunction") or "LINEAR"))


def _by_window(values: F64Array, center: float, width: float, function: str) -> F64Array:
    # C.11.2.1.2.1: the plain function counts whole levels, so its width is at least 1.
    if width < 1 if function == "LINEAR" else width <= 0:
        raise ImageError(f"DICOM has a window of width {width:g}; export it with another one")
    if function == "LINEAR":
        return np.asarray((values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5)
    if function == "LINEAR_EXACT":
        return np.asarray((values - center) / width + 0.5)
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -60, 60))))
    raise ImageError(f"DICOM has a window of the kind {function!r}; LINEAR and SIGMOID are read")


def _by_table(values: F64Array, header: Dataset) -> F64Array:
    from pydicom.pixels.processing import apply_voi_lut

    bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
    stored = np.rint(values).astype(np.int64)
    levels = np.asarray(apply_voi_lut(stored, header, prefer_lut=True), np.float64)
    return np.asarray(levels / (2**bits - 1))


def _first(value: Any) -> float | None:
    """Of several windows the first, as viewers show it."""
    if isinstance(value, MutableSequence):
        value = value[0]
    return None if value is None or value == "" else float(value)
