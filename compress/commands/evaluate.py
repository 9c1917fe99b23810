"""`compress evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from train.commands.shared import data_option

SHOWN = (
    "auc", "macro_auc", "accuracy", "sensitivity_cell", "specificity_cell", "mcc", "macro_f1",
)  # fmt: skip


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--dataset",
    required=True,
    help="Data set, e.g. iml-cells; of an enhancer pairs, e.g. nih-cells-realistic.",
)
@click.option("--fold", type=int, help="Only the part that this fold holds out; default: all.")
@click.option("--recipe", default="", help="Of weights files: how images are prepared.")
@click.option(
    "--role",
    type=click.Choice(["classifier", "novelty", "enhancer"]),
    default="classifier",
    show_default=True,
    help="Which network of a bundle.",
)
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Of two labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_option
def evaluate(
    paths: tuple[Path, ...],
    dataset: str,
    fold: int | None,
    recipe: str,
    role: str,
    threshold: float,
    as_json: bool,
    data: Path | None,
) -> None:
    """Figures of bundles or weights files (PATHS) on a data set, also one never fitted on.

    Whether a file has seen the data set is not known here: say it with the figure. Enhancers, of
    bundles alone, are measured against the true picture, beside bicubic.
    """
    if role == "enhancer":
        _evaluate_enhancers(paths, dataset, fold, as_json, data)
        return
    from compress.evaluation import figures_of, open_candidates, score_candidates
    from edge.contract.records import to_plain
    from train.evaluate import as_metric

    candidates = open_candidates(paths, recipe, role)
    everything = {}
    scored = score_candidates(candidates, dataset, fold=fold, data=data)
    for candidate, scores in zip(candidates, scored, strict=True):
        figures = figures_of(scores, threshold)
        everything[candidate.name] = {n: as_metric(f) for n, f in figures.items()}
    if as_json:
        click.echo(json.dumps(to_plain(everything), indent=1))
        return
    part = "all" if fold is None else f"held-out fold {fold}"
    click.echo(f"{dataset}, {part}, {len(scored[0].name):,} examples, raw labels")
    for name, metrics in everything.items():
        click.echo(name)
        for figure in (figure for figure in SHOWN if figure in metrics):
            value = metrics[figure]
            click.echo(
                f"  {figure:18} {value.value:.4f}  ({value.ci_low:.4f} to {value.ci_high:.4f})"
            )
    for figure in ("auc", "macro_auc"):
        values = [metrics[figure].value for metrics in everything.values() if figure in metrics]
        if len(values) > 1:
            mean = sum(values) / len(values)
            click.echo(f"{figure} of the {len(values)}: mean {mean:.4f}, least {min(values):.4f}")


def _evaluate_enhancers(
    paths: tuple[Path, ...], dataset: str, fold: int | None, as_json: bool, data: Path | None
) -> None:
    from compress.superres.evaluation import evaluate_bundles
    from edge.contract.records import to_plain
    from train.evaluate import as_metric

    found = evaluate_bundles(paths, dataset, fold=fold, data=data)
    if as_json:
        plain = {
            system: {place: {n: as_metric(f) for n, f in figures.items()} for place, figures in own}
            for system, own in ((name, each.items()) for name, each in found.items())
        }
        click.echo(json.dumps(to_plain(plain), indent=1))
        return
    part = "all" if fold is None else f"held-out fold {fold}"
    for system, places in found.items():
        for place, figures in places.items():
            count = next(iter(figures.values())).n
            click.echo(f"{system}: {dataset}, {part}, {place}, {count:,} images")
            for name, figure in figures.items():
                click.echo(
                    f"  {name:18} {figure.value:.4f}  ({figure.ci_low:.4f} to {figure.ci_high:.4f})"
                )
