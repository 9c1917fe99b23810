"""Sends by itself while the appliance runs: one thread makes rounds, and says how it goes.

What a round meets at a server waits in the queue with a time of its own. What keeps a whole round
from being made (a config with a mistake, another process that sends, a disk that fails) is told,
and tried again after a while that becomes longer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from edge.contract.errors import ClinicScopeError
from edge.health import OK, WARNING, Check
from edge.interop.settings import InteropSettings
from edge.store.store import Store
from edge.sync.runner import sync_once
from edge.sync.settings import SyncSettings

FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3600.0
# Of what a round met; the queue has the reason of each item.
_PROBLEMS_KEPT = 20
# After this the thread is left to end with the process, which loses nothing.
_END_S = 10.0
_UNEXPECTED = "something went wrong inside; the log of the device has it"
_log = logging.getLogger(__name__)

ReadSettings = Callable[[], tuple[SyncSettings, InteropSettings]]


@dataclass(frozen=True)
class SenderState:
    """How sending goes.

    Attributes:
        sync: what is sent where, as the last round read it; without targets nothing is sent.
        sending: a round is being made now.
        last_utc: when the last whole round ended; empty before it.
        next_utc: when the next one begins; empty while one is made.
        sent, failed: items of the last whole round.
        problems: what it met, by target or item, in words; the first of them.
        problem: why there could be no round; empty where there could.
        failed_rounds: so many in a row.
    """

    sync: SyncSettings = field(default_factory=SyncSettings)
    sending: bool = False
    last_utc: str = ""
    next_utc: str = ""
    sent: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()
    problem: str = ""
    failed_rounds: int = 0


class Sender:
    """Makes rounds in a thread of its own.

    Args:
        store: whose queue is sent; it stays open until `close` has returned.
        settings: read anew for each round, so that a change needs no restart.
    """

    def __init__(self, store: Store, settings: ReadSettings) -> None:
        self._store, self._settings = store, settings
        self._state = SenderState()
        self._stop, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begins with the first round."""
        self._thread.start()

    def close(self) -> None:
        """Ends after the item that is being sent; may be called twice, or without a start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_END_S)

    def send_now(self) -> None:
        """Asks for a round at once; items that wait for their time still do."""
        self._wake.set()

    def state(self) -> SenderState:
        """How it goes now."""
        return self._state

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            wait_s = self._round()
            moment = datetime.fromisoformat(self._store.now()) + timedelta(seconds=wait_s)
            next_utc = moment.isoformat(timespec="seconds")
            self._state = replace(self._state, sending=False, next_utc=next_utc)
            self._wake.wait(wait_s)

    def _round(self) -> float:
        """One round; gives how long to wait for the next, in seconds."""
        try:
            sync, interop = self._settings()
            self._state = replace(
                self._state, sync=sync, sending=bool(sync.targets), next_utc="", problem=""
            )
            if sync.targets:
                self._send(sync, interop)
        except ClinicScopeError as error:
            return self._hindered(str(error))
        except Exception:
            # The loop outlives whatever it was: results that nobody sends are missed nowhere.
            _log.exception("a round of sending broke off")
            return self._hindered(_UNEXPECTED)
        self._state = replace(self._state, failed_rounds=0)
        return sync.interval_s

    def _send(self, sync: SyncSettings, interop: InteropSettings) -> None:
        report = sync_once(self._store, sync, interop, self._stop.is_set)
        self._state = replace(
            self._state,
            last_utc=self._store.now(),
            sent=report.sent,
            failed=report.failed,
            problems=tuple(report.problems[:_PROBLEMS_KEPT]),
        )

    def _hindered(self, why: str) -> float:
        if self._stop.is_set():
            return 0.0  # The records are being closed, which is no fault.
        failed = self._state.failed_rounds + 1
        self._state = replace(self._state, problem=why, failed_rounds=failed)
        _log.warning("nothing can be sent: %s", why)
        # Beyond 30 doublings any first wait is longer than the longest.
        return min(FIRST_WAIT_S * float(2 ** min(failed - 1, 30)), LONGEST_WAIT_S)


def check_sender(state: SenderState) -> Check:
    """Sending goes on; what waits is `edge.records_health.check_outbox`'s."""
    if state.problem:
        detail = f"nothing can be sent: {state.problem}"
        return Check("sync", WARNING, detail, "see what waits on the page of records")
    if not state.sync.targets:
        return Check("sync", OK, "no server is set, so nothing is sent")
    names = ", ".join(target.name for target in state.sync.targets)
    if state.failed or state.problems:
        # A server's own words may name a patient, and this goes into the file for support.
        detail = f"to {names}; {len(state.problems)} items were not taken at {state.last_utc}"
        return Check("sync", WARNING, detail, "see why on the page of records")
    last = f"last looked at {state.last_utc}" if state.last_utc else "not yet begun"
    return Check("sync", OK, f"to {names}; {last}")
