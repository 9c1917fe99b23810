"""`train score`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dataset", required=True, help="Data set to score, e.g. iml-cells.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Scores, .npz.")
@click.option(
    "--views",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Flips and turns to average, 1 to 8.",
)
@click.option("--adaptation", default="none", show_default=True, help="Field by field, unlabelled.")
@data_option
def score(
    run_dir: Path, dataset: str, out: Path, views: int, adaptation: str, data: Path | None
) -> None:
    """Score a data set with a fitted run, also one it has never seen.

    RUN_DIR is a run folder, or one of folds: the mean of their networks. The data set may lack
    labels of the run (blood without malaria); it may have no others.
    """
    from train.score import score as score_run
    from train.scores import write_scores

    cache = run_dir.parent / "cache"
    scores = score_run(run_dir, dataset, data=data, views=views, adaptation=adaptation, cache=cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_scores(out, scores)
    click.echo(f"{len(scores.name)} scores of {dataset}: {out}")
