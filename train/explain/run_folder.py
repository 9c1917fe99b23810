"""A run folder opened for explanation: its network with weights, and held-out examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain
from edge.contract.types import F32Array, U8Array
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.explain.baseline import Baseline
from train.explain.network import Network
from train.networks import load_network
from train.recipe import Recipe
from train.splits import Split, check_covered, load_split

# Of the held-out part, drawn by seed: more would not change which mistakes are the worst by much.
_MOST_EXAMPLES, _MOST_BYTES = 2000, 2**28


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out examples with what the network says of them.

    Attributes:
        labels: names of the classes.
        crops: (N,H,W,3) uint8 RGB.
        probability: (N,K).
        of: how many examples the held-out part has in all.
        warning: of the split, where it leaks patients; else "".
    """

    examples: Sequence[Example]
    labels: tuple[str, ...]
    crops: U8Array
    probability: F32Array
    scale: float
    of: int
    warning: str = ""

    @property
    def truth(self) -> np.ndarray:
        """(N,) class indices."""
        return np.array([example.label for example in self.examples])

    @property
    def called(self) -> np.ndarray:
        """(N,) class indices: the most probable, without an operating point."""
        return np.asarray(self.probability.argmax(axis=1))

    @property
    def wrong(self) -> np.ndarray:
        """(N,) bool."""
        return np.asarray(self.called != self.truth)

    def images(self, rows: np.ndarray) -> F32Array:
        """(n,H,W,3) float32 in the network's range."""
        return np.asarray(self.crops[rows] * np.float32(self.scale), np.float32)


def open_network(run_dir: Path, baseline: str, seed: int) -> tuple[Recipe, Network]:
    """The run's recipe, and its network with weights. Raises ConfigError as `load_network`."""
    recipe, model = load_network(run_dir)
    return recipe, Network(model, Baseline(baseline, recipe.preprocessing.mask == "black"), seed)


def held_out(
    run_dir: Path, recipe: Recipe, network: Network, data: Path | None, seed: int
) -> HeldOut:
    """Examples that the run was not fitted on, at most so many that memory is bounded.

    Raises:
        ConfigError: no data folder.
        DataError: the data set is not there, or the split is of another one.
    """
    examples = list_examples(recipe.dataset, data)
    split = _split(run_dir, recipe, examples)
    check_covered(split, examples)
    rows = split.rows_of(examples, "test")
    if not rows:
        raise DataError(f"no example of {recipe.dataset} is in the held-out part of {run_dir}")
    most = min(_MOST_EXAMPLES, _MOST_BYTES // (3 * recipe.preprocessing.size_px**2))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    chosen = [examples[rows[n]] for n in drawn]
    crops = load_crops(chosen, recipe.preprocessing)
    scale = recipe.preprocessing.scale
    probability = [
        network.probabilities(crops[at : at + network.batch] * np.float32(scale))
        for at in range(0, len(crops), network.batch)
    ]
    labels = labels_of(recipe.dataset)
    return HeldOut(
        chosen, labels, crops, np.concatenate(probability), scale, len(rows), split.warning
    )


def _split(run_dir: Path, recipe: Recipe, examples: Sequence[Example]) -> Split:
    """The split that the run wrote; folds kept in git may have changed since."""
    path = run_dir / "split.json"
    if not path.is_file():
        return load_split(
            recipe.dataset, recipe.held_out_fold, recipe.split, examples=examples, seed=recipe.seed
        )
    try:
        return from_plain(Split, json.loads(path.read_text()), str(path))
    except (ManifestError, ValueError) as error:
        raise DataError(f"{path} is no split: {error}") from error
