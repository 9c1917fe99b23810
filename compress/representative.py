"""The representative set: the cells that set the quantisation ranges, and their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import RepresentativeSet
from train.datasets.base import Example

PER_CLASS = 150


@dataclass(frozen=True)
class Representatives:
    """The chosen examples, sorted by name."""

    examples: tuple[Example, ...]
    labels: tuple[str, ...]

    def describe(self) -> RepresentativeSet:
        """What the manifest keeps: a hash of the ids and the count of each class."""
        ids = "".join(f"{example.name}\n" for example in self.examples)
        counts = {
            name: sum(example.label == index for example in self.examples)
            for index, name in enumerate(self.labels)
        }
        return RepresentativeSet(hashlib.sha256(ids.encode()).hexdigest(), counts)

    def write_ids(self, path: Path) -> None:
        """One id a line, as the hash reads them."""
        path.write_text("".join(f"{example.name}\n" for example in self.examples))


def choose_representatives(
    examples: Sequence[Example], labels: Sequence[str], seed: int, per_class: int = PER_CLASS
) -> Representatives:
    """As many cells of each class, spread over patients.

    Args:
        examples: of training patients only.

    Raises:
        DataError: a class has too few.
    """
    rng = np.random.default_rng(seed)
    chosen: list[Example] = []
    for index, name in enumerate(labels):
        pool = [example for example in examples if example.label == index]
        if len(pool) < per_class:
            raise DataError(
                f"representative set needs {per_class} cells labelled {name!r}, the training "
                f"patients have {len(pool)}"
            )
        chosen += _one_patient_after_another(pool, per_class, rng)
    return Representatives(tuple(sorted(chosen, key=lambda example: example.name)), tuple(labels))


def _one_patient_after_another(
    pool: Sequence[Example], count: int, rng: np.random.Generator
) -> list[Example]:
    queues: dict[str, list[Example]] = {}
    for row in rng.permutation(len(pool)):
        queues.setdefault(pool[row].patient, []).append(pool[row])
    taken: list[Example] = []
    while len(taken) < count:
        for queue in queues.values():
            if queue and len(taken) < count:
                taken.append(queue.pop())
    return taken
