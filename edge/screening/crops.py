"""Single pictures: each input gets a row, in the order given; an unreadable one says why.

They are crops of cells, or whole chest X-rays, as the bundle's task has it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ImageError, SourceError
from edge.contract.images import list_images, read_image
from edge.contract.labels import XRAY_TASKS
from edge.contract.manifest import Manifest
from edge.contract.preprocess import prepare_crop
from edge.contract.types import U8Array
from edge.screening.calls import call_pictures
from edge.screening.classifier import Classifier

BATCH = 128
GREY_SPREAD = 2
COLUMNS = ("path", "score", "call", "novelty", "refused")


@dataclass(frozen=True)
class CropResult:
    """One row of `classify --csv`. Where `refused` says why, there is neither score nor call.

    Attributes:
        score: P(positive label) of two labels, else that of the label called.
    """

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


def classify(paths: Iterable[Path], classifier: Classifier) -> Iterator[CropResult]:
    """A result for each path, in order. Memory does not grow with their number."""
    manifest = classifier.bundle.manifest
    remaining = iter(paths)
    with ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(remaining, BATCH)):
            yield from _classify_chunk(
                chunk, list(pool.map(lambda path: _prepare(path, manifest), chunk)), classifier
            )


def _classify_chunk(
    paths: Sequence[Path], prepared: Sequence[U8Array | str], classifier: Classifier
) -> Iterator[CropResult]:
    manifest = classifier.bundle.manifest
    crops = [item for item in prepared if not isinstance(item, str)]
    size = manifest.preprocessing.size_px
    batch = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
    calls = iter(call_pictures(classifier.runtime.run(batch).logits, manifest))
    for path, item in zip(paths, prepared, strict=True):
        if isinstance(item, str):
            yield CropResult(str(path), refused=item)
            continue
        call = next(calls)
        yield CropResult(str(path), call.score, call.label)


def _prepare(path: Path, manifest: Manifest) -> U8Array | str:
    is_xray = manifest.task in XRAY_TASKS
    try:
        crop = prepare_crop(read_image(path, may_be_grey=is_xray), manifest.preprocessing)
    except ImageError as error:
        return str(error)
    # A grey image saved as colour; the palest of 22,276 real cells spreads by 3 levels.
    if not is_xray and np.ptp(crop, axis=2).max() <= GREY_SPREAD:
        return "image is grey: the stain cannot be judged; send a colour image"
    return crop
