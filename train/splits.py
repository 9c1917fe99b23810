"""Folds by patient, kept in git as files of patient ids. A patient is in one part only.

The random splits of the sources exist by the name `random-…` alone, to repeat a source's figure;
they put one patient's cells into several parts, and the split says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError
from train.datasets.base import Example, parts_of

FOLDS_DIR = Path(__file__).parent / "folds"
# A fifth of the other patients chooses operating points; they are neither fitted on nor reported.
VALIDATION_PARTS = 5
BY_PATIENT = "patients"
# Shares of train, validation and test in the sources' texts, percent.
RANDOM_SPLITS = {
    "random-70-20-10": (70, 20, 10),
    "random-70-15-15": (70, 15, 15),
    "random-80-10-10": (80, 10, 10),
}
SPLITS = (BY_PATIENT, *RANDOM_SPLITS)


@dataclass(frozen=True)
class Split:
    """Ids of the three parts; disjoint.

    Attributes:
        train: ids of patients, or names of examples where the split is random.
        validation: the same.
        test: the same.
        kind: one of `SPLITS`.
        n_shared_patients: patients of whom more than one part holds examples.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    kind: str = BY_PATIENT
    n_shared_patients: int = 0

    def __post_init__(self) -> None:
        check_kind(self.kind)
        ids = "patients" if self.kind == BY_PATIENT else "examples"
        for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
            both = set(getattr(self, first)) & set(getattr(self, second))
            if both:
                raise DataError(f"{ids} {sorted(both)} are in both {first} and {second}")

    @property
    def leaks_patients(self) -> bool:
        """True where a figure may rest on knowing the patient."""
        return self.kind != BY_PATIENT

    @property
    def warning(self) -> str:
        """What a report says beside the figures; "" for a split by patient."""
        if not self.leaks_patients:
            return ""
        return f"{self.kind}: leaks patients ({self.n_shared_patients} are in more than one part)"

    def id_of(self, example: Example) -> str:
        """What tells this example's part."""
        return example.name if self.leaks_patients else example.patient

    def rows_of(self, examples: Sequence[Example], part: str) -> list[int]:
        """Indices of the examples that are in `part`."""
        ids = set(getattr(self, part))
        return [row for row, example in enumerate(examples) if self.id_of(example) in ids]

    def part_of(self, examples: Sequence[Example], part: str) -> list[Example]:
        """The examples that are in `part`."""
        return [examples[row] for row in self.rows_of(examples, part)]

    def holding_out(self, examples: Sequence[Example], sources: Sequence[str]) -> Split:
        """The split with every example of these collections in the test part.

        Other collections' examples of the same labels leave the test part: the figure of such a
        label is then that of the unseen collections alone.

        Raises:
            ConfigError: no example is of such a collection.
        """
        known = {example.source for example in examples}
        if set(sources) - known:
            raise ConfigError(
                f"held_out_sources has {sorted(set(sources) - known)}; known: {sorted(known)}"
            )
        held = [example for example in examples if example.source in sources]
        labels, moved = {e.label for e in held}, {self.id_of(e) for e in held}
        familiar = {self.id_of(e) for e in examples if e.label in labels} - moved
        return replace(
            self,
            train=tuple(sorted(set(self.train) - moved)),
            validation=tuple(sorted(set(self.validation) - moved)),
            test=tuple(sorted((set(self.test) | moved) - familiar)),
        )


def check_kind(kind: str) -> None:
    """Raises ConfigError where there is no such kind of split."""
    if kind not in SPLITS:
        raise ConfigError(f"split is {kind!r}; known: {', '.join(SPLITS)}")


def make_folds(examples: Sequence[Example], n_folds: int, seed: int) -> list[list[str]]:
    """Parts with about the same number of patients, examples and each class.

    Patients are sorted by their examples of the rarest class, then the next, and dealt out like a
    hand of cards, forth and back, because a few patients hold many of the positives; `seed` breaks
    ties. Of two classes the positive one leads, whether it is the rarer or not.
    """
    rng = np.random.default_rng(seed)
    n_classes = max(2, 1 + max((example.label for example in examples), default=0))
    totals = np.bincount([example.label for example in examples], minlength=n_classes)
    leading = [1] if n_classes == 2 else np.argsort(totals, kind="stable").tolist()
    tally: dict[str, list[int]] = {}
    for example in examples:
        tally.setdefault(example.patient, [0] * n_classes)[example.label] += 1

    def rank(patient: str) -> tuple[float, ...]:
        counts = tally[patient]
        return (*(counts[label] for label in leading), sum(counts), rng.random())

    order = sorted(tally, key=rank, reverse=True)
    deal = [*range(n_folds), *reversed(range(n_folds))]
    folds: list[list[str]] = [[] for _ in range(n_folds)]
    for index, patient in enumerate(order):
        folds[deal[index % len(deal)]].append(patient)
    return [sorted(fold) for fold in folds]


