from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.contract.errors import ConflictError, DataError, NotFoundError, StoreError
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.store import Store

CLOCK = "2026-11-21T10:00:00+00:00"


@pytest.fixture
def clock() -> Clock:
    return Clock(CLOCK)


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = make_store(tmp_path / "home", clock)
    yield store
    store.close()


def test_payload_is_on_the_disk_and_queued_once(store: Store) -> None:
    outbox, specimen_id = Outbox(store), screen(store)
    item = outbox.add("clinic", "fhir", specimen_id, 1, b'{"a":1}')
    assert outbox.add("clinic", "fhir", specimen_id, 1, b'{"a":1}') == item
    assert outbox.payload(item) == b'{"a":1}'
    assert (store.home / item.payload_file).read_bytes() == b'{"a":1}'
    assert outbox.due() == outbox.waiting() == outbox.of_specimen(specimen_id) == [item]
    with pytest.raises(ConflictError, match="other content"):
        outbox.add("clinic", "fhir", specimen_id, 1, b'{"a":2}')
    assert outbox.add("clinic", "fhir", specimen_id, 2, b'{"a":2}').item_id == item.item_id + 1
    assert outbox.counts() == {"waiting": 2, "sent": 0, "failed": 0}


def test_item_waits_until_its_next_try_and_is_sent_once(store: Store, clock: Clock) -> None:
    outbox = Outbox(store)
    item = outbox.add("clinic", "month-2026-11", "", 1, b"x", ".xml")
    later = outbox.mark_failed(item.item_id, "HTTP 500", 600)
    assert (later.state, later.attempts, later.last_error) == ("waiting", 1, "HTTP 500")
    assert outbox.due() == [] and outbox.waiting() == [later]
    clock.set("2026-11-21T10:11:00+00:00")
    assert outbox.due() == [later]
    sent = outbox.mark_sent(item.item_id)
    assert outbox.mark_sent(item.item_id) == sent
    assert sent.acknowledged_utc is not None and sent.last_error == ""
    assert outbox.due() == outbox.waiting() == []
    with pytest.raises(ConflictError, match="acknowledged"):
        outbox.mark_failed(item.item_id, "late", 1)
    assert outbox.retry(item.item_id) == sent
    # Nothing is deleted, not even then.
    assert outbox.payload(sent) == b"x"
    actions = [entry.action for entry in Audit(store).entries(2)]
    assert actions == ["outbox.sent", "outbox.queued"]


def test_given_up_item_waits_for_a_person(store: Store) -> None:
    outbox = Outbox(store)
    item = outbox.add("clinic", "fhir", "", 1, b"x")
    failed = outbox.mark_failed(item.item_id, "HTTP 422: no such code", None)
    assert failed.state == "failed"
    assert outbox.due() == [] and outbox.waiting() == [failed]
    again = outbox.retry(item.item_id, "Ann")
    assert outbox.due() == [again]
    newest = Audit(store).entries(1)[0]
    assert (newest.by, newest.action) == ("Ann", "outbox.retried")


def test_clock_set_back_holds_nothing_up(store: Store, clock: Clock) -> None:
    outbox = Outbox(store)
    clock.set("2031-01-01T00:00:00+00:00")
    item = outbox.add("clinic", "fhir", "", 1, b"x")
    outbox.mark_failed(item.item_id, "offline", 3600)
    clock.set(CLOCK)
    assert [one.item_id for one in outbox.due()] == [item.item_id]


def test_damaged_or_missing_payload_is_found(store: Store) -> None:
    outbox = Outbox(store)
    item = outbox.add("clinic", "fhir", "", 1, b"x")
    (store.home / item.payload_file).write_bytes(b"y")
    with pytest.raises(StoreError, match="damaged"):
        outbox.payload(item)
    (store.home / item.payload_file).unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        outbox.payload(item)


def test_odd_items_are_refused(store: Store) -> None:
    outbox = Outbox(store)
    with pytest.raises(NotFoundError, match="none"):
        outbox.add("clinic", "fhir", "none", 1, b"x")
    for target, kind in (("=1", "fhir"), ("clinic", ""), ("../x", "fhir")):
        with pytest.raises(DataError):
            outbox.add(target, kind, "", 1, b"x")
    with pytest.raises(StoreError, match="suffix"):
        outbox.add("clinic", "fhir", "", 1, b"x", "/../../x")
    for item_id in (0, -1, 10**30):
        with pytest.raises(NotFoundError):
            outbox.mark_sent(item_id)
    assert outbox.waiting() == []
