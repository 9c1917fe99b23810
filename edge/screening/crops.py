"""Single crops: each input gets a row, in the order given; an unreadable one says why."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ImageError, SourceError
from edge.contract.images import list_images, read_image
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import U8Array
from edge.screening.screener import Screener, scores_from_logits

BATCH = 128
GREY_SPREAD = 2
COLUMNS = ("path", "score", "call", "novelty", "refused")


@dataclass(frozen=True)
class CropResult:
    """One row of `classify --csv`. Score and call are None where `refused` says why."""

    path: str
    score: float | None = None
    call: str = ""
    novelty: float | None = None
    refused: str = ""

    def row(self) -> tuple[str, str, str, str, str]:
        """As text, in the order of COLUMNS."""
        score, novelty = (
            "" if value is None else f"{value:.6f}" for value in (self.score, self.novelty)
        )
        return self.path, score, self.call, novelty, self.refused


def expand(paths: Sequence[Path]) -> list[Path]:
    """Folders to the images in them; files as given, also those that do not exist.

    Raises:
        SourceError: a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        images = list_images(path) if path.is_dir() else [path]
        if not images:
            raise SourceError(f"folder {path} holds no PNG, JPEG, WebP or BMP image")
        found += images
    return found


def classify(paths: Iterable[Path], screener: Screener) -> Iterator[CropResult]:
    """A result for each path, in order. Memory does not grow with their number."""
    spec = screener.bundle.manifest.preprocessing
    remaining = iter(paths)
    with ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(remaining, BATCH)):
            yield from _classify_chunk(
                chunk, list(pool.map(lambda path: _prepare(path, spec), chunk)), screener
            )


def _classify_chunk(
    paths: Sequence[Path], prepared: Sequence[U8Array | str], screener: Screener
) -> Iterator[CropResult]:
    manifest = screener.bundle.manifest
    crops = [item for item in prepared if not isinstance(item, str)]
    size = manifest.preprocessing.size_px
    batch = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
    logits = screener.runtime.run(batch).logits
    scores = iter(scores_from_logits(logits, manifest.score_calibration))
    negative = next(label for label in manifest.labels if label != manifest.positive_label)
    for path, item in zip(paths, prepared, strict=True):
        if isinstance(item, str):
            yield CropResult(str(path), refused=item)
            continue
        score = float(next(scores))
        infected = score >= manifest.operating_point.threshold
        yield CropResult(str(path), score, manifest.positive_label if infected else negative)


def _prepare(path: Path, spec: Preprocessing) -> U8Array | str:
    try:
        crop = prepare_crop(read_image(path), spec)
    except ImageError as error:
        return str(error)
    # A grey image saved as colour; the palest of 22,276 real cells spreads by 3 levels.
    if np.ptp(crop, axis=2).max() <= GREY_SPREAD:
        return "image is grey: the stain cannot be judged; send a colour image"
    return crop
