"""The restart budget: how often the service broke off, and what to start after it is spent.

A service that breaks off again and again is not helped by one more start. After four within ten
minutes it starts in safe mode, with its page alone; after two more there, with one bare page. A
person ends that, or a start of the whole device does; one that breaks off across such starts as
well, eight times without having run for ten minutes, keeps its safe mode until a person ends it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.contract.errors import ClinicScopeError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.screening.lock import own_device
from edge.store.files import write_durably

log = logging.getLogger(__name__)

STARTS_FILE = "starts.json"
NORMAL, SAFE, BARE = "normal", "safe", "bare"
WINDOW_S = 600.0
MOST, MOST_IN_ALL, MOST_SAFE = 4, 8, 2
_KEPT = 20
# The heartbeat writes what hangs while the main thread ends.
_writing = threading.Lock()
# Seconds since the start of the system, sleep included; elsewhere than on Linux without it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Start:
    """One start of the service.

    Attributes:
        at_utc: by the clock, which may be wrong; for people.
        boot: id of the system's own start.
        up_s: seconds since that one; for what is counted.
        version: of this program.
        mode: NORMAL, SAFE or BARE.
        why: what hung when it broke off; empty where nothing is known.
        excused: it does not count any more.
    """

    at_utc: str
    boot: str
    up_s: float
    version: str
    mode: str = NORMAL
    why: str = ""
    excused: bool = False

    @property
    def where(self) -> str:
        """The system's start and the version: each has a budget of its own."""
        return f"{self.boot} {self.version}"


@dataclass(frozen=True)
class Starts:
    """What is known of them.

    Attributes:
        running: the one that has not ended; None where it ended as it should.
        broken: those that ended in no other way than by breaking off, oldest first.
        safe_for: see `Start.where`, of the start at which the budget was spent; empty otherwise.
    """

    running: Start | None = None
    broken: tuple[Start, ...] = field(default_factory=tuple)
    safe_for: str = ""

    def counted(self, now: Start, *modes: str) -> list[Start]:
        """Those of its version that broke off within the window before a start, in these modes."""
        return [
            one
            for one in self.broken
            if not one.excused
            and one.mode in modes
            and one.where == now.where
            and now.up_s - one.up_s <= WINDOW_S
        ]

    def mode_for(self, now: Start) -> str:
        """In which mode to start."""
        if len(self.counted(now, SAFE, BARE)) >= MOST_SAFE:
            return BARE
        in_all = sum(not one.excused and one.version == now.version for one in self.broken)
        spent = len(self.counted(now, NORMAL)) >= MOST or in_all >= MOST_IN_ALL
        return SAFE if spent or self.safe_for == now.where else NORMAL

    @property
    def reason(self) -> str:
        """Why the budget is spent, in words."""
        counted = [one for one in self.broken if not one.excused]
        told = next((one.why for one in reversed(counted) if one.why), "")
        cause = f"the last known cause: {told}" if told else "the log has more"
        if not counted:
            return "a person asked for it"
        return f"the service broke off {len(counted)} times in a row; {cause}"


def this_start(version: str, at_utc: str) -> Start:
    """The start of this process."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return Start(at_utc, boot, round(time.clock_gettime(_CLOCK), 3), version)


def read_starts(home: Path) -> Starts:
    """What is known; nothing where the file is absent or damaged, which proves nothing."""
    path = home / STARTS_FILE
    if not path.is_file():
        return Starts()
    try:
        return from_plain(Starts, json.loads(path.read_text(encoding="utf-8")), STARTS_FILE)
    except (OSError, ValueError, ManifestError) as error:
        log.warning("%s is damaged and begins anew: %s", path, error)
        return Starts()


@dataclass(frozen=True)
class HowToStart:
    """In which mode, and why; the reason counts in SAFE and BARE alone."""

    mode: str
    reason: str


@contextmanager
def counted(home: Path, now: Start, *, safe: bool = False) -> Iterator[HowToStart]:
    """A start that is counted unless its process ends as it should: asked to, or saying why.

    Args:
        home: the data directory; the process must own it.
        now: this start.
        safe: a person asked for safe mode.
    """
    how = begin(home, now, safe=safe)
    ran_well = threading.Timer(WINDOW_S, excuse, (home,))
    ran_well.daemon = True
    if how.mode == NORMAL:
        ran_well.start()
    try:
        yield how
    except (SystemExit, KeyboardInterrupt, ClinicScopeError, OSError):
        end(home)
        raise
    except BaseException as error:
        # What it says may quote anything; of which kind it is tells who has to help.
        note(home, f"an internal error ({type(error).__name__})")
        raise
    finally:
        ran_well.cancel()
    end(home)


def begin(home: Path, now: Start, *, safe: bool = False) -> HowToStart:
    """Notes a start; call it once the data directory is this process's own.

    Args:
        home: the data directory.
        now: this start.
        safe: a person asked for safe mode.
    """
    found = read_starts(home)
    if found.running is not None:
        found = replace(found, broken=(*found.broken, found.running)[-_KEPT:])
    mode = found.mode_for(now)
    if mode == NORMAL and safe:
        mode = SAFE
    elif mode != NORMAL:
        found = replace(found, safe_for=now.where)
    starts = replace(found, running=replace(now, mode=mode))
    _keep(home, lambda _: starts)
    return HowToStart(mode, starts.reason)


def note(home: Path, why: str) -> None:
    """What hangs now; empty where nothing does any more."""
    _keep(home, lambda old: replace(old, running=old.running and replace(old.running, why=why)))


def end(home: Path) -> None:
    """This process ends as it should."""
    _keep(home, lambda old: replace(old, running=None))


def broke_off_for(home: Path, why: str) -> bool:
    """Whether a start broke off for this since the system's own start."""
    boot = this_start("", "").boot
    return any(one.boot == boot and why in one.why for one in read_starts(home).broken)


def leave_safe_mode(home: Path) -> bool:
    """The next start is a normal one; False where it would be anyway.

    Raises:
        BusyError: the appliance is running; its page has a button for that.
    """
    known = read_starts(home)
    if not known.safe_for and all(one.excused for one in known.broken):
        return False
    with own_device(home):
        excuse(home)
    return True


def excuse(home: Path) -> None:
    """The budget begins anew: it ran long enough, or a person wants it."""

    def change(old: Starts) -> Starts:
        running = old.running and replace(old.running, excused=True)
        broken = tuple(replace(one, excused=True) for one in old.broken)
        return Starts(running, broken)

    _keep(home, change)


def _keep(home: Path, change: Callable[[Starts], Starts]) -> None:
    """Writes what changed. A full disk keeps no service from starting."""
    with _writing:
        old = read_starts(home)
        new = change(old)
        if new == old:
            return
        try:
            content = json.dumps(to_plain(new), indent=1) + "\n"
            write_durably(home / STARTS_FILE, content.encode())
        except ClinicScopeError as error:
            log.warning("starts are not counted: %s", error)
