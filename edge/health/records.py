"""Checks of what was decided and signed, and of what these records depend on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from edge.backup.freshness import check_backup
from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError
from edge.health.check import FAILED, OK, WARNING, Check
from edge.screening.lock import own_device
from edge.store.audit import Audit
from edge.store.checks import clock_problem
from edge.store.outbox import Outbox
from edge.store.records import UNSENT, WAITING
from edge.store.repair import repair
from edge.store.retention import GB, plan_retention
from edge.store.store import DATABASE_FILE, Store

# Of so many lines doctor compares what they tell of; `records verify` does of all.
NEWEST_LINES = 5000
# A round to the district is made once or twice a month.
WAITS_LONG_DAYS = 14


def check_clinic(home: Path, config: DeviceConfig) -> list[Check]:
    """The log, room for images, and `check_ages`; none without records."""
    if not (home / DATABASE_FILE).is_file():
        return []
    try:
        with closing(Store(home)) as store:
            return [
                _guarded("log", lambda: check_log(store)),
                _guarded("images", lambda: check_room(store, config)),
                *check_ages(store),
            ]
    except ClinicScopeError as error:
        return [Check("log", FAILED, str(error), "restore from a backup")]


def check_ages(store: Store) -> list[Check]:
    """What takes milliseconds: the clock, what waits to be sent and how long, and the backup."""
    return [
        _guarded("clock", lambda: check_clock(store)),
        _guarded("outbox", lambda: check_outbox(store)),
        _guarded("queue age", lambda: check_queue_age(store)),
        _guarded("backup age", lambda: check_backup(store)),
    ]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ClinicScopeError as error:
        return Check(name, FAILED, str(error), "run `clinicscope doctor --repair`")


def check_records(home: Path) -> Check:
    """Database and images are sound."""
    try:
        store = Store(home)
        try:
            problems = store.check_integrity()
        finally:
            store.close()
    except ClinicScopeError as error:
        problems = [str(error)]
    if problems:
        advice = "run `clinicscope doctor --repair`; if that does not help, restore a backup"
        return Check("records", FAILED, "; ".join(problems[:5]), advice)
    return Check("records", OK, "database and images are sound")


def check_log(store: Store) -> Check:
    """Nothing in the log, or in what it tells of, was changed."""
    problems = Audit(store).verify(newest=NEWEST_LINES)
    if problems:
        advice = "sign nothing on this device until it is known who changed it"
        return Check("log", FAILED, "; ".join(problems[:3]), advice)
    head = Audit(store).head()
    told = f"whole, {head.number:,} lines" if head else "empty"
    return Check("log", OK, told)


def check_clock(store: Store) -> Check:
    """The clock may be right."""
    problem = clock_problem(store)
    if problem:
        return Check("clock", WARNING, problem, "set the clock; ids and order stay right meanwhile")
    return Check("clock", OK, store.now())


def check_room(store: Store, config: DeviceConfig, free_bytes: int | None = None) -> Check:
    """The rule of retention finds room enough."""
    plan = plan_retention(store, config.retention, free_bytes)
    if plan.short_bytes:
        detail = f"{plan.short_bytes / GB:.2f} GB are short that no image may be removed for"
        return Check("images", WARNING, detail, "sign and send what waits, or get a larger disk")
    if plan.removable:
        detail = f"the images of {len(plan.removable)} specimens may go"
        return Check("images", WARNING, detail, "run `clinicscope records retention`")
    return Check("images", OK, "there is room by the rule of retention")


def check_outbox(store: Store) -> Check:
    """Nothing was given up."""
    counts = Outbox(store).counts()
    detail = f"{counts[WAITING]} wait to be sent, {counts[UNSENT]} were given up"
    if counts[UNSENT]:
        return Check("outbox", WARNING, detail, "see why on the page, then send them again")
    return Check("outbox", OK, detail)


def check_queue_age(store: Store) -> Check:
    """What waits to be sent does not wait for ever: a clinic may be offline for weeks, and a
    receiver that never takes anything must be noticed.
    """
    since = Outbox(store).waits_since()
    if not since:
        return Check("queue age", OK, "nothing waits to be sent")
    days = (datetime.fromisoformat(store.now()) - datetime.fromisoformat(since)).days
    detail = f"the oldest item has waited {max(days, 0)} days, since {since}"
    if days >= WAITS_LONG_DAYS:
        advice = "bring the device to a network; `clinicscope sync --show` says what waits"
        return Check("queue age", WARNING, detail, advice)
    return Check("queue age", OK, detail)


def repair_records(home: Path, *, deep: bool = False) -> list[str]:
    """Repairs the records; see `edge.store.repair.repair`.

    Raises:
        BusyError: the appliance is running with them.
        StoreError: only a backup helps.
    """
    if not (home / DATABASE_FILE).is_file():
        return []
    with own_device(home), closing(Store(home)) as store:
        return repair(store, deep=deep)
