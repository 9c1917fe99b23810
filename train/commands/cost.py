"""`train cost`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run_dirs", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--rounds", default=50, show_default=True, help="Timed images of each network.")
def cost(run_dirs: tuple[Path, ...], rounds: int) -> None:
    """Parameters, multiply-adds and milliseconds of runs, side by side; none given: all records.

    Writes cost.json into each run folder. Only figures of one call compare: the networks take
    turns. Do nothing else on the machine meanwhile.
    """
    from train.costs import measure_costs
    from train.runs import RECORDS_DIR, find_runs

    for run_dir, found in measure_costs(run_dirs or find_runs(RECORDS_DIR), rounds):
        click.echo(
            f"{run_dir.name}: {found.parameters:,} parameters, {found.macs / 1e6:.1f} million "
            f"multiply-adds, {found.ms_per_image:.2f} ms"
        )
