"""`train evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.contract.records import to_plain
from train.commands.shared import data_option
from train.datasets.base import data_root, list_examples
from train.datasets.nih_cells import suspects
from train.evaluate import evaluate as measure
from train.evaluate import read_scores
from train.recipe import load_recipe
from train.splits import load_split


@click.command()
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
