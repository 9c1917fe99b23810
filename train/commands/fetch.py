"""`train fetch`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.contract.errors import ConfigError
from train.commands.shared import data_option
from train.fetch.catalogue import CATALOGUE, Archive, archive_of

if TYPE_CHECKING:
    from rich.progress import Progress


@click.command()
@click.argument("name", required=False)
@click.option("--accept-licence", is_flag=True, help="Accept the licence without being asked.")
@click.option("--address", help="A mirror; the file must be the same one.")
@click.option("--keep-archive", is_flag=True, help="Keep the zip file in .fetch/.")
@data_option
def fetch(
    name: str | None,
    accept_licence: bool,
    address: str | None,
    keep_archive: bool,
    data: Path | None,
) -> None:
    """Download the public data set NAME; without NAME, list what there is."""
    if name is None:
        _list_catalogue()
        return
    from train.fetch.fetch import LOCK_FILE
    from train.fetch.fetch import fetch as fetch_archive

    archive = archive_of(name)
    root = _root(data)
    _show_terms(name, archive)
    if not accept_licence and not click.confirm("Accept this licence?"):
        raise ConfigError(f"the licence of {name} was not accepted; nothing was downloaded")
    root.mkdir(parents=True, exist_ok=True)
    with _progress() as bar:
        task = bar.add_task(name, total=archive.size_bytes or None)
        done = fetch_archive(
            name,
            replace(archive, address=address or archive.address),
            root,
            on_progress=lambda count, total: bar.update(
                task, completed=count, total=total or archive.size_bytes or None
            ),
            keep_archive=keep_archive,
        )
    click.echo(f"{done.n_files:,} files in {done.folder}; sha256 {done.sha256}")
    if not done.verified:
        click.echo(
            "No sha256 was known for this archive, so this first download was not checked; it is "
            f"recorded in {root / LOCK_FILE}, and later ones are checked against it."
        )
    if archive.dataset:
        click.echo(f"Next: clinicscope train report {archive.dataset} --data {root}")
    else:
        click.echo("The files are as published; no reader of the workbench takes this layout.")


def _list_catalogue() -> None:
    for name, archive in CATALOGUE.items():
        size = f"{archive.size_bytes / 1e6:,.0f} MB" if archive.size_bytes else "size unknown"
        check = "sha256 known" if archive.sha256 else "sha256 recorded at first download"
        click.echo(f"{name:15} {size:>13}  {check:34} {archive.licence}")


def _show_terms(name: str, archive: Archive) -> None:
    size = f"{archive.size_bytes / 1e6:,.0f} MB" if archive.size_bytes else "size unknown"
    click.echo(f"{name}: {archive.address} ({size})")
    click.echo(f"Licence: {archive.licence}")
    click.echo(f"Cite: {archive.citation}")


def _root(data: Path | None) -> Path:
    named = data or Path(os.environ.get("CLINICSCOPE_DATA", ""))
    if named == Path():
        raise ConfigError("no data folder; give --data or set CLINICSCOPE_DATA")
    return named.resolve()


def _progress() -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
