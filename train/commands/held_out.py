"""`train held-out`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from train.commands.shared import data_option


@click.command("held-out")
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--views",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Score again: flips and turns to average.",
)
@click.option(
    "--start-share",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Score again with this share of the weights that the fit started from.",
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for prepared crops.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_option
def held_out(
    run_dir: Path,
    views: int,
    start_share: float,
    cache: Path | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Held-out figures of a run of folds, each collection of its data set apart.

    The threshold of a fold is the one with the best F1 on the other folds.
    """
    from edge.contract.records import to_plain
    from train.held_out import Rescoring, by_source, kept_scores, score_again
    from train.runs import read_run

    run, how = read_run(run_dir), Rescoring(views, start_share)
    folds = score_again(run, how, data, cache) if how.changes else kept_scores(run)
    figures = by_source(run, folds, data)
    if as_json:
        click.echo(json.dumps([to_plain(one) for one in figures], indent=1))
        return
    click.echo(f"{run.name}, {len(folds)} folds, {views} view(s), start share {start_share:g}")
    for one in figures:
        low, high = one.auc_range
        click.echo(
            f"{one.source}: {one.cells:,} cells, {one.positive:,} infected; AUC {one.auc:.4f} "
            f"({low:.4f} to {high:.4f}); F1 {one.f1:.3f}, precision {one.precision:.3f}, "
            f"recall {one.recall:.3f}"
        )
