"""The heartbeat of the appliance: systemd is told that it lives, for as long as all parts answer.

systemd ends a service that has not beaten in time, and starts it again (`WatchdogSec=`). Where no
systemd listens, the same is watched and shown on the page of health, and nothing is ended.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

# sd_notify(3): where to, and how often at least, in microseconds and for which process.
SOCKET_VARIABLE, LIMIT_VARIABLE, PID_VARIABLE = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
READY, STOPPING, BEAT = "READY=1", "STOPPING=1", "WATCHDOG=1"
# So many looks within the limit: one that takes its time costs nothing.
_LOOKS_WITHIN = 4.0
# After a look at which a part did not answer the next one comes soon.
_SOON_S = 1.0
_LIMIT_WITHOUT_SYSTEMD_S = 30.0
# The first start with an accelerator may compile its networks for ten minutes (TensorRT).
START_LIMIT_S = 900.0
# sd_notify(3): until when a start may go on, from now.
_MORE_TIME = "EXTEND_TIMEOUT_USEC={:.0f}"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tells systemd; False where it does not listen. Never raises: a start needs no systemd."""
    address = environment.get(SOCKET_VARIABLE, "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # A name that lies in no folder.
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
            asked.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd cannot be told %s (%s)", state.partition("=")[0], error.strerror)
        return False
    return True


def watchdog_limit_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Within how many seconds systemd expects a beat of this process; None where it does not."""
    limit, pid = environment.get(LIMIT_VARIABLE, ""), environment.get(PID_VARIABLE, "")
    if not limit.isdigit() or int(limit) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(limit) / 1e6


@dataclass(frozen=True)
class HeartState:
    """How it goes.

    Attributes:
        limit_s: without a beat for so long systemd ends the service; None where no systemd does.
        beats: since the start.
        age_s: since the last one; None before it.
        hangs: what does not answer now, with the part's name before it; empty where all do.
    """

    limit_s: float | None = None
    beats: int = 0
    age_s: float | None = None
    hangs: str = ""


class Heartbeat:
    """Looks at every part again and again, and beats while all of them answer.

    Before `ready` is called it beats in any case, START_LIMIT_S at most: opening takes its time.

    Args:
        on_hang: told once when a part begins to hang, what and where.
        tell: sends a line to systemd.
        limit_s: see `watchdog_limit_s`; None looks as often as if it were 30 s.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        on_hang: Callable[[str], None] = lambda _: None,
        tell: Callable[[str], bool] = notify,
        limit_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_hang, self._tell, self._clock = on_hang, tell, clock
        self._limit_s = limit_s
        self._pause_s = (limit_s or _LIMIT_WITHOUT_SYSTEMD_S) / _LOOKS_WITHIN
        self._parts: dict[str, Callable[[], str]] = {}
        self._began_s, self._last_s = clock(), None if limit_s is None else clock()
        self._beats, self._hangs = 0, ""
        self._is_ready, self._left = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def watch(self, part: str, hangs: Callable[[], str]) -> None:
        """A part from now on: what it hangs in, empty while it answers. It must return soon."""
        self._parts = self._parts | {part: hangs}

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def ready(self, status: str) -> None:
        """The appliance answers: from now on every part has to."""
        self._is_ready.set()
        self._tell(f"{READY}\nSTATUS={status}\n{BEAT}")

    def leave(self, *, for_good: bool) -> None:
        """No part has to answer any more.

        Args:
            for_good: the process ends; else another program takes its place, and until then it
                goes on beating.
        """
        self._left.set()
        if for_good:
            self._tell(STOPPING)

    def close(self) -> None:
        """Beats no more; may be called twice, or without a start."""
        self._ended.set()

    def state(self) -> HeartState:
        """How it goes now."""
        age_s = None if self._last_s is None else self._clock() - self._last_s
        return HeartState(self._limit_s, self._beats, age_s, self._hangs)

    def look(self) -> None:
        """One look at all parts, and a beat where all answer."""
        hangs = self._what_hangs() if self._is_ready.is_set() else self._late_start()
        if self._left.is_set():
            hangs = ""  # What is being closed answers nobody.
        if hangs and hangs != self._hangs:
            log.error("no heartbeat: %s", hangs)
            self._tell(f"STATUS=no heartbeat: {hangs}")
            self._on_hang(hangs)
        if self._hangs and not hangs:
            log.warning("the heartbeat is back after: %s", self._hangs)
            self._tell("STATUS=it answers again")
            self._on_hang("")
        self._hangs = hangs
        if not hangs:
            self._beat()

    def _beat(self) -> None:
        more = "" if self._is_ready.is_set() else "\n" + _MORE_TIME.format(3e6 * self._pause_s)
        self._tell(BEAT + more)
        self._beats += 1
        self._last_s = self._clock()

    def _what_hangs(self) -> str:
        found = ((part, hangs()) for part, hangs in self._parts.items())
        return "; ".join(f"{part}: {what}" for part, what in found if what)

    def _late_start(self) -> str:
        took_s = self._clock() - self._began_s
        return f"start: not ready after {START_LIMIT_S:g} s" if took_s > START_LIMIT_S else ""

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.look()
            except Exception:
                # A part that cannot be asked is no part that answers; the next look may go better.
                log.exception("a look at the parts broke off")
            self._ended.wait(_SOON_S if self._hangs else self._pause_s)
