"""Each method's maps with the evidence for them: time, sanity check, deletion and insertion."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.types import F32Array
from train.bootstrap import RESAMPLES, Figure, draw_weights, group_sums, summary
from train.explain.faithfulness import Curves, curves
from train.explain.methods import Method
from train.explain.network import Network
from train.explain.sanity import HARDLY_CHANGED, similarity_to_random


@dataclass(frozen=True, eq=False)
class Evidence:
    """One method on the examples.

    Attributes:
        maps: (N,H,W) float32.
        seconds: for an image, without what is done once.
        likeness: (N,) to the maps of shuffled networks.
        curves: deletion and insertion of these maps.
        sum_gap: (N,) |sum of the map - (logit(image) - logit(baseline))|; None where the method
            does not claim to sum.
    """

    method: Method
    maps: F32Array
    seconds: float
    likeness: F32Array
    curves: Curves
    sum_gap: F32Array | None


@dataclass(frozen=True)
class Row:
    """A method's figures, each with a 95 % interval over patients."""

    likeness: Figure
    deletion: Figure
    insertion: Figure
    deletion_gain: Figure
    insertion_gain: Figure

    @property
    def hardly_changes(self) -> bool:
        """The map does not depend on what the network learnt."""
        return self.likeness.value >= HARDLY_CHANGED

    @property
    def verdict(self) -> str:
        """Better than a random map, where the whole interval of the gain is above 0."""
        names = {"deletion": self.deletion_gain, "insertion": self.insertion_gain}
        better = [name for name, gain in names.items() if gain.ci_low > 0]
        worse = [name for name, gain in names.items() if gain.ci_high < 0]
        if worse:
            return f"worse by {' and '.join(worse)}"
        return {0: "no", 1: f"by {''.join(better)} only", 2: "yes"}[len(better)]


def gather(
    network: Network,
    methods: Mapping[str, Method],
    images: F32Array,
    targets: np.ndarray,
    on_step: Callable[[str], None] = lambda _text: None,
) -> dict[str, Evidence]:
    """Maps and evidence of every method; `on_step` is told what comes next, twice a method."""
    apart = network.score(images, targets) - network.score(network.baseline.of(images), targets)
    found = {}
    for name, method in methods.items():
        on_step(f"{method.title}: maps")
        function = method.function
        # What is done once (imports, tracing, compiling) is not the time of an image.
        function(network, images[:1], targets[:1])
        start = time.perf_counter()
        maps = function(network, images, targets)
        seconds = (time.perf_counter() - start) / len(images)
        on_step(f"{method.title}: tests of the maps")
        likeness = similarity_to_random(network, function, maps, images, targets)
        gap = np.abs(maps.sum(axis=(1, 2)) - apart) if method.sums else None
        found[name] = Evidence(
            method, maps, seconds, likeness, curves(network, maps, images, targets), gap
        )
    return found


def row_of(one: Evidence, random: Curves, patients: Sequence[str], seed: int) -> Row:
    """Figures over examples, resampled by patient; a gain above 0 is better than random maps."""
    deletion, insertion = one.curves.deletion_auc, one.curves.insertion_auc
    columns = np.column_stack(
        [
            one.likeness,
            deletion,
            insertion,
            random.deletion_auc - deletion,
            insertion - random.insertion_auc,
        ]
    )
    return Row(*means(columns, patients, seed))


def means(columns: F32Array, patients: Sequence[str], seed: int) -> list[Figure]:
    """Mean of each column of (N,M) with its interval."""
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    weights = draw_weights(len(names), RESAMPLES, seed)
    sums = weights @ group_sums(columns.astype(np.float64), owner, len(names))
    drawn = sums / (weights @ np.bincount(owner, minlength=len(names)))[:, None]
    return [summary(column, len(columns), len(names)) for column in drawn.T]
