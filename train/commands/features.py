"""`train features`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz to write.")
@data_option
def features(run_dir: Path, out: Path, data: Path | None) -> None:
    """Describe every example of a run's data set by its network, for students to be drawn to."""
    from train.features import write_features

    click.echo(f"{write_features(run_dir, out, data)} examples described: {out}")
