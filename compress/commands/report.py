"""`compress report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/compression.html"),
    show_default=True,
    help="The page.",
)
@click.option(
    "--tables",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/compression-tables.md"),
    show_default=True,
    help="The same tables as Markdown.",
)
@click.option(
    "--records",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of TASK/table.json; default: the committed records.",
)
def report(out: Path, tables: Path, records: Path | None) -> None:
    """Write one HTML page and one Markdown file of all tables of variants on record."""
    from compress.report.page import write_report
    from compress.tables import RECORDS_DIR

    write_report(out, tables, records or RECORDS_DIR)
    click.echo(f"report: {out}\ntables: {tables}")
