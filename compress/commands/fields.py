"""`bench fields`, which `compress bench-fields` is, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.shared import progress_bar, write_json
from train.commands.shared import data_option
from train.fields.truth import FIELD_SETS

if TYPE_CHECKING:
    from compress.fields.bench import Measured, Options


@click.command("bench-fields")
@click.option("--finder", default="classical", show_default=True, help="Which finder reads.")
@click.option(
    "--normalise", default="none", show_default=True, help="Of a field's or slide's scores."
)
@click.option(
    "--known", default="malaria-cells", show_default=True, help="Networks of both microscopes."
)
@click.option(
    "--new", default="malaria-cells-nih", show_default=True, help="Networks of nih-cells alone."
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Default: train/records/fields/models.",
)
@click.option(
    "--readings",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/fields"),
    show_default=True,
    help="What was read, kept between calls.",
)
@click.option("--as-read", is_flag=True, help="Take what was read, even by other networks or code.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a page of worst misses and false alarms here; it shows the fields' pictures.",
)
@click.option("--speed/--no-speed", default=True, show_default=True, help="Time the device's path.")
@click.option("--runs", default=12, show_default=True, type=click.IntRange(3), help="Timed fields.")
@data_option
def bench_fields(
    finder: str,
    normalise: str,
    known: str,
    new: str,
    models: Path | None,
    readings: Path,
    as_read: bool,
    json_path: Path | None,
    sheet: Path | None,
    speed: bool,
    runs: int,
    data: Path | None,
) -> None:
    """Read whole fields of three collections with the networks of the folds, figure by figure.

    iml-fields is read with the fold that held its block out, chula-fields and bccd-fields, which
    hold no malaria, with fold 0. Then a drawn field is timed, from JPEG bytes to calls, with the
    bundle that ships, in turns with decoding alone: do nothing else on the machine meanwhile.
    """
    from compress.fields.bench import Options
    from compress.fields.fold_models import MODELS_DIR
    from compress.fields.measured import Families
    from compress.fields.sheet import write_sheet
    from compress.fields.speed import SpeedSettings, speed_section
    from compress.fields.table import print_sections, sections_to_json

    families = Families(known, new)
    where = models or MODELS_DIR
    found = _measure(Options(finder, normalise, families, where, readings, as_read, data))
    shown = [*found.sections, *([speed_section(SpeedSettings(runs))] if speed else [])]
    if sheet:
        click.echo(f"sheet: {write_sheet(sheet, found)}", err=True)
    if json_path:
        write_json(json_path, {"finder": finder, "sections": sections_to_json(shown)})
    if str(json_path) != "-":
        click.echo(print_sections(shown))


def _measure(options: Options) -> Measured:
    """With a bar for each collection."""
    from compress.fields.bench import measure_fields

    with progress_bar() as bar:
        tasks = {name: bar.add_task(name, total=None) for name in FIELD_SETS}
        return measure_fields(
            replace(
                options,
                tell=lambda name, done, total: bar.update(tasks[name], completed=done, total=total),
            )
        )
