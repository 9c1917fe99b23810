"""The fits that a task's students come from: made here, or taken from records that keep them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compress.lab_recipe import LabRecipe
from edge.contract.errors import ConfigError
from edge.engine import Engine
from train.corrections import CORRECTIONS_FILE, claim_corrections, read_corrections
from train.fit import SCORES_FILE, fit
from train.fit_pieces import fit_pieces
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
    engine: Engine | None = None,
    cpus: int = 1,
    tell: Callable[[str], None] = lambda _text: None,
) -> list[Fit]:
    """The student's fits, one a fold, in `out/STUDENT/fold<k>`; finished ones are not made again.

    Args:
        kept: take fits from `train/records` where those keep their weights; a student that learns
            from corrections is fitted all the same.
        corrections: folders of exports that the student learns from.
        engine: that makes the folds, each in a process of its own; None makes them in this one,
            one after the other, with all threads of the machine.
        cpus: threads of each fold's fit on an engine, which its numbers depend on.
        tell: called with a line for each fit and epoch, on an engine from another thread.

    Raises:
        ConfigError: a folder or a record holds a fit of another recipe or of other corrections; or
            as `train.fit_pieces.fit_pieces`.
        DataError: as `train.fit.fit`; of several folds the first one's, when the others are done.
    """
    steps = [(lab.first, kept, ())] if lab.first else []
    steps.append((lab.student, kept and not corrections, tuple(corrections)))
    for name, may_be_kept, learned in steps:
        asked = [_ask(name, fold, out, may_be_kept) for fold in lab.folds]
        if engine is None:
            for one in asked:
                _fit_here(one, data, learned, tell)
        else:
            _fit_pieces(asked, engine, cpus, data, learned, tell)
    folders = [out / Path(lab.student).stem / f"fold{fold}" for fold in lab.folds]
    return [replace(_load(folder), corrections=tuple(corrections)) for folder in folders]


@dataclass(frozen=True)
class _Asked:
    """A fit that a lab needs, and what it is called."""

    name: str
    recipe: Recipe
    folder: Path

    def row(self, row: dict[str, float]) -> str:
        return (
            f"{self.name}: epoch {row['epoch']:.0f} of {self.recipe.fit.epochs}, loss "
            f"{row['loss']:.4f}, {row['seconds']:.0f} s"
        )


def _ask(name: str, fold: int, out: Path, may_be_kept: bool) -> _Asked:
    recipe = load_recipe(name, {"held_out_fold": fold})
    folder = out / Path(name).stem / f"fold{fold}"
    if may_be_kept:
        _take_kept(recipe, Path(name).stem, folder)
    return _Asked(f"{name}, fold {fold}", recipe, folder)


def _claim(one: _Asked, corrections: Sequence[Path], tell: Callable[[str], None]) -> bool:
    """Makes the folder that of this fit, and says whether the fit is in it already."""
    claim_corrections(one.folder, one.recipe, read_corrections(corrections))
    claim(one.folder, one.recipe)
    made = (one.folder / WEIGHTS_FILE).is_file() and (one.folder / SCORES_FILE).is_file()
    tell(f"{one.name}: {'fitted' if made else f'fitting {one.recipe.fit.epochs} epochs'}")
    return made


def _fit_here(
    one: _Asked, data: Path | None, corrections: Sequence[Path], tell: Callable[[str], None]
) -> None:
    if not _claim(one, corrections, tell):
        fit(
            one.recipe,
            one.folder,
            data=data,
            corrections=corrections,
            on_epoch=lambda row: tell(one.row(row)),
        )


def _fit_pieces(
    asked: Sequence[_Asked],
    engine: Engine,
    cpus: int,
    data: Path | None,
    corrections: Sequence[Path],
    tell: Callable[[str], None],
) -> None:
    left = [one for one in asked if not _claim(one, corrections, tell)]
    failed = fit_pieces(
        [(one.recipe, one.folder) for one in left],
        engine,
        data=data,
        corrections=corrections,
        cpus=cpus,
        on_row=lambda index, row: tell(left[index].row(row)),
    )
    for index, error in sorted(failed.items()):
        tell(f"{left[index].name}: {error}")
    if failed:
        raise failed[min(failed)]


def _take_kept(recipe: Recipe, name: str, folder: Path) -> None:
    source = KEPT_DIR / name / f"fold{recipe.held_out_fold}"
    if (folder / WEIGHTS_FILE).is_file() or not (source / WEIGHTS_FILE).is_file():
        return
    if (source / CORRECTIONS_FILE).is_file():
        raise ConfigError(
            f"{source} keeps a fit that learned from corrections, and what is tuned after it needs "
            "them too; give them as --corrections"
        )
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
