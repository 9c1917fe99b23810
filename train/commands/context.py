"""`train context`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Record to make.")
def context(run_dir: Path, out: Path) -> None:
    """Read each cell of a run's held-out scores beside the other cells of its patient.

    Makes a record: `train evaluate`, `train report` and `train oof` take it as any other.
    """
    from train.context import write_in_context

    run = write_in_context(run_dir, out)
    click.echo(f"{len(run.fold)} scores of {len(run.folds)} folds in context: {out}")