def write_folds(dataset: str, examples: Sequence[Example], n_folds: int, seed: int) -> Path:
    """Writes `folds/DATASET.json`: the folds, and for each the validation patients.

    The first of the dealt parts holds the patient with most of the rarest class. Of two classes it
    is the validation part; of more, the middle part is, so that the rarest class (22 schizonts) is
    not spent on choosing.
    """
    folds = make_folds(examples, n_folds, seed)
    several = max(example.label for example in examples) > 1
    validation = []
    for held_out in folds:
        rest = [example for example in examples if example.patient not in set(held_out)]
        parts = make_folds(rest, VALIDATION_PARTS, seed)
        validation.append(parts[VALIDATION_PARTS // 2 if several else 0])
    path = FOLDS_DIR / f"{dataset}.json"
    content = {"dataset": dataset, "seed": seed, "folds": folds, "validation": validation}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def load_split(
    dataset: str,
    held_out: int,
    kind: str = BY_PATIENT,
    *,
    examples: Sequence[Example] = (),
    seed: int = 0,
) -> Split:
    """The split that keeps fold `held_out` for testing, or a random one by that name alone.

    Args:
        held_out: number of the fold; a random split has none, and takes it to vary its seed.
        kind: one of `SPLITS`.
        examples: what a random split shuffles.
        seed: of the shuffling.

    Raises:
        ConfigError: no folds for this data set, no such fold, or no such kind.
        DataError: the file puts a patient into two parts, or there is nothing to shuffle.
    """
    check_kind(kind)
    if kind != BY_PATIENT:
        return _random_split(examples, kind, (seed, held_out))
    folds, validations = _read_folds(dataset)
    if not folds:
        raise ConfigError(f"no folds for data set {dataset!r}: {_path_of(dataset)} is missing")
    if not 0 <= held_out < len(folds):
        raise ConfigError(f"held_out fold is {held_out}; this data set has 0 to {len(folds) - 1}")
    validation = validations[held_out]
    rest = [patient for k, fold in enumerate(folds) if k != held_out for patient in fold]
    train = sorted(set(rest) - set(validation))
    return Split(tuple(train), tuple(validation), tuple(folds[held_out]))


def n_folds_of(dataset: str) -> int:
    """How many folds the data set has; 0 where none were made."""
    return len(_read_folds(dataset)[0])


def fold_of(dataset: str) -> dict[str, int]:
    """The fold of each patient."""
    return {patient: k for k, fold in enumerate(_read_folds(dataset)[0]) for patient in fold}


def _path_of(dataset: str) -> Path:
    return FOLDS_DIR / f"{dataset}.json"


def _read_folds(dataset: str) -> tuple[list[list[str]], list[list[str]]]:
    """Folds and the validation patients of each; a joined data set has those of its parts."""
    parts = [_path_of(name) for name in parts_of(dataset) or (dataset,)]
    if not all(path.is_file() for path in parts):
        return [], []
    found = [json.loads(path.read_text()) for path in parts]
    folds = [list(chain(*lists)) for lists in zip(*(c["folds"] for c in found), strict=True)]
    validation = [
        list(chain(*lists)) for lists in zip(*(c["validation"] for c in found), strict=True)
    ]
    return folds, validation


def _random_split(examples: Sequence[Example], kind: str, seed: tuple[int, int]) -> Split:
    if len(examples) < 3:
        raise DataError(f"split {kind} needs the examples to shuffle; {len(examples)} were given")
    order = np.random.default_rng(seed).permutation(len(examples))
    shares = np.cumsum(RANDOM_SPLITS[kind])[:2] * len(examples) // 100
    rows = np.split(order, shares)
    parts: dict[str, set[int]] = {}
    for part, found in enumerate(rows):
        for row in found:
            parts.setdefault(examples[row].patient, set()).add(part)
    names = [tuple(sorted(examples[row].name for row in found)) for found in rows]
    return Split(*names, kind, sum(len(found) > 1 for found in parts.values()))


def check_covered(split: Split, examples: Sequence[Example]) -> None:
    """Raises DataError for a patient of the data set that the split does not know."""
    known = {*split.train, *split.validation, *split.test}
    unknown = sorted({split.id_of(example) for example in examples} - known)
    if unknown:
        ids = "examples" if split.leaks_patients else "patients"
        raise DataError(
            f"{len(unknown)} {ids} are in no fold: {unknown[:5]}; fit on the data set that the "
            "folds were made from, or make folds anew"
        )
