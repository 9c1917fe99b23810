"""`classify`: single crops or X-rays to a CSV."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

import click

from edge.commands.shared import model_options, open_classifier, progress_bar
from edge.screening.crops import COLUMNS, expand
from edge.screening.crops import classify as classify_paths
from edge.store.files import disk_errors


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write rows to this file.")
@model_options
def classify(
    paths: tuple[Path, ...],
    csv_path: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Call single cell crops or chest X-rays: path, score, call, novelty, refused.

    PATHS are images or folders. The score is P(positive label), or of three labels and more that
    of the one called. An unreadable input gets a row with the reason, and the run goes on.
    """
    files = expand(paths)
    classifier = open_classifier(bundle, runtime, threads)
    counts: Counter[str] = Counter()
    with disk_errors(csv_path or Path("standard output"), 0), _open_csv(csv_path) as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        with progress_bar() as bar:
            for result in bar.track(
                classify_paths(files, classifier), total=len(files), description="Classifying"
            ):
                writer.writerow(result.row())
                counts[result.call or "refused"] += 1
    click.echo(", ".join(f"{count} {call}" for call, count in sorted(counts.items())), err=True)


def _open_csv(path: Path | None) -> AbstractContextManager[TextIO]:
    return path.open("w", newline="") if path else nullcontext(sys.stdout)
