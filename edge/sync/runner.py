"""Sends what is due. An item is sent until its receiver has acknowledged it, and kept in any case.

A power cut between an acknowledgement and its record sends the item again, which changes nothing at
the receiver. One process sends at a time: two that ask at once whether a record is there could both
make one.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge.contract.errors import BusyError, ClinicScopeError
from edge.interop.settings import InteropSettings
from edge.store.outbox import Outbox
from edge.store.records import SENT, WAITING, OutboxItem
from edge.store.store import Store
from edge.sync import queueing, to_dhis2, to_fhir, to_fleet, to_pacs
from edge.sync.http import NotDeliveredError
from edge.sync.settings import DHIS2, DICOM, DICOMWEB, FHIR, FLEET, SyncSettings, Target

LOCK_FILE = "sync.lock"
_ROUND = 500
_log = logging.getLogger(__name__)


@dataclass
class SyncReport:
    """What a round did.

    Attributes:
        queued: items added.
        problems: by target or item, in words.
        waiting: all that is not acknowledged, given up or not.
    """

    queued: int = 0
    sent: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    waiting: list[OutboxItem] = field(default_factory=list)


def _never() -> bool:
    return False


def sync_once(
    store: Store,
    sync: SyncSettings,
    interop: InteropSettings,
    stopping: Callable[[], bool] = _never,
) -> SyncReport:
    """Queues what is missing and sends what is due.

    Args:
        stopping: asked before each item; once it is true, the round ends.

    Raises:
        BusyError: another process sends.
        StoreError: the records cannot be read or written.
    """
    report, unreachable, more = SyncReport(), set[str](), True
    problems: list[str] = []
    with _one_sender(store):
        while more and not stopping():
            problems = []
            queued = queueing.queue_missing(store, sync, interop, problems)
            sent = _send_due(store, sync, report, unreachable, stopping)
            report.queued, report.sent = report.queued + queued, report.sent + sent
            more = bool(queued or sent)  # there may be more than was taken at once
    report.problems += problems
    report.waiting = Outbox(store).waiting()
    return report


def sync_until(
    store: Store, sync: SyncSettings, interop: InteropSettings, stop: threading.Event
) -> Iterator[SyncReport]:
    """Rounds without end, `interval_s` apart, until `stop` is set."""
    while not stop.is_set():
        yield sync_once(store, sync, interop, stop.is_set)
        stop.wait(sync.interval_s)


def retry_all(store: Store, by: str) -> int:
    """Makes everything that is not acknowledged due at once; returns how many items."""
    outbox = Outbox(store)
    found = outbox.waiting()
    for item in found:
        outbox.retry(item.item_id, by)
    return len(found)


@contextmanager
def _one_sender(store: Store) -> Iterator[None]:
    with (store.home / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"another process sends from {store.home}; let it end") from error
        yield


def _send_due(
    store: Store,
    sync: SyncSettings,
    report: SyncReport,
    unreachable: set[str],
    stopping: Callable[[], bool],
) -> int:
    """Returns how many were acknowledged."""
    targets = {target.name: target for target in sync.targets}
    outbox, sent = Outbox(store), 0
    for item in _due(outbox, set(targets) - unreachable):
        if stopping():
            break
        # Where one item found nobody, the next ones need not wait for a time-out each.
        if item.target in unreachable or _comes_after(outbox, item):
            continue
        try:
            _deliver(outbox, targets[item.target], item)
        except NotDeliveredError as error:
            _keep(outbox, sync, item, error, report)
            if error.unreachable:
                unreachable.add(item.target)
        except ClinicScopeError as error:  # a damaged payload, a missing library
            _keep(outbox, sync, item, NotDeliveredError(str(error)), report)
        else:
            outbox.mark_sent(item.item_id)
            sent += 1
    return sent


def _due(outbox: Outbox, names: set[str]) -> list[OutboxItem]:
    """Due items of these targets; however many of another one stand before them."""
    most = _ROUND
    while True:
        found = outbox.due(most)
        wanted = [item for item in found if item.target in names]
        if wanted or len(found) < most:
            return wanted
        most *= 4


def _deliver(outbox: Outbox, target: Target, item: OutboxItem) -> None:
    newer = _others(outbox, item)
    if any(one.state == SENT and one.version > item.version for one in newer):
        raise NotDeliveredError("a newer version is there already", refused=True)
    payload = outbox.payload(item)
    if target.kind == FHIR:
        to_fhir.send(target, payload)
    elif target.kind == DHIS2 and item.kind == queueing.EVENT_KIND:
        to_dhis2.send_event(target, payload)
    elif target.kind == DHIS2:
        to_dhis2.send_counts(target, payload)
    elif target.kind == DICOMWEB:
        to_pacs.send_by_web(target, payload)
    elif target.kind == DICOM:
        to_pacs.send_by_association(target, payload)
    elif target.kind == FLEET:
        to_fleet.send(target, payload)


def _comes_after(outbox: Outbox, item: OutboxItem) -> bool:
    """An older version waits: out of order, it would undo the newer one."""
    others = _others(outbox, item)
    return any(one.state == WAITING and one.version < item.version for one in others)


def _others(outbox: Outbox, item: OutboxItem) -> list[OutboxItem]:
    found = outbox.of_specimen(item.specimen_id)
    return [one for one in found if (one.target, one.kind) == (item.target, item.kind)]


def _keep(
    outbox: Outbox,
    sync: SyncSettings,
    item: OutboxItem,
    error: NotDeliveredError,
    report: SyncReport,
) -> None:
    """The item stays: to be tried later, or until a person acts."""
    # Beyond 30 doublings any first wait is longer than the longest.
    wait_s = min(sync.retry_first_s * 2 ** min(item.attempts, 30), sync.retry_longest_s)
    outbox.mark_failed(item.item_id, str(error), None if error.refused else wait_s)
    report.failed += 1
    told = f"{item.target}, {item.kind} of {item.specimen_id or 'the site'}: {error}"
    report.problems.append(told)
    # Not in the server's own words, which may name a patient.
    _log.info("%s took not %s of %s", item.target, item.kind, item.specimen_id or "the site")
