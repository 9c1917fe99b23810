"""PSNR and SSIM of an enlarged image against the true one; nothing of networks or data sets.

Both are taken on RGB and on Y, the luma of ITU-R BT.601 in 16 to 235 (what papers on
super-resolution report), and both over the whole crop or inside a mask. The two places differ a
lot: a masked crop's hard black edge dominates the whole, and no one reads a cell by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F64Array, U8Array

# Equal images have no finite PSNR. One sample of a 130 px crop off by one grey level gives 95 dB,
# so a hundred stands for "equal", and means stay finite.
MOST_DB = 100.0
# Wang 2004, doi 10.1109/TIP.2003.819861: a Gaussian window of sigma 1.5, 11 px across.
_SIGMA, _WINDOW_PX = 1.5, 11
_RIM_PX = _WINDOW_PX // 2


@dataclass(frozen=True)
class Quality:
    """How near an image comes to the true one, at one place: higher is nearer, 1 is equal in SSIM.

    Attributes:
        psnr_rgb, psnr_y: dB, at most MOST_DB.
        ssim_rgb, ssim_y: at most 1.
    """

    psnr_rgb: float
    psnr_y: float
    ssim_rgb: float
    ssim_y: float


NOWHERE = Quality(np.nan, np.nan, np.nan, np.nan)


def quality(truth: U8Array, found: U8Array, mask: BoolArray | None = None) -> tuple[Quality, ...]:
    """Quality over the whole crop and inside the mask.

    Args:
        truth, found: (H,W,3) uint8 RGB.
        mask: (H,W), True inside the cell; None, or one that is empty, gives `NOWHERE` inside.

    Raises:
        DataError: shapes or dtypes that do not fit together.
    """
    if mask is not None:
        _check_mask(truth, mask)
    pairs = ((truth, found), (luma(truth), luma(found)))
    maps = [ssim_map(*pair) for pair in pairs]
    whole = [psnr(*pair) for pair in pairs] + [_interior_mean(values) for values in maps]
    if mask is None or not mask.any():
        return Quality(*whole), NOWHERE
    inside = [psnr(*pair, mask) for pair in pairs] + [_at_most_1(values[mask]) for values in maps]
    return Quality(*whole), Quality(*inside)


def psnr(
    truth: U8Array | F64Array, found: U8Array | F64Array, mask: BoolArray | None = None
) -> float:
    """10 log10(255² / mean squared error) in dB, over all channels; MOST_DB where nothing differs.

    Args:
        truth, found: (H,W,3) or (H,W), 0 to 255.
        mask: (H,W); the mean is over its True pixels alone. Not empty.

    Raises:
        DataError: shapes that differ, or an empty mask.
    """
    _check_alike(truth, found)
    squared = (truth.astype(np.float64) - found.astype(np.float64)) ** 2
    if mask is not None:
        _check_mask(truth, mask)
        if not mask.any():
            raise DataError("the mask is empty; there is nothing to measure inside it")
        squared = squared[mask]
    error = float(squared.mean())
    return min(MOST_DB, 10 * np.log10(255**2 / error)) if error else MOST_DB


def ssim(
    truth: U8Array | F64Array, found: U8Array | F64Array, mask: BoolArray | None = None
) -> float:
    """Structural similarity (Wang 2004), at most 1: the mean of its map.

    Over the whole crop the outer 5 px, whose windows reach past the edge, are left out as in
    scikit-image, unless nothing would remain.

    Args:
        truth, found: (H,W,3) or (H,W), 0 to 255; channels are averaged.
        mask: (H,W); the map is averaged inside it. Not empty.

    Raises:
        DataError: shapes that differ, or an empty mask.
    """
    values = ssim_map(truth, found)
    if mask is None:
        return _interior_mean(values)
    _check_mask(truth, mask)
    if not mask.any():
        raise DataError("the mask is empty; there is nothing to measure inside it")
    return _at_most_1(values[mask])


def ssim_map(truth: U8Array | F64Array, found: U8Array | F64Array) -> F64Array:
    """Structural similarity at each pixel, of the shape of `truth`, by scikit-image.

    Images smaller than the window are continued by reflection, as the filter continues larger ones.

    Raises:
        DataError: shapes that differ, or no pixel.
    """
    from skimage.metrics import structural_similarity

    _check_alike(truth, found)
    rows, columns = truth.shape[:2]
    # At least half a window more, so that the filter's own reflection comes after it.
    room = [(0, max(_RIM_PX, _WINDOW_PX - n) if n < _WINDOW_PX else 0) for n in (rows, columns)]
    room += [(0, 0)] * (truth.ndim - 2)
    pair = (np.pad(image, room, mode="symmetric").astype(np.float64) for image in (truth, found))
    _, values = structural_similarity(
        *pair,
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if truth.ndim == 3 else None,
        full=True,
    )
    return np.asarray(values[:rows, :columns], np.float64)


def luma(image: U8Array) -> F64Array:
    """(H,W,3) uint8 RGB to (H,W) Y of BT.601, 16 to 235, not rounded.

    Raises:
        DataError: not (H,W,3) uint8: a grey image is given three equal channels first.
    """
    from skimage.color import rgb2ycbcr

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"image is {image.shape} {image.dtype}; expected (H,W,3) uint8 RGB")
    return np.asarray(rgb2ycbcr(image)[:, :, 0], np.float64)


def _interior_mean(values: F64Array) -> float:
    interior = values[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX]
    return _at_most_1(interior if min(values.shape[:2]) >= _WINDOW_PX else values)


def _at_most_1(values: F64Array) -> float:
    """The mean; rounding could carry that of equal images past 1."""
    return min(1.0, float(values.mean()))


def _check_alike(truth: np.ndarray, found: np.ndarray) -> None:
    if truth.shape != found.shape or truth.ndim not in {2, 3} or not truth.size:
        raise DataError(
            f"images are {truth.shape} and {found.shape}; expected the same (H,W,3) or (H,W)"
        )


def _check_mask(truth: np.ndarray, mask: BoolArray) -> None:
    if mask.shape != truth.shape[:2] or mask.dtype != bool:
        raise DataError(f"mask is {mask.shape} {mask.dtype} for an image of {truth.shape}")
