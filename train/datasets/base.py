"""What every data set gives: examples with a label and the patient they came from.

An example is an image file, or a box in a larger one. A data set's module says its `FOLDER` below
the folder of data sets, its `LABELS` in order, and lists its examples; it holds no training.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache as remember
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast
from uuid import uuid4

import numpy as np

from edge.contract.errors import ConfigError, DataError, ImageError
from edge.contract.images import read_image
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import BoolArray, U8Array
from train.datasets import outline

DATASETS = {
    "bbbc041": "train.datasets.bbbc041",
    "bccd-cells": "train.datasets.bccd_cells",
    "bccd-objects": "train.datasets.bccd_objects",
    "chula-cells": "train.datasets.chula_cells",
    "corrections": "train.datasets.corrections",
    "cxr-covid": "train.datasets.cxr_covid",
    "cxr-pneumonia": "train.datasets.cxr_pneumonia",
    "iml-boxed": "train.datasets.iml_boxed",
    "iml-cells": "train.datasets.iml_cells",
    "iml-stages": "train.datasets.iml_stages",
    "kermany": "train.datasets.kermany",
    "mp-idb": "train.datasets.mp_idb",
    "nih-cells": "train.datasets.nih_cells",
    "nih-cells-lossless": "train.datasets.nih_cells_lossless",
    "smear-cells": "train.datasets.smear_cells",
    "two-microscopes": "train.datasets.two_microscopes",
}


OUTLINES = ("box", "ellipse", "traced", "alone")
Image = TypeVar("Image", bound=np.ndarray[Any, Any])


@dataclass(frozen=True)
class Box:
    """A rectangle in an image, px; it may reach past the edges, where pixels count as black.

    Attributes:
        outline: what belongs to the cell; the rest is black where the preprocessing masks.
            "ellipse": the inscribed ellipse; "traced": of that, what `outline.trace` tells from
            glass; "alone": the same where the image is the box, and shows no other cell's glass;
            "box": the whole rectangle.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    outline: str = "ellipse"

    def __post_init__(self) -> None:
        if self.outline not in OUTLINES:
            raise DataError(f"outline is {self.outline!r}; known: {', '.join(OUTLINES)}")
        if min(self.width_px, self.height_px) < 1:
            raise DataError(f"box is {self.width_px} x {self.height_px} px; at least 1")

    def cut(self, image: Image) -> Image:
        """The part of an (H,W,…) image inside the box, 0 (black, False) outside the image."""
        crop = np.zeros((self.height_px, self.width_px, *image.shape[2:]), image.dtype)
        top, left = max(0, self.top_px), max(0, self.left_px)
        found = image[top : self.top_px + self.height_px, left : self.left_px + self.width_px]
        top, left = top - self.top_px, left - self.left_px
        crop[top : top + found.shape[0], left : left + found.shape[1]] = found
        return cast(Image, crop)

    def mask(self, glass: BoolArray | None = None) -> BoolArray | None:
        """(height_px,width_px) bool, True inside the outline; None where that is everywhere.

        Args:
            glass: of the whole field, (H,W) bool; "traced" and "alone" need it.
        """
        if self.outline == "box":
            return None
        ellipse = _ellipse(self.width_px, self.height_px)
        if self.outline == "ellipse" or glass is None:
            return ellipse
        return outline.trace(self.cut(glass), ellipse)


@dataclass(frozen=True)
class Example:
    """One labelled crop.

    Attributes:
        name: unique in its data set, without ending.
        path: the image file.
        label: index into the data set's LABELS.
        patient: the group that must not be split: a patient, or what stands for one.
        box: the part of the image, where it is not the whole.
        source: hospital or collection, where a data set has several.
        may_be_grey: one channel is no fault (X-rays); a stained cell without colour is.
    """

    name: str
    path: Path
    label: int
    patient: str
    box: Box | None = None
    source: str = ""
    may_be_grey: bool = False


def data_root(root: Path | None = None) -> Path:
    """The folder of data sets: given, or what CLINICSCOPE_DATA names.

    Raises:
        ConfigError: neither is set, or it is no folder.
    """
    path = root or Path(os.environ.get("CLINICSCOPE_DATA", ""))
    if not str(path) or not path.is_dir() or path == Path():
        raise ConfigError(
            f"data folder is {str(path)!r}; give --data or set CLINICSCOPE_DATA to the folder "
            "that holds the data sets"
        )
    return path.resolve()


def module_of(dataset: str) -> ModuleType:
    """The module of a data set. Raises ConfigError where there is no such data set."""
    if dataset not in DATASETS:
        raise ConfigError(f"data set is {dataset!r}; known: {', '.join(sorted(DATASETS))}")
    return import_module(DATASETS[dataset])


def labels_of(dataset: str) -> tuple[str, ...]:
    """The labels of a data set, in order. Raises ConfigError where there is no such data set."""
    labels: tuple[str, ...] = module_of(dataset).LABELS
    return labels


def parts_of(dataset: str) -> tuple[str, ...]:
    """The data sets that this one joins, whose folds are its own; none for most."""
    if dataset not in DATASETS:
        return ()
    return tuple(getattr(module_of(dataset), "JOINS", ()))


