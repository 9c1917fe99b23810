"""`backup` and `restore`: all records in one file, and back onto an empty device."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from edge.backup.make import make_backup
from edge.backup.restore import restore_backup
from edge.commands.records import open_records
from edge.config import data_home, load_config

_SHOWN = 10


@click.command()
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Folder, or file to replace, on another drive; otherwise the config's [backup] to.",
)
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="age1...",
    help="Public key of who may open it, instead of the config's; may be given again.",
)
@click.option("--unencrypted", is_flag=True, help="Anyone who finds it may read it.")
@click.option("--by", default="device", show_default=True, help="Who backs up, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(
    target: Path | None, recipients: tuple[str, ...], unencrypted: bool, by: str, as_json: bool
) -> int:
    """Back up all records and images into one file, and read it back.

    The device may go on screening meanwhile. Exit code 3 where the disk had lost images.
    """
    config = load_config(data_home()).backup
    target = target or (Path(config.to) if config.to else None)
    if target is None:
        raise click.UsageError("give --to FOLDER, or set to in the config's [backup]")
    if not unencrypted:
        recipients = recipients or config.recipients
    if unencrypted == bool(recipients):
        raise click.UsageError("give --recipient age1... (age-keygen makes one), or --unencrypted")
    with open_records() as store:
        report = make_backup(store, target, recipients, plain=unencrypted, by=by)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=1, default=str))
        return 3 if report.lost else 0
    _tell_lost(report.lost, "is not in it, because the disk had lost it")
    if report.same_disk:
        click.echo("it lies on the disk of the records: copy it to another one", err=True)
    click.echo(
        f"{report.path}: {report.specimens:,} specimens, {report.images:,} images, "
        f"{report.size_bytes:,} bytes, read back and whole; sha256 {report.sha256}"
    )
    click.echo(f"head of the log, to be written down: {report.audit_head or 'empty'}")
    return 3 if report.lost else 0


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the secret key (AGE-SECRET-KEY-1...) of an encrypted backup.",
)
@click.option(
    "--to",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder without records, instead of the data directory.",
)
@click.option("--by", default="device", show_default=True, help="Who restores, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(file: Path, identity: Path | None, home: Path | None, by: str, as_json: bool) -> int:
    """Restore a backup where there are no records yet; every byte is proved first.

    Exit code 3 where the log has breaks, which it had when the backup was made.
    """
    report = restore_backup(file, home or data_home(), identity, by=by)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=1, default=str))
        return 3 if report.problems else 0
    _tell_lost(report.lost, "was lost before the backup was made")
    for problem in report.problems[:_SHOWN]:
        click.echo(f"the log, as it was backed up: {problem}", err=True)
    made = report.manifest
    click.echo(
        f"{report.home}: {made.specimens:,} specimens, {made.images:,} images as of "
        f"{made.made_utc}; head of the log then: {made.audit_number}:{made.audit_sha256}"
    )
    return 3 if report.problems else 0


def _tell_lost(lost: tuple[str, ...], why: str) -> None:
    for line in lost[:_SHOWN]:
        click.echo(f"{line}; {why}", err=True)
    if len(lost) > _SHOWN:
        click.echo(f"and {len(lost) - _SHOWN:,} files more", err=True)
