"""`bench matrix`: bundles, runtimes and threads crossed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.shared import accelerator_flags, accelerator_options, write_json
from edge.engine import engine_options

if TYPE_CHECKING:
    from edge.bench.matrix import Measured
    from edge.engine import EngineSettings


@click.command()
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Bundle folder or zip; may be given again.",
)
@click.option("--runtime", "runtimes", multiple=True, help="May be given again.")
@click.option(
    "--threads",
    multiple=True,
    default=(1,),
    show_default=True,
    type=click.IntRange(1, 64),
    help="May be given again.",
)
@click.option("--runs", default=1000, show_default=True, type=click.IntRange(20))
@click.option("--fields", default=20, show_default=True, type=click.IntRange(3))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the records; what is there is not measured again.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a page here.")
@accelerator_options
@engine_options
def matrix(
    bundles: tuple[Path, ...],
    runtimes: tuple[str, ...],
    threads: tuple[int, ...],
    runs: int,
    fields: int,
    out: Path,
    json_path: Path | None,
    html_path: Path | None,
    engine: EngineSettings,
) -> None:
    """Measure every bundle with every runtime and number of threads: one record each, and a table.

    With --engine ray each takes a whole machine of the cluster; bundles lie under the same path on
    all of them. Ratios are within each machine.
    """
    from edge.bench.matrix import Effort, combine, measure_all
    from edge.bench.matrix_table import matrix_lines, tabulate
    from edge.contract.errors import DataError
    from edge.contract.records import to_plain
    from edge.engine import open_engine
    from edge.store.files import write_durably

    combinations = combine(bundles, runtimes, threads)
    effort = Effort(runs, fields, accelerator_flags())
    with open_engine(engine) as opened:
        measured = measure_all(opened, combinations, effort, out, _tell)
    if not any(one.record for one in measured):
        raise DataError(f"nothing was measured: {measured[0].combination}: {measured[0].why}")
    table = tabulate(measured, effort)
    if html_path:
        from edge.bench.page import render_matrix

        write_durably(html_path, render_matrix(table).encode())
    if json_path:
        write_json(json_path, to_plain(table))
    else:
        for line in matrix_lines(table):
            click.echo(line)


def _tell(one: Measured) -> None:
    click.echo(f"{one.combination}: {one.why or one.file}", err=True)
