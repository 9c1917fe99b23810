"""Reading the records of fits, strictly: a report must not rest on a file that is broken.

A record is a folder with `recipe.json`, `split.json`, `log.csv` and, unless it is an old one,
`held_out.npz`; `cost.json` (parameters, macs, ms_per_image, machine) may be beside them. Folders
`fold0` … of one recipe make one run: each example is scored by the network that never saw its
patient (out of fold). No network is opened here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edge.contract.errors import ClinicScopeError, DataError
from edge.contract.records import from_plain
from train.datasets.base import labels_of
from train.log import read_log
from train.recipe import Recipe
from train.scores import Scores, read_npz_scores
from train.splits import BY_PATIENT, Split

RECORDS_DIR = Path(__file__).parent / "records"
# Tables of studies, not runs; see train.report.studies.
STUDIES = "studies"
# What has no labels and no scores of its own: runs of enhancers and finders, the networks that
# whole fields are read with, and what was measured of them.
OTHER_RECORDS = ("superres", "cell-finder", "fields")
COST_FILE = "cost.json"
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What a network costs: `macs` are multiply-adds an image, `machine` where it was timed."""

    parameters: int
    macs: int
    ms_per_image: float
    machine: str


@dataclass(frozen=True, eq=False)
class FoldRun:
    """One fit: what its folder holds. `scores` is None for an old record without them."""

    folder: Path
    recipe: Recipe
    split: Split
    log: list[dict[str, float]]
    scores: Scores | None
    cost: Cost | None


@dataclass(frozen=True, eq=False)
class Run:
    """All folds of one recipe that are there, pooled.

    Attributes:
        name: the folder's.
        scores: of every held-out example, sorted by fold; None where no fold has scores.
        fold: (N,) the fold that held each example out.
        patients_known: patients that the folds of the data set name.
    """

    name: str
    folds: tuple[FoldRun, ...]
    labels: tuple[str, ...]
    scores: Scores | None
    fold: np.ndarray
    patients_known: int

    @property
    def recipe(self) -> Recipe:
        """The recipe; folds differ only in `held_out_fold`."""
        return self.folds[0].recipe

    @property
    def leaks(self) -> bool:
        """Whether patients are in more than one part: splits by image, as some sources make."""
        return self.recipe.split != BY_PATIENT


def find_runs(folder: Path) -> list[Path]:
    """Folders of runs directly below `folder`: with a recipe.json, or with folds that have one.

    Raises:
        DataError: none, or one that is neither a run nor the studies.
    """
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and path.name not in (STUDIES, *OTHER_RECORDS)
    )
    if not found:
        raise DataError(f"{folder} holds no records of fits")
    for path in found:
        fold_folders(path)
    return found


def fold_folders(run_dir: Path) -> list[Path]:
    """The folders of the fits of one run: its folds, or itself. Raises DataError: no run."""
    if (run_dir / "recipe.json").is_file():
        return [run_dir]
    folds = [path for path in run_dir.glob("fold*") if re.fullmatch(r"fold\d+", path.name)]
    if not folds:
        raise DataError(f"{run_dir} is no run: it has neither recipe.json nor folders fold0, fold1")
    return sorted(folds, key=lambda path: int(path.name[4:]))


def read_run(run_dir: Path) -> Run:
    """A run and all its folds.

    Raises:
        DataError: a file is missing, broken or does not belong to the others; its path is named.
    """
    return pool(run_dir.resolve().name, [read_fold(path) for path in fold_folders(run_dir)])


def pool(name: str, folds: Sequence[FoldRun]) -> Run:
    """Joins folds of one recipe.

    Raises:
        DataError: recipes differ in more than the fold, or an example was scored twice.
    """
    first = folds[0]
    for other in folds[1:]:
        if replace(other.recipe, held_out_fold=first.recipe.held_out_fold) != first.recipe:
            raise DataError(
                f"{other.folder} and {first.folder} are of different recipes; folds of one run "
                "differ in held_out_fold alone"
            )
    scored = [(fold, fold.scores) for fold in folds if fold.scores is not None]
    known = {patient for part in ("train", "validation", "test") for patient in _ids(first, part)}
    labels = labels_of(first.recipe.dataset)
    if not scored:
        return Run(name, tuple(folds), labels, None, np.empty(0, np.int8), len(known))
    joined = Scores(
        *(
            np.concatenate([getattr(scores, what) for _, scores in scored])
            for what in ("name", "patient", "label", "logit")
        )
    )
    names, times = np.unique(joined.name, return_counts=True)
    if (times > 1).any():
        raise DataError(
            f"run {name}: {(times > 1).sum()} examples are held out by two folds, e.g. "
            f"{names[times > 1][:3].tolist()}"
        )
    numbers = [np.full(len(s.name), fold.recipe.held_out_fold, np.int8) for fold, s in scored]
    return Run(name, tuple(folds), labels, joined, np.concatenate(numbers), len(known))


def read_fold(folder: Path) -> FoldRun:
    """One fit's folder. Raises DataError as `read_run`."""
    recipe = _read_json(folder / "recipe.json", Recipe)
    split = _read_json(folder / "split.json", Split)
    path = folder / "held_out.npz"
    scores = read_npz_scores(path) if path.is_file() else None
    if scores is not None:
        _check_scores(scores, len(_labels(recipe, folder)), path)
    cost_path = folder / COST_FILE
    cost = _read_json(cost_path, Cost) if cost_path.is_file() else None
    return FoldRun(folder, recipe, split, _read_log(folder / "log.csv"), scores, cost)


def take(scores: Scores, rows: np.ndarray) -> Scores:
    """Some rows of the scores: indices, or a mask."""
    return Scores(scores.name[rows], scores.patient[rows], scores.label[rows], scores.logit[rows])


def _labels(recipe: Recipe, folder: Path) -> tuple[str, ...]:
    try:
        return labels_of(recipe.dataset)
    except ClinicScopeError as error:
        raise DataError(f"{folder / 'recipe.json'}: {error}") from error


def _check_scores(scores: Scores, n_classes: int, path: Path) -> None:
    shape = (len(scores.name),) if n_classes == 2 else (len(scores.name), n_classes)
    if scores.logit.shape != shape:
        raise DataError(f"{path}: logits are {scores.logit.shape}, expected {shape}")
    broken = ~np.isfinite(scores.logit).reshape(len(scores.name), -1).all(axis=1)
    if broken.any():
        raise DataError(
            f"{path}: {broken.sum()} scores are not finite, e.g. of {scores.name[broken][:3]}"
        )
    strange = sorted(set(scores.label.tolist()) - set(range(n_classes)))
    if strange:
        raise DataError(f"{path}: labels {strange} are outside 0 to {n_classes - 1}")


def _read_json(path: Path, kind: type[T]) -> T:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return from_plain(kind, content, str(path))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; a run has one") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    except ClinicScopeError as error:
        raise DataError(f"{path} cannot be used: {error}") from error


def _read_log(path: Path) -> list[dict[str, float]]:
    try:
        return read_log(path)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no log of a fit: {error}") from error


def _ids(fold: FoldRun, part: str) -> tuple[str, ...]:
    ids: tuple[str, ...] = getattr(fold.split, part)
    return ids
