"""`sync`: sends results to the site's servers until each has acknowledged them."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from edge.commands.records import open_records
from edge.config import data_home, load_config
from edge.contract.errors import ConfigError
from edge.store.outbox import Outbox
from edge.store.records import OutboxItem
from edge.sync.runner import SyncReport, retry_all, sync_once, sync_until

SHOWN_ITEMS = 20


@click.command()
@click.option("--once", is_flag=True, help="One round; otherwise until it is stopped.")
@click.option("--show", is_flag=True, help="Say what waits; send nothing.")
@click.option("--retry", is_flag=True, help="First make all due that waits or was given up.")
@click.option("--by", default="device", show_default=True, help="Who retries, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a round.")
def sync(once: bool, show: bool, retry: bool, by: str, as_json: bool) -> int:
    """Send results to the servers in config.toml; exit code 3 where something still waits.

    Nothing is deleted: what is not acknowledged waits, and is tried again after a while.
    """
    config = load_config(data_home())
    with open_records() as store:
        if retry:
            retry_all(store, by)
        if show:
            report = SyncReport(waiting=Outbox(store).waiting())
            _tell(report, Outbox(store).counts(), as_json)
            return 3 if report.waiting else 0
        if not config.sync.targets:
            raise ConfigError("no target is set; add [[sync.targets]] to config.toml")
        if once:
            report = sync_once(store, config.sync, config.interop)
            _tell(report, Outbox(store).counts(), as_json)
            return 3 if report.waiting or report.problems else 0
        with _stopping() as stop:
            for report in sync_until(store, config.sync, config.interop, stop):
                _tell(report, Outbox(store).counts(), as_json)
    return 0


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by a signal to end: the round ends first."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(report: SyncReport, counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        content: dict[str, Any] = asdict(report) | {"counts": counts}
        click.echo(json.dumps(content))
        return
    click.echo(
        f"{report.queued} queued, {report.sent} sent, {report.failed} not taken; in all "
        f"{counts['sent']} sent, {counts['waiting']} waiting, {counts['failed']} given up"
    )
    for problem in report.problems[:SHOWN_ITEMS]:
        click.echo(json.dumps(problem)[1:-1], err=True)
    for item in report.waiting[:SHOWN_ITEMS]:
        click.echo(_line(item))
    if len(report.waiting) > SHOWN_ITEMS:
        click.echo(f"and {len(report.waiting) - SHOWN_ITEMS:,} more (--json lists them)")


def _line(item: OutboxItem) -> str:
    # As JSON writes it: a server's words must not move the terminal's cursor.
    why = json.dumps(item.last_error[:200])[1:-1]
    when = f"next try {item.next_try_utc}" if item.state == "waiting" else "needs a person"
    what = f"{item.kind} {item.specimen_id} v{item.version}"
    return f"{item.item_id:>6}  {item.target}  {what}  {item.state}, {when}  {why}"
