"""`train evaluate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.records import to_plain
from train.bootstrap import Figure
from train.commands.shared import data_option
from train.datasets.base import folder_of, list_examples
from train.datasets.nih_cells import suspects
from train.ensemble import combine
from train.evaluate import as_metric, read_scores
from train.metrics import Figures, measure
from train.patients import by_patient, patient_figures
from train.recipe import load_recipe
from train.runs import read_run, take
from train.scores import Scores
from train.splits import load_split

NIH_CELLS = "nih-cells"


@click.command()
@click.option(
    "--scores",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of `clinicscope classify`.",
)
@click.option(
    "--run",
    "run_dirs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Instead: a run folder, or one of folds: its held-out scores; of several, mean logits.",
)
@click.option(
    "--recipe",
    default="malaria-cells-nih",
    show_default=True,
    help="Data set and split, with --scores.",
)
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
)
@click.option(
    "--threshold", type=float, help="The bundle's operating point; default with --run: 0.5."
)
@click.option("--without-suspects", is_flag=True, help="Leave out cells with suspect labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_option
def evaluate(
    scores: Path | None,
    run_dirs: tuple[Path, ...],
    recipe: str,
    fold: int | None,
    part: str,
    threshold: float | None,
    without_suspects: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    """Figures of a classified data set on the held-out patients, raw labels, with intervals."""
    if (scores is None) == (not run_dirs):
        raise click.UsageError("give either --scores or --run")
    if scores is not None and threshold is None:
        raise click.UsageError("--scores needs --threshold, the bundle's operating point")
    if scores is not None:
        title, found, positive = _from_csv(scores, recipe, fold, part, data)
    else:
        title, found = _from_runs(run_dirs)
        positive = None
    kept = np.ones(len(found.name), bool)
    if without_suspects:
        kept = _is_no_suspect(found, title.split(",")[0], data)
    probability = found.probability if positive is None else _pair(positive)
    at = 0.5 if threshold is None else threshold
    _show(title, take(found, kept), probability[kept], at, without_suspects, as_json)


def _pair(positive: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - positive, positive])


def _from_csv(
    path: Path, recipe: str, fold: int | None, part: str, data: Path | None
) -> tuple[str, Scores, np.ndarray]:
    """Title, examples, and P(positive) as it is written: a threshold may equal one of them."""
    loaded = load_recipe(recipe, {"held_out_fold": fold} if fold is not None else {})
    examples = list_examples(loaded.dataset, data)
    split = load_split(
        loaded.dataset, loaded.held_out_fold, loaded.split, examples=examples, seed=loaded.seed
    )
    found, values = read_scores(path, split.part_of(examples, part))
    inside = np.clip(values, 1e-6, 1 - 1e-6)
    scores = Scores.of(found, np.log(inside) - np.log1p(-inside))
    return f"{loaded.dataset}, {part} part", scores, values


def _from_runs(run_dirs: Sequence[Path]) -> tuple[str, Scores]:
    runs = [read_run(path) for path in run_dirs]
    found = [run.scores for run in runs if run.scores is not None]
    if len(found) < len(runs):
        lacking = [str(p) for p, run in zip(run_dirs, runs, strict=True) if run.scores is None]
        raise DataError(f"{lacking} have no held_out.npz; fit the recipe again to get one")
    name = " + ".join(run.name for run in runs)
    title = f"{runs[0].recipe.dataset}, {name}, {len(runs[0].folds)} fold(s) held out"
    warnings = "".join(f", {run.folds[0].split.warning}" for run in runs if run.leaks)
    return title + warnings, found[0] if len(found) == 1 else combine(found).scores


def _is_no_suspect(scores: Scores, dataset: str, data: Path | None) -> np.ndarray:
    left_out = suspects(folder_of(dataset, data)) if dataset == NIH_CELLS else frozenset()
    if not left_out:
        raise ConfigError(f"{dataset} has no list of suspect labels; leave --without-suspects out")
    return ~np.isin(scores.name, sorted(left_out))


def _show(
    title: str,
    scores: Scores,
    probability: np.ndarray,
    threshold: float,
    without_suspects: bool,
    as_json: bool,
) -> None:
    labels = scores.label.astype(int)
    figures = measure(probability, labels, scores.patient, threshold=threshold)
    patients = patient_figures(by_patient(probability, labels, scores.patient, threshold))
    everything = dict(figures.overall) | patients | _flat(figures)
    if as_json:
        metrics = {name: as_metric(figure) for name, figure in everything.items()}
        click.echo(json.dumps({"n_cells": len(labels), "metrics": to_plain(metrics)}, indent=1))
        return
    kind = "without suspect labels" if without_suspects else "raw labels"
    n_patients = len(set(scores.patient.tolist()))
    click.echo(f"{title}, {len(labels)} cells, {n_patients} patients, {kind}")
    for name, figure in everything.items():
        note = f"  {figure.note}" if figure.note else ""
        click.echo(
            f"{name:21} {figure.value:.4f}  ({figure.ci_low:.4f} to {figure.ci_high:.4f}){note}"
        )


def _flat(figures: Figures) -> dict[str, Figure]:
    return {
        f"{name}_of_class_{k}": figure
        for k, found in enumerate(figures.per_class)
        for name, figure in found.items()
    }
