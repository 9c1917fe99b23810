"""`train fit | evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.contract.records import to_plain
from train.datasets.base import data_root, list_examples
from train.datasets.nih_cells import suspects
from train.evaluate import evaluate as measure
from train.evaluate import read_scores
from train.recipe import load_recipe
from train.splits import load_split

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of data sets; default: CLINICSCOPE_DATA.",
)


@click.group()
def train() -> None:
    """Fit and evaluate full models (workstation)."""


@train.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; default: runs/RECIPE.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@data_option
def fit(
    recipe: str, out: Path | None, epochs: int | None, fold: int | None, data: Path | None
) -> None:
    """Fit RECIPE (a shipped name or a .toml file); goes on where an earlier call stopped."""
    # TensorFlow takes seconds to load, and `--help` must not.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from train.fit import fit as fit_run

    given = {"epochs": epochs, "held_out_fold": fold}
    loaded = load_recipe(recipe, {key: value for key, value in given.items() if value is not None})
    run_dir = out or Path("runs") / Path(recipe).stem
    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bar:
        task = bar.add_task("Fitting", total=loaded.fit.epochs)

        def show(row: dict[str, float]) -> None:
            bar.update(task, completed=row["epoch"])
            bar.console.print(
                f"epoch {row['epoch']:3}  loss {row['loss']:.4f}  validation AUC "
                f"{row['validation_auc']:.4f}  {row['seconds']:.0f} s"
            )

        weights = fit_run(loaded, run_dir, data=data, on_epoch=show)
    click.echo(f"weights: {weights}")


@train.command()
@click.option(
    "--scores",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of `clinicscope classify`.",
)
@click.option("--recipe", default="malaria-cells", show_default=True)
@click.option("--fold", type=int, help="Held-out fold, instead of the recipe's.")
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
)
@click.option("--threshold", type=float, required=True, help="The bundle's operating point.")
@click.option("--without-suspects", is_flag=True, help="Leave out cells with suspect labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_option
def evaluate(
    scores: Path,
    recipe: str,
    fold: int | None,
    part: str,
    threshold: float,
    without_suspects: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    """Figures of a classified data set on the held-out patients, raw labels, with intervals."""
    loaded = load_recipe(recipe, {"held_out_fold": fold} if fold is not None else {})
    split = load_split(loaded.dataset, loaded.held_out_fold)
    examples = split.part_of(list_examples(loaded.dataset, data), part)
    if without_suspects:
        left_out = suspects(data_root(data) / loaded.dataset)
        examples = [example for example in examples if example.name not in left_out]
    found, values = read_scores(scores, examples)
    metrics = measure(values, [e.label for e in found], [e.patient for e in found], threshold)
    if as_json:
        click.echo(json.dumps({"n_cells": len(found), "metrics": to_plain(metrics)}, indent=1))
        return
    labels = "without suspect labels" if without_suspects else "raw labels"
    patients = len({example.patient for example in found})
    click.echo(f"{loaded.dataset}, {part} part, {len(found)} cells, {patients} patients, {labels}")
    for name, metric in metrics.items():
        click.echo(f"{name:17} {metric.value:.4f}  ({metric.ci_low:.4f} to {metric.ci_high:.4f})")
