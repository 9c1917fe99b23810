"""Files that ship, on any data set: also one that they were never fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compress.opened import open_model
from edge.contract.bundle import MANIFEST, open_bundle
from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing
from edge.contract.types import U8Array
from train.bootstrap import Figure
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.metrics import measure
from train.recipe import load_recipe
from train.scores import Scores
from train.splits import load_split


@dataclass(frozen=True, eq=False)
class Candidate:
    """A weights file, and how images are prepared for it."""

    name: str
    format: str
    content: bytes
    preprocessing: Preprocessing
    labels: tuple[str, ...]


def open_candidates(
    paths: Sequence[Path], recipe: str, role: str = "classifier"
) -> list[Candidate]:
    """Bundles (every network of the role in them) and weights files (`.tflite`, `.onnx`).

    Args:
        recipe: of weights files, which do not say how images are prepared; "" where there are none.
        role: of a bundle's weights.

    Raises:
        ConfigError: neither a bundle nor a weights file, a weights file without a recipe, or a
            bundle without a network of that role.
        BundleError: the bundle is broken.
    """
    found: list[Candidate] = []
    for path in paths:
        if path.suffix in (".tflite", ".onnx") and path.is_file():
            found.append(_of_file(path, recipe))
        elif (path / MANIFEST).is_file() or path.suffix == ".zip":
            found += _of_bundle(path, role)
        else:
            raise ConfigError(f"{path} is neither a bundle nor a .tflite or .onnx file")
    return found


def _of_file(path: Path, recipe: str) -> Candidate:
    if not recipe:
        raise ConfigError(f"{path} does not say how images are prepared; give its --recipe")
    loaded = load_recipe(recipe)
    return Candidate(
        str(path),
        path.suffix[1:],
        path.read_bytes(),
        loaded.preprocessing,
        labels_of(loaded.dataset),
    )


def _of_bundle(path: Path, role: str) -> list[Candidate]:
    bundle = open_bundle(path)
    manifest = bundle.manifest
    found = [
        Candidate(
            f"{path} {weights.format}",
            weights.format,
            bundle.weights_bytes(weights),
            manifest.preprocessing,
            manifest.labels,
        )
        for weights in manifest.weights
        if weights.role == role
    ]
    if not found:
        raise ConfigError(f"{path} has no {role} network; give another --role or bundle")
    return found


def score_candidates(
    candidates: Sequence[Candidate],
    dataset: str,
    *,
    fold: int | None = None,
    data: Path | None = None,
    cache: Path | None = None,
) -> list[Scores]:
    """Scores of each candidate on a data set, or on its held-out fold.

    Raises:
        ConfigError: the data set has labels that a candidate does not give.
    """
    examples = list_examples(dataset, data)
    if fold is not None:
        examples = load_split(dataset, fold).part_of(examples, "test")
    found, crops_of = [], dict[Preprocessing, U8Array]()
    for candidate in candidates:
        _check_labels(candidate, dataset)
        if candidate.preprocessing not in crops_of:
            crops_of[candidate.preprocessing] = load_crops(examples, candidate.preprocessing, cache)
        found.append(_score(candidate, examples, crops_of[candidate.preprocessing]))
    return found


def _check_labels(candidate: Candidate, dataset: str) -> None:
    if labels_of(dataset) != candidate.labels:
        raise ConfigError(
            f"{candidate.name} tells {', '.join(candidate.labels)}; {dataset} has "
            f"{', '.join(labels_of(dataset))}"
        )


def _score(candidate: Candidate, examples: Sequence[Example], crops: U8Array) -> Scores:
    opened = open_model(candidate.format, candidate.content, candidate.name)
    logit = opened.score(crops, candidate.preprocessing.scale)
    # Two labels have one logit; a second one, of a novelty network, is not about them.
    return Scores.of(examples, logit[:, 0] if len(candidate.labels) == 2 else logit)


def figures_of(scores: Scores, threshold: float) -> dict[str, Figure]:
    """Every figure with its interval; groups are resampled."""
    probability = scores.probability
    if scores.logit.ndim == 1:
        # Thresholds of bundles were chosen on rounded scores.
        rounded = np.round(probability[:, 1], 6)
        probability = np.column_stack([1 - rounded, rounded])
    return dict(measure(probability, scores.label, scores.patient, threshold=threshold).overall)
