"""`report`, `summary`: a specimen's one-page report, and a month's, as files."""

from __future__ import annotations

from pathlib import Path

import click

from edge.commands.records import open_records
from edge.config import load_config
from edge.language import ENGLISH, LANGUAGES
from edge.reports.content import read_content
from edge.reports.monthly.counts import read_month
from edge.reports.page import SUFFIXES, render, render_summary
from edge.store.files import write_durably

language_option = click.option(
    "--language",
    type=click.Choice(tuple(LANGUAGES)),
    default=ENGLISH,
    show_default=True,
    help="Of the words.",
)


@click.command()
@click.argument("specimen")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="F.pdf or F.html; an existing file is replaced.",
)
@language_option
def report(specimen: str, out: Path, language: str) -> None:
    """Write the report of SPECIMEN, an id of the list of specimens."""
    suffix = out.suffix.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise click.BadParameter(f"{str(out)!r}; let it end in .{' or .'.join(SUFFIXES)}")
    with open_records() as store:
        content = read_content(store, specimen, load_config(store.home).protocol)
    write_durably(out, render(content, suffix, language))
    result = content.found.result
    click.echo(f"{out}: {content.verdict}, {result.status if result else 'no result'}")


@click.command()
@click.argument("month")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="F.pdf; an existing file is replaced.",
)
@language_option
def summary(month: str, out: Path, language: str) -> None:
    """Write what MONTH (2026-11) came to: counts, plots, machine and reader."""
    if out.suffix.lower() != ".pdf":
        raise click.BadParameter(f"{str(out)!r}; let it end in .pdf")
    with open_records() as store:
        found = read_month(store, month, load_config(store.home).protocol)
        data = render_summary(found, store.now(), language)
    write_durably(out, data)
    click.echo(f"{out}: {found.specimens:,} specimens, {found.positive.count:,} positive")
