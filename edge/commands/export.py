"""`export`: a month or a specimen to a folder or a USB stick, for one who may open it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.commands.records import open_records
from edge.config import data_home, load_config
from edge.interop.export import FORMATS, Wanted, export

SHOWN = 10


@click.group(name="export", invoke_without_command=True)
@click.option("--month", default="", metavar="YYYY-MM", help="All specimens begun in it (UTC).")
@click.option("--specimen", default="", metavar="ID", help="This specimen alone.")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="As what.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
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
@click.pass_context
def export_command(
    context: click.Context,
    month: str,
    specimen: str,
    kind: str | None,
    folder: Path | None,
    recipients: tuple[str, ...],
    by: str,
    as_json: bool,
) -> None:
    """Write results as CSV, FHIR R4, DHIS2 or DICOM: whole or not at all."""
    if context.invoked_subcommand:
        return
    if kind is None or folder is None:
        raise click.UsageError("give --format and --to")
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


@export_command.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="A new folder, such as corrections/SITE below the folder of data sets.",
)
@click.option(
    "--all-consented",
    is_flag=True,
    help="Every patient agreed, also where the specimen does not record it.",
)
@click.option("--by", default="device", show_default=True, help="Who exports, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def corrections(folder: Path, all_consented: bool, by: str, as_json: bool) -> None:
    """Write reviewed cells as labelled crops, from which `train` learns.

    Only of specimens whose patients agreed to it.
    """
    from edge.interop.corrections import export_corrections

    with open_records() as store:
        report = export_corrections(store, folder, all_consented=all_consented, by=by)
    if as_json:
        click.echo(json.dumps(vars(report), indent=1, default=str))
        return
    for why in report.unusable[:SHOWN]:
        click.echo(why, err=True)
    told = ", ".join(f"{count:,} {label}" for label, count in sorted(report.labels.items()))
    click.echo(f"{folder}: {told or 'no cells'} of {report.specimens:,} specimens")
    if report.without_consent:
        click.echo(f"{report.without_consent:,} specimens without consent are left out", err=True)
