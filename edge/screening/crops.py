"""Single pictures: each input gets a row, in the order given; an unreadable one says why.

They are crops of cells, or whole chest X-rays, as the bundle's task has it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.analysis.colour import is_coloured, is_grey
from edge.analysis.stain import is_cell_colour
from edge.contract.errors import ImageError, SourceError
from edge.contract.images import IMAGE_SUFFIXES, decode_image, list_images, read_bytes
from edge.contract.labels import XRAY_TASKS
from edge.contract.manifest import Manifest
from edge.contract.preprocess import prepare_crop
from edge.contract.types import U8Array
from edge.screening.calls import Call, call_pictures
from edge.screening.classifier import Classifier
from edge.screening.novelty import NoveltyNetwork
from edge.xray.radiograph import DICOM_SUFFIXES, decode_radiograph

BATCH = 128
GREY = "image is grey: the stain cannot be judged; send a colour image"
STRANGE_COLOUR = (
    "no red blood cell: its colour is that of no stain, or nothing is lit; send a crop of one red "
    "cell as the camera gave it"
)
COLOURED = "image is in colour: a chest X-ray is grey"
NO_RED_CELL = (
    "no red blood cell: nothing like a stained cell is in the image (foreign {:.2f}, limit "
    "{:.2f}); send a crop of one red cell"
)
COLUMNS = ("path", "score", "call", "novelty", "refused")
Refusal = Callable[[U8Array], str]
_SUFFIXES = IMAGE_SUFFIXES | DICOM_SUFFIXES


@dataclass(frozen=True)
class CropResult:
    """One row of `classify --csv`. Where `refused` says why, nothing is called.

    Attributes:
        score: P(positive label) of two labels, else that of the label called; also of what the
            novelty network refuses, so that a classifier can be measured on all that it was shown.
            None of what no network was shown.
        novelty: 0 to 1, also of what was refused as no red cell; None where the bundle has no
            novelty network or the input is no picture.
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
        images = list_images(path, _SUFFIXES) if path.is_dir() else [path]
        if not images:
            raise SourceError(f"folder {path} holds no PNG, JPEG, WebP, BMP or DICOM image")
        found += images
    return found


def classify(
    paths: Iterable[Path], classifier: Classifier, refuse: Refusal | None = None
) -> Iterator[CropResult]:
    """A result for each path, in order. Memory does not grow with their number.

    Args:
        paths: of the files.
        classifier: calls them.
        refuse: says why a decoded picture is not to be called; empty where it is.
    """
    manifest = classifier.bundle.manifest
    remaining = iter(paths)
    with ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(remaining, BATCH)):
            prepared = list(pool.map(lambda path: read_crop(path, manifest, refuse), chunk))
            yield from _judge([str(path) for path in chunk], prepared, classifier)


def classify_images(
    named: Iterable[tuple[str, U8Array]], classifier: Classifier
) -> Iterator[CropResult]:
    """A result for each picture, (H,W,3) uint8 RGB, under its name instead of a path."""
    manifest = classifier.bundle.manifest
    remaining = iter(named)
    while chunk := list(itertools.islice(remaining, BATCH)):
        prepared = [prepare_picture(image, manifest) for _, image in chunk]
        yield from _judge([name for name, _ in chunk], prepared, classifier)


def _judge(
    names: Sequence[str], prepared: Sequence[U8Array | str], classifier: Classifier
) -> Iterator[CropResult]:
    manifest = classifier.bundle.manifest
    crops = [item for item in prepared if not isinstance(item, str)]
    size = manifest.preprocessing.size_px
    batch = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
    calls = call_pictures(classifier.runtime.run(batch).logits, manifest)
    novelties, refusals = _second_opinion(batch, classifier.novelty)
    judged = iter(zip(calls, novelties, refusals, strict=True))
    for name, item in zip(names, prepared, strict=True):
        if isinstance(item, str):
            yield CropResult(name, refused=item)
        else:
            yield _result(name, *next(judged))


def _result(path: str, call: Call, novelty: float | None, refused: str) -> CropResult:
    return CropResult(path, call.score, "" if refused else call.label, novelty, refused)


def _second_opinion(
    batch: U8Array, network: NoveltyNetwork | None
) -> tuple[Sequence[float | None], Sequence[str]]:
    """For each crop its novelty, and why it is refused; empty where it is a red cell."""
    if network is None:
        return [None] * len(batch), [""] * len(batch)
    opinion, limit = network.read(batch), network.settings.foreign_threshold
    return opinion.novelty.tolist(), [
        NO_RED_CELL.format(foreign, limit) if foreign >= limit else ""
        for foreign in opinion.foreign.tolist()
    ]


def read_crop(path: Path, manifest: Manifest, refuse: Refusal | None = None) -> U8Array | str:
    """The network's input from a file, (S,S,3) uint8 RGB, or why the file is none."""
    try:
        image = decode_for(read_bytes(path), manifest)
        why = refuse(image) if refuse else ""
        return why or prepare_picture(image, manifest)
    except ImageError as error:
        return str(error)


def decode_for(data: bytes, manifest: Manifest) -> U8Array:
    """The picture as the task has it, (H,W,3) uint8 RGB; DICOM for X-rays alone.

    Raises:
        ImageError: it cannot be read.
    """
    return decode_radiograph(data) if manifest.task in XRAY_TASKS else decode_image(data)


def prepare_picture(image: U8Array, manifest: Manifest) -> U8Array | str:
    """The network's input, or why the picture is none for this task."""
    spec = manifest.preprocessing
    try:
        crop = prepare_crop(image, spec)
        # Evening out the contrast would make a tint uneven.
        as_sent = prepare_crop(image, replace(spec, contrast="none"))
    except ImageError as error:
        return str(error)
    if manifest.task in XRAY_TASKS:
        return COLOURED if is_coloured(as_sent) else crop
    if is_grey(as_sent):
        return GREY
    return crop if is_cell_colour(as_sent) else STRANGE_COLOUR
