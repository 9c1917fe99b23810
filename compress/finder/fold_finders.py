"""The INT8 finder of every fold, kept in git: none reads a field whose block it has seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compress.fields.finders import FinderKind
from compress.fields.fold_models import MODELS_DIR
from compress.finder.export import describe, int8_tflite
from compress.folder_record import write_record
from edge.contract.cell_grid import GridSettings
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.manifest import Weights
from edge.contract.records import from_plain
from edge.contract.types import U8Array
from edge.runtimes.litert import LiteRTRuntime
from edge.screening.finder import FinderNetwork
from train.finder.fields import BoxedField, load_boxed_fields
from train.finder.fit import load_finder, read_finder_recipe, training_blocks, view_size
from train.finder.recipe import FinderRecipe
from train.finder.views import whole_view
from train.models.start_weights import KEPT_DIR, WEIGHTS_FILE

RUNS_DIR = KEPT_DIR / "cell-finder"
INDEX_FILE = "finders.json"
# Fields that set the ranges of INT8, evenly over those that were fitted on.
_REPRESENTATIVES = 64


@dataclass(frozen=True)
class FoldFinder:
    """One fold's finder; its file lies below the folder of models."""

    fold: int
    source: str
    grid: GridSettings
    weights: Weights


@dataclass(frozen=True, eq=False)
class FittedFinder:
    """A finished run and the fields that set its ranges.

    Attributes:
        model: Keras, of the views' size.
        images: (N,H,W,3) uint8 RGB, whole fields as the device shows them.
        parent: SHA-256 of the run's weights.
    """

    recipe: FinderRecipe
    model: Any
    fields: tuple[BoxedField, ...]
    images: U8Array
    parent: str


def read_fitted(run_dir: Path, data: Path | None = None) -> FittedFinder:
    """A run, ready to be quantised.

    Raises:
        ConfigError: it is no finished run of a finder.
        DataError: a field cannot be read.
    """
    recipe = read_finder_recipe(run_dir)
    width, height = view_size(recipe.grid)
    recipe, model = load_finder(run_dir, (height, width))
    fields = load_boxed_fields(training_blocks(recipe), data)
    chosen = tuple(fields[:: max(1, len(fields) // _REPRESENTATIVES)][:_REPRESENTATIVES])
    images = np.stack([shown(field, recipe.grid) for field in chosen])
    parent = hashlib.sha256((run_dir / WEIGHTS_FILE).read_bytes()).hexdigest()
    return FittedFinder(recipe, model, chosen, images, parent)


def shown(field: BoxedField, grid: GridSettings) -> U8Array:
    """The field as its finder sees it, (H,W,3) uint8 RGB."""
    return np.rint(whole_view(field, grid.cell_px, view_size(grid)).image * 255).astype(np.uint8)


def make_fold_finders(
    folds: Sequence[int],
    folder: Path = MODELS_DIR,
    runs: Path = RUNS_DIR,
    data: Path | None = None,
    tell: Callable[[str], None] = lambda _text: None,
) -> list[FoldFinder]:
    """Writes the INT8 finder of each fold, and into the index.

    Args:
        runs: holds `fold<k>`, finished runs.

    Raises:
        ConfigError: a run is not finished, or holds out another fold.
        DataError: a field cannot be read, or an operation stays in float.
    """
    made = []
    for fold in folds:
        fitted = read_fitted(runs / f"fold{fold}", data)
        if fitted.recipe.held_out_fold != fold:
            raise ConfigError(
                f"{runs / f'fold{fold}'} holds out fold {fitted.recipe.held_out_fold}; give --runs "
                f"whose fold{fold} holds out {fold}"
            )
        content = int8_tflite(fitted.model, fitted.images)
        file = f"{runs.name}/fold{fold}.tflite"
        weights = describe(content, "tflite", file=file, parent=fitted.parent)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
        made.append(FoldFinder(fold, f"{runs.name}/fold{fold}", fitted.recipe.grid, weights))
        tell(f"{file}: {weights.bytes:,} bytes")
    _write_index(folder, made)
    return made


def _write_index(folder: Path, made: list[FoldFinder]) -> None:
    """The index with these in it, beside the other folds' that it has."""
    anew = {one.fold for one in made}
    before = read_fold_finders(folder) if (folder / INDEX_FILE).is_file() else []
    kept = [one for one in before if one.fold not in anew]
    listed = sorted(kept + made, key=lambda one: one.fold)
    write_record(folder / INDEX_FILE, listed)


def read_fold_finders(folder: Path = MODELS_DIR) -> list[FoldFinder]:
    """The index. Raises ConfigError where there is none, or a broken one."""
    path = folder / INDEX_FILE
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return [from_plain(FoldFinder, one, str(path)) for one in listed]
    except (OSError, ValueError, ManifestError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}; make it with `clinicscope compress fold-finders`"
        ) from error


def network() -> FinderKind:
    """The learned finder, with a network for each fold."""
    found = {one.fold: one for one in read_fold_finders()}

    def for_fold(fold: int) -> Any:
        if fold not in found:
            raise ConfigError(f"no finder of fold {fold}; there are {sorted(found)}")
        return open_fold_finder(found[fold]).find

    made_of = " ".join(found[fold].weights.sha256 for fold in sorted(found))
    return FinderKind("network", for_fold, made_of)


def open_fold_finder(one: FoldFinder, folder: Path = MODELS_DIR) -> FinderNetwork:
    """The network as the device runs it, on one thread.

    Raises:
        ConfigError: its file is not what the index says.
    """
    path = folder / one.weights.file
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != one.weights.sha256:
        raise ConfigError(
            f"{path} is missing or another file than {INDEX_FILE} names; make it again with "
            "`clinicscope compress fold-finders`"
        )
    return FinderNetwork(LiteRTRuntime(content, one.weights, threads=1), one.grid)
