"""What every data set gives: examples with a label and the patient they came from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError, ImageError
from edge.contract.images import read_image
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import U8Array

DATASETS = {"nih-cells": "train.datasets.nih_cells"}


@dataclass(frozen=True)
class Example:
    """One labelled crop. `name` is unique in its data set and has no ending."""

    name: str
    path: Path
    label: int
    patient: str


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


def list_examples(dataset: str, root: Path | None = None) -> list[Example]:
    """All examples of a data set, sorted by name.

    Raises:
        ConfigError: no such data set.
        DataError: it is not in the folder, or a class is empty.
    """
    labels, module = labels_of(dataset), import_module(DATASETS[dataset])
    examples: list[Example] = sorted(
        module.list_examples(data_root(root) / dataset), key=lambda example: example.name
    )
    counts = np.bincount([example.label for example in examples], minlength=len(labels))
    for label, count in zip(labels, counts, strict=True):
        if not count:
            raise DataError(f"data set {dataset} has no image labelled {label!r} below {root}")
    return examples


def labels_of(dataset: str) -> tuple[str, ...]:
    """The labels of a data set, in order. Raises ConfigError where there is no such data set."""
    if dataset not in DATASETS:
        raise ConfigError(f"data set is {dataset!r}; known: {', '.join(sorted(DATASETS))}")
    labels: tuple[str, ...] = import_module(DATASETS[dataset]).LABELS
    return labels


def load_crops(
    examples: Sequence[Example], spec: Preprocessing, cache: Path | None = None
) -> U8Array:
    """Prepared crops of the examples, (N,size,size,3) uint8 RGB, cached on disk as one file.

    Raises:
        DataError: an image cannot be read; the message names every such file.
    """
    path = cache / f"crops-{_cache_key(examples, spec)}.npy" if cache else None
    if path and path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    with ThreadPoolExecutor() as pool:
        prepared = list(pool.map(lambda example: _prepare(example, spec), examples))
    bad = [item for item in prepared if isinstance(item, str)]
    if bad:
        raise DataError(f"{len(bad)} images cannot be read: " + "; ".join(bad[:10]))
    crops = np.stack([item for item in prepared if not isinstance(item, str)])
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npy")
        np.save(partial, crops)
        partial.replace(path)
    return crops


def _prepare(example: Example, spec: Preprocessing) -> U8Array | str:
    try:
        return prepare_crop(read_image(example.path), spec)
    except ImageError as error:
        return f"{example.path}: {error}"


def _cache_key(examples: Sequence[Example], spec: Preprocessing) -> str:
    digest = hashlib.sha256(repr(spec).encode())
    for example in examples:
        digest.update(f"{example.name}\0{example.path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]
