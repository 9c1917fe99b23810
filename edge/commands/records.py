"""`records`: the worklist in, the log shown and proved, and room made by the site's rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from edge.config import data_home, load_config
from edge.contract.errors import DataError, StoreError
from edge.store.audit import Audit
from edge.store.register import Register
from edge.store.retention import GB, RetentionPlan, apply_retention, plan_retention
from edge.store.store import DATABASE_FILE, Store

SHOWN_LINES = 20


@contextmanager
def open_records() -> Iterator[Store]:
    """The records of the data directory, which must be there.

    Raises:
        StoreError: there are none, or they cannot be opened.
    """
    home = data_home()
    if not (home / DATABASE_FILE).is_file():
        raise StoreError(
            f"no records in {home}; set CLINICSCOPE_HOME to the device's data directory"
        )
    with closing(Store(home)) as store:
        yield store


@click.group()
def records() -> None:
    """Import a worklist, show and prove the log, make room."""


@records.command(name="import-worklist")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", default="device", show_default=True, help="Who imports, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_worklist(file: Path, by: str, as_json: bool) -> int:
    """Read expected slides from a CSV; exit code 3 where lines were refused."""
    with closing(Store(data_home())) as store:
        report = Register(store).import_worklist(file, by)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=1))
        return 3 if report.refused else 0
    for bad in report.bad_lines[:SHOWN_LINES]:
        click.echo(f"line {bad.line}: {bad.why}", err=True)
    if report.refused > SHOWN_LINES:
        click.echo(f"and {report.refused - SHOWN_LINES:,} lines more (--json lists them)", err=True)
    if report.ignored_columns:
        click.echo(f"not taken: columns {', '.join(map(repr, report.ignored_columns))}", err=True)
    click.echo(
        f"{report.added:,} added, {report.unchanged:,} there already, {report.refused:,} refused"
    )
    return 3 if report.refused else 0


@records.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--subject", help="Only of this specimen or patient.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(limit: int, subject: str | None, as_json: bool) -> None:
    """Show the newest lines of the log: who did what."""
    with open_records() as store:
        entries = Audit(store).entries(limit, subject=subject)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        told = json.dumps(entry.detail)
        # As JSON writes it: a name must not move the terminal's cursor.
        who, what = json.dumps(entry.by)[1:-1], json.dumps(entry.subject)[1:-1]
        click.echo(f"{entry.number:>7}  {entry.at_utc}  {who}  {entry.action}  {what}  {told}")


@records.command()
@click.option(
    "--head",
    metavar="NUMBER:SHA256",
    help="A line of the log as it was written down before; must still be in it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(head: str | None, as_json: bool) -> int:
    """Prove that nothing in the log was changed, cut off or left out; exit code 3 where it was."""
    with open_records() as store:
        problems = Audit(store).verify(_head(head) if head else None)
        newest = Audit(store).head()
    told = f"{newest.number}:{newest.sha256}" if newest else ""
    if as_json:
        click.echo(json.dumps({"problems": problems, "head": told}, indent=1))
    elif problems:
        click.echo("\n".join(problems), err=True)
    else:
        click.echo(f"the log is whole; its head is {told or 'empty'}: write it down")
    return 3 if problems else 0


def _head(text: str) -> tuple[int, str]:
    number, _, sha256 = text.partition(":")
    if not number.isdecimal() or len(sha256) != 64:
        raise DataError(
            f"--head is {text[:100]!r}; give NUMBER:SHA256 as `records verify` prints it"
        )
    return int(number), sha256


@records.command()
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retention(dry_run: bool, as_json: bool) -> int:
    """Remove old images by the rule in config.toml; exit code 3 where room is still short."""
    rule = load_config(data_home()).retention
    with open_records() as store:
        plan = plan_retention(store, rule)
        gone = plan.removable if dry_run else apply_retention(store, rule, plan)
    if as_json:
        content = asdict(plan) | {"removed": [] if dry_run else [one.specimen_id for one in gone]}
        click.echo(json.dumps(content, indent=1))
    else:
        _tell(plan, len(gone), "would go" if dry_run else "went")
    return 3 if plan.short_bytes else 0


def _tell(plan: RetentionPlan, count: int, verb: str) -> None:
    for one in plan.removable[:SHOWN_LINES]:
        click.echo(
            f"{one.specimen_id}  {one.verdict}  {one.image_count} images, {one.image_bytes:,} bytes"
        )
    click.echo(
        f"{plan.needed_bytes / GB:.2f} GB were short; the images of {count} specimens {verb}"
    )
    if plan.short_bytes:
        click.echo(
            f"{plan.short_bytes / GB:.2f} GB are still short: sign and send what waits, export "
            "records to another disk, or get a larger one",
            err=True,
        )
