"""`enhance`: pictures twice as large, to look at."""

from __future__ import annotations

from pathlib import Path

import click

from edge.commands.shared import model_options, open_enhancer, progress_bar, write_json
from edge.contract.errors import ClinicScopeError
from edge.enhancement.enhancer import NOT_EVIDENCE
from edge.enhancement.files import EnhancedFile, enhance_files, plan


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; made where it is missing.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@model_options
def enhance(
    paths: tuple[Path, ...],
    out: Path,
    json_path: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> int:
    """Make pictures twice as wide and high: PNG files of the same names.

    PATHS are images or folders. A network guesses the new pixels, so each file says inside
    "enhanced, not evidence": look at it, but decide on the original. 16-bit images come out with 8
    bits, EXIF orientation is applied. What an earlier run made is replaced, any other file is left.
    An image that cannot be enhanced is reported and the run goes on; the exit code is then 3.
    """
    tasks = plan(paths, out)
    enhancer = open_enhancer(bundle, runtime, threads)
    with progress_bar() as bar:
        results = list(
            bar.track(enhance_files(tasks, enhancer), total=len(tasks), description="Enhancing")
        )
    if json_path:
        content = {"files": [vars(result) for result in results], "ran_on": vars(enhancer.ran_on)}
        write_json(json_path, content)
    refused = [result for result in results if result.refused]
    _echo(refused, len(results) - len(refused))
    return ClinicScopeError.exit_code if refused else 0


def _echo(refused: list[EnhancedFile], done: int) -> None:
    for result in refused:
        click.echo(f"refused {result.path}: {result.refused}", err=True)
    click.echo(f"{done} enhanced, {len(refused)} refused; {NOT_EVIDENCE}", err=True)
