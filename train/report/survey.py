"""One pass over the images of a data set: sizes, hashes and simple features. Nothing is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import DataError, ImageError
from edge.contract.images import read_image
from edge.contract.types import U8Array
from train.datasets.base import Example, cut_example

GREY_PX = 32
COLOUR_PX = 16
HASH_PX = 16
# A step that noise and JPEG do not make on a flat background, grey levels.
HASH_STEP = 2
SPREAD_PX = 64
QUANTILES = (0, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.995, 1)
Row = tuple[Example, tuple[int, int], bytes, U8Array, U8Array, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Survey:
    """What was measured of the readable examples, in order.

    Attributes:
        size_px: (N,2) int, width and height.
        pixel_hash: (N,) bytes, equal where every pixel is.
        grey: (N,GREY_PX,GREY_PX) uint8.
        dhash: (N,HASH_PX²) bool: whether a pixel is clearly brighter than its left neighbour.
        pixels: (N,P) float32 in [0,1]: small colour pixels; where things are.
        spread: (N,Q) float32: quantiles of colour and edges inside the cell; what things there are.
        faults: file and fault of what cannot be read.
    """

    examples: list[Example]
    size_px: np.ndarray
    pixel_hash: np.ndarray
    grey: U8Array
    dhash: np.ndarray
    pixels: np.ndarray
    spread: np.ndarray
    faults: list[tuple[Path, str]]


def survey(examples: Sequence[Example]) -> Survey:
    """Reads every image once, each file of many boxes once too.

    Raises:
        DataError: none can be read.
    """
    by_file: dict[Path, list[Example]] = {}
    for example in examples:
        by_file.setdefault(example.path, []).append(example)
    rows: list[Row] = []
    faults: list[tuple[Path, str]] = []
    with ThreadPoolExecutor() as pool:
        for path, found in zip(by_file, pool.map(_measure_file, by_file.values()), strict=True):
            if isinstance(found, str):
                faults.append((path, found))
            else:
                rows += found
    if not rows:
        raise DataError(f"none of {len(examples)} images can be read, e.g. {faults[0]}")
    rows.sort(key=lambda row: row[0].name)
    found_examples, sizes, hashes, grey, dhash, pixels, spread = zip(*rows, strict=True)
    return Survey(
        list(found_examples),
        np.array(sizes),
        np.array(hashes),
        np.stack(grey),
        np.stack(dhash).astype(bool),
        np.stack(pixels),
        np.stack(spread),
        faults,
    )


def _measure_file(examples: list[Example]) -> list[Row] | str:
    try:
        image = read_image(examples[0].path, may_be_grey=examples[0].may_be_grey)
    except ImageError as error:
        return str(error)
    return [_measure(cut_example(image, example), example) for example in examples]


def _measure(crop: U8Array, example: Example) -> Row:
    height_px, width_px = crop.shape[:2]
    digest = hashlib.blake2b(np.ascontiguousarray(crop).tobytes(), digest_size=16)
    digest.update(f"{width_px}x{height_px}".encode())
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (GREY_PX, GREY_PX), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(grey, (HASH_PX + 1, HASH_PX), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (
        example,
        (width_px, height_px),
        digest.digest(),
        np.asarray(small, np.uint8),
        (wide[:, 1:] - wide[:, :-1] > HASH_STEP).ravel().astype(np.uint8),
        (_resized(crop, COLOUR_PX) / 255).ravel().astype(np.float32),
        _spread(_resized(crop, SPREAD_PX)),
    )


def _resized(crop: U8Array, side_px: int) -> U8Array:
    size = (side_px, side_px)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def _spread(crop: U8Array) -> np.ndarray:
    # About the median: the stain of a whole cell says little, a dark spot in it says much.
    inside = crop.any(axis=2)
    inside = inside if inside.any() else np.ones_like(inside)
    saturation = cv2.cvtColor(crop, cv2.COLOR_RGB2HSV)[:, :, 1]
    blurred = cv2.GaussianBlur(crop, (0, 0), 2)
    edges = np.abs(crop.astype(np.int16) - blurred).max(axis=2)
    edges[cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0] = 0
    found = []
    for channel in (*np.moveaxis(crop, 2, 0), saturation):
        values = np.quantile(channel[inside], QUANTILES)
        found += [values - values[len(values) // 2], values[len(values) // 2 :][:1]]
    return np.concatenate([*found, np.quantile(edges[inside], QUANTILES)]).astype(np.float32)
