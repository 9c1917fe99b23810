"""Folds by patient, kept in git as files of patient ids. A patient is in one part only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError
from train.datasets.base import Example

FOLDS_DIR = Path(__file__).parent / "folds"
# A sixth of the patients chooses operating points; they are neither fitted on nor reported.
VALIDATION_PARTS = 5


@dataclass(frozen=True)
class Split:
    """Patient ids of the three parts; disjoint."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
            both = set(getattr(self, first)) & set(getattr(self, second))
            if both:
                raise DataError(f"patients {sorted(both)} are in both {first} and {second}")

    def rows_of(self, examples: Sequence[Example], part: str) -> list[int]:
        """Indices of the examples whose patient is in `part`."""
        patients = set(getattr(self, part))
        return [row for row, example in enumerate(examples) if example.patient in patients]

    def part_of(self, examples: Sequence[Example], part: str) -> list[Example]:
        """The examples whose patient is in `part`."""
        return [examples[row] for row in self.rows_of(examples, part)]


def make_folds(examples: Sequence[Example], n_folds: int, seed: int) -> list[list[str]]:
    """Parts with about the same number of patients, cells and positives.

    Patients are sorted by positives and dealt out like a hand of cards, forth and back, because a
    few patients hold many of the positives; `seed` breaks ties.
    """
    rng = np.random.default_rng(seed)
    tally: dict[str, list[int]] = {}
    for example in examples:
        counts = tally.setdefault(example.patient, [0, 0])
        counts[0] += example.label
        counts[1] += 1
    order = sorted(tally, key=lambda patient: (*tally[patient], rng.random()), reverse=True)
    deal = [*range(n_folds), *reversed(range(n_folds))]
    folds: list[list[str]] = [[] for _ in range(n_folds)]
    for index, patient in enumerate(order):
        folds[deal[index % len(deal)]].append(patient)
    return [sorted(fold) for fold in folds]


def write_folds(dataset: str, examples: Sequence[Example], n_folds: int, seed: int) -> Path:
    """Writes `folds/DATASET.json`: the folds, and for each the validation patients."""
    folds = make_folds(examples, n_folds, seed)
    validation = []
    for held_out in folds:
        rest = [example for example in examples if example.patient not in set(held_out)]
        validation.append(make_folds(rest, VALIDATION_PARTS, seed)[0])
    path = FOLDS_DIR / f"{dataset}.json"
    content = {"dataset": dataset, "seed": seed, "folds": folds, "validation": validation}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def load_split(dataset: str, held_out: int) -> Split:
    """The split that keeps fold `held_out` for testing.

    Raises:
        ConfigError: no folds for this data set, or no such fold.
        DataError: the file puts a patient into two parts.
    """
    path = FOLDS_DIR / f"{dataset}.json"
    if not path.is_file():
        raise ConfigError(f"no folds for data set {dataset!r}: {path} is missing")
    content = json.loads(path.read_text())
    folds = content["folds"]
    if not 0 <= held_out < len(folds):
        raise ConfigError(f"held_out fold is {held_out}; this data set has 0 to {len(folds) - 1}")
    validation = content["validation"][held_out]
    rest = [patient for k, fold in enumerate(folds) if k != held_out for patient in fold]
    train = sorted(set(rest) - set(validation))
    return Split(tuple(train), tuple(validation), tuple(folds[held_out]))


def check_covered(split: Split, examples: Sequence[Example]) -> None:
    """Raises DataError for a patient of the data set that the folds do not know."""
    known = {*split.train, *split.validation, *split.test}
    unknown = sorted({example.patient for example in examples} - known)
    if unknown:
        raise DataError(
            f"{len(unknown)} patients are in no fold: {unknown[:5]}; fit on the data set that the "
            "folds were made from, or make folds anew"
        )
