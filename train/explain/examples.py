"""Which examples are explained: the worst mistakes, the most doubtful, and some right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.explain.run_folder import HeldOut

GROUPS = ("wrong, most confident", "most doubtful", "right, drawn at random")


@dataclass(frozen=True, eq=False)
class Picked:
    """Rows of the held-out examples, and the group of each.

    Attributes:
        rows: (n,) indices into the held-out examples.
        group: (n,) of GROUPS.
    """

    rows: np.ndarray
    group: Sequence[str]


def pick(held_out: HeldOut, n_examples: int, seed: int) -> Picked:
    """About a third of each group; what a group lacks, right examples fill.

    Doubtful is a small margin between the two most probable classes. Right ones are drawn at random
    by seed, each true class in turn.
    """
    share = n_examples // 3
    ordered = np.sort(held_out.probability, axis=1)
    confidence, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    wrong = np.flatnonzero(held_out.wrong)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:share]
    doubtful = _without(np.argsort(margin, kind="stable"), worst)[:share]
    right = _without(np.flatnonzero(~held_out.wrong), doubtful)
    drawn = np.random.default_rng(seed).permutation(right)
    rest = _in_turn(drawn, held_out.truth)[: n_examples - len(worst) - len(doubtful)]
    parts = (worst, doubtful, rest)
    group = [name for name, part in zip(GROUPS, parts, strict=True) for _ in part]
    return Picked(np.concatenate(parts).astype(int), group)


def _without(rows: np.ndarray, taken: np.ndarray) -> np.ndarray:
    return rows[~np.isin(rows, taken)]


def _in_turn(rows: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The rows, so that the classes alternate as long as they last."""
    place = np.zeros(len(rows), int)
    for label in np.unique(truth[rows]):
        of_label = truth[rows] == label
        place[of_label] = np.arange(of_label.sum())
    return rows[np.argsort(place, kind="stable")]
