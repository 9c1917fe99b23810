"""Fits of a search: kept by what was fitted, so that a kill or a twin costs nothing twice.

Two candidates that differ only in bits share a fit, and a search that goes on after a kill finds
the finished fits and the checkpoint of the one it was in.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.prune_channels import prune_channels, write_start
from compress.representative import choose_representatives
from compress.search.space import Plan
from edge.contract.records import to_plain
from edge.contract.types import U8Array
from train.datasets.base import labels_of, list_examples, load_crops
from train.fit import SCORES_FILE, fit
from train.log import read_log
from train.networks import WEIGHTS_FILE, load_network
from train.parts import split_for
from train.recipe import Recipe

_LEFT_OVER = ("checkpoint", "tensorboard")


@dataclass(frozen=True, eq=False)
class Validation:
    """Crops (N,S,S,3) uint8 and labels (N,) of validation patients, and the crops that set ranges.

    `representative` are (M,S,S,3) uint8 of training patients.
    """

    crops: U8Array
    labels: np.ndarray
    representative: U8Array


def start_afresh() -> None:
    """Forgets the graphs of earlier networks, which would stay in memory, and their layer names.

    A layer's number is in its name, and the name in the file: the bytes of a network are to be the
    same whatever was built before it.
    """
    from tf_keras.backend import clear_session

    clear_session()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Waits for whoever holds the file: a worker may outlive its killed search for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Fits:
    """The fits below one folder, on one folder of data sets; other processes may use both.

    Attributes:
        folder: of the fits.
    """

    def __init__(self, folder: Path, data: Path | None) -> None:
        self.folder, self._data = folder, data
        self._crops: tuple[Recipe, Validation] | None = None

    def fit_plan(self, plan: Plan, on_epoch: Callable[[float], None]) -> Any:
        """The fitted network of a plan; `on_epoch` gets the validation AUC of each epoch.

        Epochs that an earlier call has done are reported too, in order.

        Raises:
            DataError: as `train.fit.fit`.
        """
        with _alone(self.folder / f"{self.name_of(plan.first)}.lock"):
            return self._fit_plan(plan, on_epoch)

    def _fit_plan(self, plan: Plan, on_epoch: Callable[[float], None]) -> Any:
        first = self._fit(plan.first, self.name_of(plan.first), on_epoch)
        if plan.second is None:
            return first
        name = f"{self.name_of(plan.first)}-{self.name_of(plan.second)}"
        # Named by what it was cut from and to; written anew, the file would have the same weights.
        start = self.folder / f"{name}.start.weights.h5"
        if not start.is_file():
            cut, spec = prune_channels(first, plan.first.model, plan.second.model.widths)
            write_start(cut, spec, start)
        model = replace(plan.second.model, weights=str(start))
        return self._fit(replace(plan.second, model=model), name, on_epoch)

    def validation(self, recipe: Recipe) -> Validation:
        """What a network of this recipe is judged on; the last one asked for is kept."""
        if self._crops is None or self._crops[0].preprocessing != recipe.preprocessing:
            self._crops = (recipe, self._load(recipe))
        return self._crops[1]

    def _load(self, recipe: Recipe) -> Validation:
        examples = list_examples(recipe.dataset, self._data)
        split = split_for(recipe, examples)
        crops = load_crops(examples, recipe.preprocessing, self.folder / "cache")
        rows = split.rows_of(examples, "validation")
        chosen = choose_representatives(
            split.part_of(examples, "train"), labels_of(recipe.dataset), recipe.seed
        )
        row_of = {example.name: row for row, example in enumerate(examples)}
        return Validation(
            crops[rows],
            np.array([examples[row].label for row in rows]),
            crops[[row_of[example.name] for example in chosen.examples]],
        )

    def _fit(self, recipe: Recipe, name: str, on_epoch: Callable[[float], None]) -> Any:
        run_dir = self.folder / name
        logged = read_log(run_dir / "log.csv")
        for row in logged:
            on_epoch(row["validation_auc"])

        def tell(row: dict[str, float]) -> None:
            # A kill between log and checkpoint leaves an epoch to do that was told of.
            if row["epoch"] > len(logged):
                on_epoch(row["validation_auc"])

        if not (run_dir / WEIGHTS_FILE).is_file():
            fit(recipe, run_dir, data=self._data, on_epoch=tell)
        # Scores of held-out patients: nothing may be chosen by them.
        (run_dir / SCORES_FILE).unlink(missing_ok=True)
        for left_over in _LEFT_OVER:
            shutil.rmtree(run_dir / left_over, ignore_errors=True)
        start_afresh()
        return load_network(run_dir)[1]

    @staticmethod
    def name_of(recipe: Recipe) -> str:
        """Of the folder of its fit: other recipes have other names."""
        text = json.dumps(to_plain(recipe), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