def folder_of(dataset: str, root: Path | None = None) -> Path:
    """Where a data set lies below the folder of data sets; two may share one folder."""
    return data_root(root) / str(module_of(dataset).FOLDER)


def list_examples(dataset: str, root: Path | None = None) -> list[Example]:
    """All examples of a data set, sorted by name.

    Raises:
        ConfigError: no such data set.
        DataError: it is not in the folder, a class is empty, a label is outside the list, or two
            examples have one name.
    """
    labels, folder = labels_of(dataset), folder_of(dataset, root)
    for part in parts_of(dataset) or (dataset,):
        if not (needed := folder_of(part, root)).is_dir():
            raise DataError(f"data set {dataset} is not at {needed}; fetch it, or check --data")
    examples: list[Example] = sorted(
        module_of(dataset).list_examples(folder), key=lambda example: example.name
    )
    check_examples(dataset, examples, labels)
    return examples


def check_examples(dataset: str, examples: Sequence[Example], labels: Sequence[str]) -> None:
    """Raises DataError: a label outside the list, a name twice, or an empty class."""
    for example in examples:
        if not 0 <= example.label < len(labels):
            raise DataError(
                f"{example.path}: label {example.label} of {example.name} is outside the "
                f"{len(labels)} labels of {dataset}"
            )
    for name, count in Counter(example.name for example in examples).most_common(1):
        if count > 1:
            raise DataError(f"data set {dataset} has {count} examples named {name!r}")
    counts = np.bincount([example.label for example in examples], minlength=len(labels))
    for label, count in zip(labels, counts, strict=True):
        if not count:
            raise DataError(f"data set {dataset} has no image labelled {label!r}")


def load_crops(
    examples: Sequence[Example], spec: Preprocessing, cache: Path | None = None
) -> U8Array:
    """Prepared crops of the examples, (N,size,size,3) uint8 RGB, cached on disk as one file.

    A file that holds many boxes is decoded once, and let go before the next.

    Raises:
        DataError: an image cannot be read; the message names every such file.
    """
    path = cache / f"crops-{_cache_key(examples, spec)}.npy" if cache else None
    if path and path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    crops = np.zeros((len(examples), spec.size_px, spec.size_px, 3), np.uint8)
    rows_of: dict[Path, list[int]] = {}
    for row, example in enumerate(examples):
        rows_of.setdefault(example.path, []).append(row)
    with ThreadPoolExecutor() as pool:
        bad = [
            fault
            for fault in pool.map(
                lambda rows: _prepare(examples, rows, spec, crops), rows_of.values()
            )
            if fault
        ]
    if bad:
        raise DataError(f"{len(bad)} images cannot be read: " + "; ".join(bad[:10]))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Fits share the folder, also between machines, and may prepare the same crops at once.
        partial = path.with_suffix(f".{uuid4().hex}.part.npy")
        np.save(partial, crops)
        partial.replace(path)
    return crops


def read_example(example: Example) -> U8Array:
    """The pixels of one example, (H,W,3) uint8 RGB, at their own size and unmasked.

    Raises:
        ImageError: its file cannot be read.
    """
    return cut_example(read_image(example.path, may_be_grey=example.may_be_grey), example)


def cut_example(image: U8Array, example: Example) -> U8Array:
    """The pixels of an example, (H,W,3) uint8 RGB, at their own size and unmasked."""
    return example.box.cut(image) if example.box else image


def _prepare(
    examples: Sequence[Example], rows: list[int], spec: Preprocessing, crops: U8Array
) -> str:
    """Fills the rows of `crops` that one file gives; the fault, or ""."""
    first = examples[rows[0]]
    try:
        image = read_image(first.path, may_be_grey=first.may_be_grey)
        boxes = [examples[row].box for row in rows]
        glass = _glass(image, {box.outline for box in boxes if box}, spec)
        for row, box in zip(rows, boxes, strict=True):
            mask = box.mask(glass) if box else None
            crops[row] = prepare_crop(cut_example(image, examples[row]), spec, mask)
    except ImageError as error:
        return f"{first.path}: {error}"
    return ""


def _glass(image: U8Array, outlines: set[str], spec: Preprocessing) -> BoolArray | None:
    """Of an image whose boxes have these outlines; None where none is traced."""
    if spec.mask != "black" or not outlines & {"traced", "alone"}:
        return None
    return outline.glass_about(image) if "alone" in outlines else outline.glass(image)


@remember
def _ellipse(width_px: int, height_px: int) -> BoolArray:
    y = (np.arange(height_px) + 0.5) / height_px * 2 - 1
    x = (np.arange(width_px) + 0.5) / width_px * 2 - 1
    return np.asarray(x[None, :] ** 2 + y[:, None] ** 2 <= 1)


def _cache_key(examples: Sequence[Example], spec: Preprocessing) -> str:
    digest = hashlib.sha256(repr(spec).encode())
    for example in examples:
        box = f"\0{example.box}" if example.box else ""
        digest.update(f"{example.name}\0{example.path.stat().st_size}{box}\n".encode())
    return digest.hexdigest()[:16]
