"""`archive screen`: every slide of an archive to tables of cells, fields and slides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.archive.failures import FAILURES_FILE
from edge.archive.identity import check_identity, identity_of
from edge.archive.libraries import need
from edge.archive.lock import own_output
from edge.archive.model import load_model
from edge.archive.opening import open_source
from edge.archive.places import Place, open_place
from edge.archive.report import Counts, RunReport, Settings
from edge.archive.run import ArchiveRun
from edge.archive.sources import Source
from edge.archive.tables import TABLES_FOLDER
from edge.commands.shared import progress_bar, write_json
from edge.config import data_home, load_config
from edge.contract.errors import ClinicScopeError, ConfigError
from edge.engine import EngineSettings, engine_options, open_engine

if TYPE_CHECKING:
    from rich.progress import Progress

# More than these are for the list, not for the screen.
MOST_SAID = 5
# The bar is moved no oftener.
_SHOW_S = 0.1


@click.group()
def archive() -> None:
    """Screen archives of slides, on one machine or many."""


@archive.command()
@click.argument("source", metavar="SOURCE")
@click.option("--out", required=True, help="Folder or URL for the results; every node must see it.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Instead of the active one.")
@click.option("--runtime", help="Runtime to use, instead of the first that works.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="Threads of the network.")
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=2,
    show_default=True,
    help="Times that a slide is tried again where that may help.",
)
@click.option("--prune", is_flag=True, help="Remove the results of slides that have gone.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write a report here.")
@engine_options
def screen(
    source: str,
    out: str,
    bundle: Path | None,
    runtime: str | None,
    threads: int,
    retries: int,
    prune: bool,
    json_path: Path | None,
    engine: EngineSettings,
) -> int:
    """Screen every slide of an archive: Parquet tables of cells, fields and slides.

    SOURCE is a folder, or a URL such as s3://bucket/prefix; each folder in it, at any depth, that
    holds field images is a slide. 'simulated:slides=20&fields=5&seed=1' needs no data.

    Run again, it goes on where it ended: what is done and unchanged is not screened again. Slides
    that cannot be screened are listed in failures.csv and tried again by the next run; the exit
    code is then 3. docs/archive.md describes the tables.
    """
    need("pyarrow")
    slides, place = open_source(source), open_place(out)
    _check_apart(slides, place)
    home = data_home()
    config = load_config(
        home,
        bundle=str(bundle) if bundle else None,
        runtimes=(runtime,) if runtime else None,
        threads=threads,
    )
    program = version("clinicscope")
    with own_output(place):
        model, ran_on = load_model(home, config)
        check_identity(place, identity_of(config.protocol, ran_on, program))
        with open_engine(engine) as opened, _shown() as bar:
            run = ArchiveRun(
                slides,
                place,
                opened,
                model,
                config.protocol,
                program,
                Settings(retries, prune),
                bar.show,
            )
            report = run.run()
            facts = {"engine": opened.name, "cpus": opened.cpus}
    if json_path:
        write_json(json_path, _plain(report) | facts)
    _echo(report, place, prune)
    return ClinicScopeError.exit_code if report.failures else 0


def _check_apart(source: Source, place: Place) -> None:
    """Raises ConfigError where the results would become slides of the archive or the reverse."""
    here, there = source.text.rstrip("/"), place.url
    if place.local:
        here, there = str(Path(here).resolve()), str(place.local.resolve())
    if there == here or there.startswith(f"{here}/"):
        raise ConfigError(
            f"--out {place.url} lies in SOURCE {source.text}; give a place outside of it"
        )


class _Bar:
    """Slides and fields a second on the bar of the other commands."""

    def __init__(self, bar: Progress, started_s: float) -> None:
        self._bar, self._started_s, self._shown_s = bar, started_s, 0.0
        self._task = bar.add_task("Screening slides", total=None)

    def show(self, counts: Counts) -> None:
        """Takes the counts of now."""
        now = time.monotonic()
        if now - self._shown_s < _SHOW_S:
            return
        self._shown_s, took_s = now, max(now - self._started_s, 1e-9)
        self._bar.update(
            self._task,
            completed=counts.screened + counts.skipped + counts.failed,
            total=counts.found if counts.walked else None,
            description=f"Screening: {counts.screened / took_s:.1f} slides/s, "
            f"{counts.fields / took_s:.1f} fields/s",
        )


@contextmanager
def _shown() -> Iterator[_Bar]:
    with progress_bar() as bar:
        yield _Bar(bar, time.monotonic())


def _plain(report: RunReport) -> dict[str, object]:
    """The report as `--json` writes it."""
    counts, tables = report.counts, report.tables
    return {
        "slides": counts.found,
        "screened": counts.screened,
        "skipped": counts.skipped,
        "failed": len(report.failures),
        "removed": report.removed,
        "came_later": report.later,
        "fields": counts.fields,
        "cells": counts.cells,
        "tables": {"slides": tables.slides, "fields": tables.fields, "cells": tables.cells},
        "failures": [vars(failure) for failure in report.failures],
        "seconds": round(report.seconds, 3),
    }


def _echo(report: RunReport, place: Place, prune: bool) -> None:
    counts, tables = report.counts, report.tables
    for failure in report.failures[:MOST_SAID]:
        click.echo(
            f"failed {failure.slide}: {failure.what} ({failure.value}); {failure.what_to_do}",
            err=True,
        )
    if len(report.failures) > MOST_SAID:
        click.echo(
            f"and {len(report.failures) - MOST_SAID} more, in {place.url}/{FAILURES_FILE}", err=True
        )
    gone = "their results were removed" if prune else "--prune removes their results"
    _echo_some(report.removed, f"gone from the archive, and from the tables ({gone})")
    _echo_some(report.later, "came or changed meanwhile (run again)")
    rate = counts.fields / report.seconds if report.seconds else 0.0
    click.echo(
        f"{counts.found:,} slides: {counts.screened:,} screened, {counts.skipped:,} done before, "
        f"{len(report.failures):,} failed; {counts.fields:,} fields and {counts.cells:,} cells in "
        f"{report.seconds:.1f} s ({rate:.1f} fields/s)\n"
        f"{place.url}/{TABLES_FOLDER}: {tables.slides:,} slides, {tables.fields:,} fields, "
        f"{tables.cells:,} cells",
        err=True,
    )


def _echo_some(slides: Sequence[str], what: str) -> None:
    if slides:
        more = f" and {len(slides) - MOST_SAID:,} more" if len(slides) > MOST_SAID else ""
        click.echo(f"{what}: {', '.join(slides[:MOST_SAID])}{more}", err=True)
