"""The fits that a task's students come from: made here, or taken from records that keep them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compress.lab_recipe import LabRecipe
from edge.contract.errors import ConfigError
from train.corrections import claim_corrections, read_corrections
from train.fit import SCORES_FILE, fit
from train.models.start_weights import KEPT_DIR, WEIGHTS_FILE
from train.networks import load_network, read_recipe
from train.recipe import Recipe, load_recipe
from train.run_folder import claim

# Everything but checkpoints and logs for TensorBoard.
KEPT_FILES = ("recipe.json", "split.json", "log.csv", SCORES_FILE, WEIGHTS_FILE)


@dataclass(frozen=True, eq=False)
class Fit:
    """One finished fit; `corrections` are the folders of the exports that it was given here."""

    folder: Path
    recipe: Recipe
    model: Any
    corrections: tuple[Path, ...] = ()


def fit_all(
    lab: LabRecipe,
    out: Path,
    *,
    kept: bool = False,
    data: Path | None = None,
    corrections: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda _text: None,
) -> list[Fit]:
    """The student's fits, one a fold, in `out/STUDENT/fold<k>`; finished ones are not made again.

    Args:
        kept: take fits from `train/records` where those keep their weights; a student that learns
            from corrections is fitted all the same.
        corrections: folders of exports that the student learns from.
        tell: called with a line for each fit and epoch.

    Raises:
        ConfigError: a folder or a record holds a fit of another recipe or of other corrections; or
            as `train.fit.fit`.
        DataError: as `train.fit.fit`.
    """
    for fold in lab.folds if lab.first else ():
        _fit_one(lab.first, fold, out, kept, data, (), tell)
    for fold in lab.folds:
        _fit_one(lab.student, fold, out, kept and not corrections, data, corrections, tell)
    folders = [out / Path(lab.student).stem / f"fold{fold}" for fold in lab.folds]
    return [replace(_load(folder), corrections=tuple(corrections)) for folder in folders]


def _fit_one(
    name: str,
    fold: int,
    out: Path,
    kept: bool,
    data: Path | None,
    corrections: Sequence[Path],
    tell: Callable[[str], None],
) -> None:
    recipe = load_recipe(name, {"held_out_fold": fold})
    folder = out / Path(name).stem / f"fold{fold}"
    if kept:
        _take_kept(recipe, Path(name).stem, folder)
    claim_corrections(folder, recipe, read_corrections(corrections))
    claim(folder, recipe)
    if (folder / WEIGHTS_FILE).is_file() and (folder / SCORES_FILE).is_file():
        tell(f"{name}, fold {fold}: fitted")
        return
    tell(f"{name}, fold {fold}: fitting {recipe.fit.epochs} epochs")
    fit(
        recipe,
        folder,
        data=data,
        corrections=corrections,
        on_epoch=lambda row: tell(
            f"{name}, fold {fold}: epoch {row['epoch']:.0f} of {recipe.fit.epochs}, loss "
            f"{row['loss']:.4f}, {row['seconds']:.0f} s"
        ),
    )


def _take_kept(recipe: Recipe, name: str, folder: Path) -> None:
    source = KEPT_DIR / name / f"fold{recipe.held_out_fold}"
    if (folder / WEIGHTS_FILE).is_file() or not (source / WEIGHTS_FILE).is_file():
        return
    if read_recipe(source) != recipe:
        raise ConfigError(
            f"{source} keeps a fit of another recipe than {name} is now; fit it again, without "
            "--kept"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file in KEPT_FILES:
        shutil.copyfile(source / file, folder / file)


def _load(folder: Path) -> Fit:
    recipe, model = load_network(folder)
    return Fit(folder, recipe, model)


def lab_of_run(run_dir: Path) -> tuple[LabRecipe, list[Fit]]:
    """One run folder as a task of one fold: only what ships is made.

    Raises:
        ConfigError: no finished fit.
    """
    one = _load(run_dir)
    fold = one.recipe.held_out_fold
    lab = LabRecipe(
        title=f"{one.recipe.task}, {run_dir.resolve().name}",
        student=run_dir.resolve().name,
        folds=(fold,),
        ships=fold,
        max_bytes=1_000_000,
    )
    return lab, [one]
