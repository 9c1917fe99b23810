"""`train report`."""

from __future__ import annotations

from pathlib import Path

import click

from train.commands.shared import data_option


@click.command()
@click.argument("targets", nargs=-1, metavar="[DATASET | RUN...]")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: reports/NAME.html."
)
@data_option
def report(targets: tuple[str, ...], out: Path | None, data: Path | None) -> None:
    """Write one HTML file about a data set, about run folders, or about all committed records.

    A data set's report holds images: keep it where the data set may be kept.
    """
    from train.datasets.base import DATASETS

    if len(targets) == 1 and targets[0] in DATASETS:
        from train.report.dataset import write_dataset_report

        written = write_dataset_report(
            targets[0], out or Path("reports") / f"{targets[0]}.html", data
        )
    else:
        from train.report.runs import write_run_report

        run_dirs = [_run_dir(target) for target in targets]
        name = run_dirs[0].name if len(run_dirs) == 1 else "runs"
        written = write_run_report(run_dirs, out or Path("reports") / f"{name}.html", data)
    click.echo(f"report: {written}")


def _run_dir(target: str) -> Path:
    from edge.contract.errors import ConfigError
    from train.datasets.base import DATASETS

    path = Path(target)
    if not path.is_dir():
        raise ConfigError(
            f"{target!r} is neither a run folder nor a data set; data sets (one alone): "
            f"{', '.join(sorted(DATASETS))}"
        )
    return path
