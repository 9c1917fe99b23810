"""When a device reports itself to a server: once a day, and sooner where something has changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge.fleet.inventory import (
    Inventory,
    format_inventory,
    lasting,
    parse_inventory,
    take_inventory,
)
from edge.store.outbox import Outbox
from edge.store.records import WAITING
from edge.store.store import Store

KIND = "inventory"
DAILY = timedelta(days=1)
# What changes to and fro is not told each time.
NOT_BEFORE = timedelta(hours=1)


def queue_inventory(store: Store, target: str) -> bool:
    """Queues this device's inventory for a target where it is time; whether it was.

    While an earlier one waits for the network none is added: it is out of date by then.

    Raises:
        ConfigError, DataError, StoreError: it cannot be taken, or the earlier one is damaged.
    """
    outbox = Outbox(store)
    earlier = [one for one in outbox.of_specimen("") if (one.target, one.kind) == (target, KIND)]
    newest = earlier[-1] if earlier else None
    if newest and newest.state == WAITING:
        return False
    last = parse_inventory(outbox.payload(newest), KIND) if newest else None
    if last and not _is_past(last, store.now(), NOT_BEFORE):
        return False
    found = take_inventory(store)
    if last and not _is_past(last, store.now(), DAILY) and lasting(found) == lasting(last):
        return False
    outbox.add(target, KIND, "", newest.version + 1 if newest else 1, format_inventory(found))
    return True


def _is_past(last: Inventory, now: str, time: timedelta) -> bool:
    """A clock that was set back must not silence a device."""
    gone = datetime.fromisoformat(now) - datetime.fromisoformat(last.at_utc)
    return not timedelta(0) <= gone < time
