"""`export`: a month or a specimen to a folder or a USB stick, for one who may open it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.commands.records import open_records
from edge.config import data_home, load_config
from edge.interop.export import FORMATS, Wanted, export


@click.command(name="export")
@click.option("--month", default="", metavar="YYYY-MM", help="All specimens begun in it (UTC).")
@click.option("--specimen", default="", metavar="ID", help="This specimen alone.")
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="As what.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder, such as a USB stick's; must be there.",
)
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="age1...",
    help="Public key of who alone may open it; may be repeated. Without one it is plain text.",
)
@click.option("--by", default="device", show_default=True, help="Who exports, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export_command(
    month: str,
    specimen: str,
    kind: str,
    folder: Path,
    recipients: tuple[str, ...],
    by: str,
    as_json: bool,
) -> None:
    """Write results as CSV, FHIR R4, DHIS2 or DICOM: whole or not at all."""
    if bool(month) == bool(specimen):
        raise click.UsageError("give either --month or --specimen")
    settings = load_config(data_home()).interop
    with open_records() as store:
        found = export(store, settings, Wanted(kind, month, specimen), folder, recipients, by)
    if as_json:
        told = {"file": str(found.path), "bytes": found.size_bytes, "sha256": found.sha256}
        click.echo(json.dumps(told | {"encrypted": found.encrypted}, indent=1))
        return
    click.echo(f"{found.path}  {found.size_bytes:,} bytes  sha256 {found.sha256}")
    if not found.encrypted:
        click.echo("it is not encrypted: whoever has it can read it", err=True)
