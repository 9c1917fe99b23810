"""`compress fold-finders`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command("fold-finders")
@click.option("--fold", "folds", multiple=True, type=int, help="May be given again; default: all.")
@click.option("--runs", type=click.Path(path_type=Path), help="Default: those on record.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: with the other folds' networks."
)
@data_option
def fold_finders(
    folds: tuple[int, ...], runs: Path | None, out: Path | None, data: Path | None
) -> None:
    """Make the INT8 finder of every fold, for `bench fields --finder network`."""
    from compress.fields.fold_models import MODELS_DIR
    from compress.finder.fold_finders import RUNS_DIR, make_fold_finders
    from train.finder.fields import FOLDS
    from train.splits import n_folds_of

    listed = folds or tuple(range(n_folds_of(FOLDS)))
    make_fold_finders(
        listed,
        out or MODELS_DIR,
        runs or RUNS_DIR,
        data,
        lambda text: click.echo(text, err=True),
    )
