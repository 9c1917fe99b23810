"""All runs side by side, and each beside what its source printed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from train.corrections import read_run_corrections
from train.recipe import RECIPES_DIR, Recipe, load_recipe
from train.report.analysis import Analysis
from train.report.table import Table, value_text, with_interval
from train.runs import Run

PUBLISHED_FILE = Path(__file__).parent / "published.toml"
IN_CONTEXT = "scores read beside the patient's other cells"


@dataclass(frozen=True)
class PublishedRow:
    """A printed figure and one sentence on why ours differs; matched by run, or task and model."""

    published: str
    difference: str
    run: str = ""
    task: str = ""
    model: str = ""


@dataclass(frozen=True)
class Published:
    """`caution` holds, by task, the sentence without which its figures must not be read."""

    row: tuple[PublishedRow, ...]
    caution: Mapping[str, str] = field(default_factory=dict)

    def of(self, run: Run) -> PublishedRow | None:
        """The row of this run, or None."""
        recipe = run.recipe
        for row in self.row:
            if row.run == run.name or (row.task, row.model) == (recipe.task, recipe.model.name):
                return row
        return None


@cache
def read_published(path: Path = PUBLISHED_FILE) -> Published:
    """The printed figures. Raises ConfigError: not TOML, or unknown keys."""
    try:
        return from_plain(Published, tomllib.loads(path.read_text("utf-8")), path.name)
    except (tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error


def comparison_table(runs: Sequence[Run], analyses: Mapping[str, Analysis]) -> Table:
    """One row a run, best first within its data set; runs without scores come last."""
    columns = (
        "run", "data, split", "network, pixels, epochs", "held out", "accuracy", "ROC-AUC (macro)",
        "parameters", "MACs", "ms an image",
    )  # fmt: skip
    ordered = sorted(runs, key=lambda run: (run.recipe.dataset, -_auc(analyses.get(run.name))))
    rows = tuple(_row(run, analyses.get(run.name)) for run in ordered)
    note = "Raw labels, calls at .5 (or the likeliest class), 95 % intervals over patients."
    machines = sorted({fold.cost.machine for run in runs for fold in run.folds if fold.cost})
    note += f" Timed on: {'; '.join(machines)}." if machines else ""
    return Table(columns, rows, (3, 4, 5, 6, 7, 8), note)


def published_table(
    runs: Sequence[Run], analyses: Mapping[str, Analysis], published: Published
) -> Table:
    """The printed figure, ours, and the sentence, for every run that has a row."""
    rows = []
    for run in runs:
        row = published.of(run)
        if row is not None:
            why = row.difference
            if run.leaks:
                why = "Split by image, to repeat a figure: ours leaks patients as theirs does."
            ours = f"{_ours(analyses.get(run.name))} ({effort_text(run)})"
            rows.append((run.name, row.published, ours, why))
    return Table(("run", "published", "ours", "why they differ"), tuple(rows))


def split_text(run: Run) -> str:
    """How it was split; a random split is marked as what it is."""
    split = run.folds[0].split
    return split.warning or f"{len(run.folds)} fold{'s' * (len(run.folds) > 1)} by patient"


def effort_text(run: Run) -> str:
    """`64 px, 1 epoch; its recipe: 112 px, 10 epochs` of a fit that was cut short.

    What it learned from corrections that devices exported is said, too.
    """
    recipe = run.recipe
    full = _full_recipe(run.name)
    text = _effort(recipe) + _corrections_text(run)
    if full is None or (full.dataset, full.model) != (recipe.dataset, recipe.model):
        return text
    fewer = full.fit.epochs > recipe.fit.epochs
    smaller = full.preprocessing.size_px > recipe.preprocessing.size_px
    return f"{text}; its recipe: {_effort(full)}" if fewer or smaller else text


def _full_recipe(name: str) -> Recipe | None:
    """The shipped recipe of that name."""
    path = RECIPES_DIR / f"{name}.toml"
    return load_recipe(str(path)) if path.is_file() else None


def _effort(recipe: Recipe) -> str:
    epochs = recipe.fit.epochs
    return f"{recipe.preprocessing.size_px} px, {epochs} epoch{'s' * (epochs > 1)}"


def _corrections_text(run: Run) -> str:
    found = [read_run_corrections(fold.folder) for fold in run.folds]
    counts = [sum(one.learned.values()) for one in found if one]
    return f", and {max(counts):,} corrections of devices" if counts else ""


def _row(run: Run, analysis: Analysis | None) -> tuple[str, ...]:
    recipe = run.recipe
    cost = next((fold.cost for fold in run.folds if fold.cost), None)
    return (
        run.name,
        f"{recipe.dataset}, {split_text(run)}" + (f"; {IN_CONTEXT}" if recipe.context else ""),
        f"{recipe.model.name}, {effort_text(run)}",
        f"{len(analysis.scores.name):,}" if analysis else "log only",
        with_interval(analysis.figure("accuracy")) if analysis else "",
        with_interval(analysis.figure("auc") or analysis.figure("macro_auc")) if analysis else "",
        f"{cost.parameters / 1e6:,.2f} M" if cost else "",
        f"{cost.macs / 1e6:,.1f} M" if cost else "",
        f"{cost.ms_per_image:.3g}" if cost else "",
    )


def _ours(analysis: Analysis | None) -> str:
    if analysis is None:
        return "no held-out scores on record"
    figure = analysis.figure("auc") or analysis.figure("macro_auc")
    accuracy = analysis.figure("accuracy")
    if figure is None or accuracy is None:
        return ""
    return f"accuracy {value_text(accuracy.value)}, AUC {value_text(figure.value)}"


def _auc(analysis: Analysis | None) -> float:
    if analysis is None:
        return -1.0
    figure = analysis.figure("auc") or analysis.figure("macro_auc")
    return figure.value if figure else -1.0
