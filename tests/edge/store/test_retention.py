from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.contract.errors import ConfigError, NotFoundError
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.results import Results
from edge.store.retention import GB, apply_retention, keep_room, plan_retention
from edge.store.retention_rule import RetentionRule
from edge.store.store import Store

RULE = RetentionRule(keep_days=30, free_at_least_gb=1.0, require_sent=True)
SHORT = 0  # bytes free: everything that may go, goes
ROOM = 2 * GB


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-01-10T10:00:00+00:00")


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = make_store(tmp_path / "home", clock)
    yield store
    store.close()


def settle(store: Store, verdict: str, *, sign: bool = True, send: bool = True) -> str:
    """A specimen with two images; signed and sent unless said otherwise."""
    specimen_id = screen(store, verdict)
    version = Results(store).sign(specimen_id, "Dr Ota").version if sign else 1
    if send:
        item = Outbox(store).add("clinic", "fhir", specimen_id, version, specimen_id.encode())
        Outbox(store).mark_sent(item.item_id)
    return specimen_id


def planned(store: Store, rule: RetentionRule = RULE, free_bytes: int = SHORT) -> list[str]:
    return [one.specimen_id for one in plan_retention(store, rule, free_bytes).removable]


def test_negative_signed_and_sent_go_first_and_the_oldest_of_them(
    store: Store, clock: Clock
) -> None:
    doubtful = settle(store, "inconclusive")
    first, second = settle(store, "negative"), settle(store, "negative")
    settle(store, "positive")
    clock.set("2026-06-01T10:00:00+00:00")
    young = settle(store, "negative")
    assert planned(store) == [first, second, doubtful]
    assert planned(store, free_bytes=ROOM) == []
    # Only as many as are needed.
    assert planned(store, free_bytes=GB - 1) == [first]
    assert planned(store, replace(RULE, verdicts=("positive",))) != []
    assert young in planned(store, replace(RULE, keep_days=0))


def test_unsigned_and_unsent_never_go(store: Store, clock: Clock) -> None:
    settle(store, "negative", sign=False)
    unsent = settle(store, "negative", send=False)
    waiting = settle(store, "negative")
    Outbox(store).add("pacs", "dicom", waiting, 2, b"dicom")
    given_up = settle(store, "negative")
    item = Outbox(store).add("pacs", "dicom", given_up, 2, b"dicom")
    Outbox(store).mark_failed(item.item_id, "HTTP 400", None)
    amended = settle(store, "negative")
    Results(store).amend(amended, "Dr Ota", "why")
    clock.set("2030-01-01T00:00:00+00:00")
    assert planned(store) == []
    plan = plan_retention(store, RULE, SHORT)
    assert plan.short_bytes == plan.needed_bytes == GB
    # A site that sends nothing says so; what is queued must still arrive.
    assert planned(store, replace(RULE, require_sent=False)) == [unsent, amended]


def test_records_stay_when_images_go(store: Store, clock: Clock) -> None:
    specimen_id = settle(store, "negative")
    before = store.fields(specimen_id)
    clock.set("2026-06-01T10:00:00+00:00")
    plan = plan_retention(store, RULE, SHORT)
    assert [(one.image_count, one.image_bytes) for one in plan.removable] == [(2, 4000)]
    assert [one.specimen_id for one in apply_retention(store, RULE, plan)] == [specimen_id]
    after = store.fields(specimen_id)
    assert [one.cells for one in after] == [one.cells for one in before]
    assert [one.image_sha256 for one in after] == [one.image_sha256 for one in before]
    assert {(one.image_file, one.image_gone) for one in after} == {
        (None, "removed on 2026-06-01 to make room")
    }
    with pytest.raises(NotFoundError, match="removed on 2026-06-01"):
        store.image_bytes(after[0])
    assert list((store.home / "fields" / specimen_id).iterdir()) == []
    assert len(store.suspect_cells(specimen_id)) == 4
    newest = Audit(store).entries(1)[0]
    assert (newest.action, newest.detail) == ("images.removed", {"images": 2})
    assert store.check_integrity(deep=True) == []
    assert planned(store) == []


def test_what_changed_after_the_plan_is_left(store: Store, clock: Clock) -> None:
    specimen_id = settle(store, "negative")
    clock.set("2026-06-01T10:00:00+00:00")
    plan = plan_retention(store, RULE, SHORT)
    Results(store).amend(specimen_id, "Dr Ota", "seen again")
    assert apply_retention(store, RULE, plan) == []
    assert store.image_bytes(store.field(specimen_id, 0))


def test_images_are_held_to_a_quota(store: Store, clock: Clock) -> None:
    ids = [settle(store, "negative") for _ in range(4)]
    clock.set("2026-06-01T10:00:00+00:00")
    # 16,000 bytes are there.
    rule = replace(RULE, images_at_most_gb=9_000 / GB)
    plan = plan_retention(store, rule, ROOM)
    assert (plan.needed_bytes, plan.short_bytes) == (7_000, 0)
    assert [one.specimen_id for one in plan.removable] == ids[:2]
    apply_retention(store, rule, plan)
    assert plan_retention(store, rule, ROOM).needed_bytes == 0


def test_old_images_go_though_there_is_room(store: Store, clock: Clock) -> None:
    old = settle(store, "negative")
    clock.set("2026-12-01T10:00:00+00:00")
    settle(store, "negative")
    clock.set("2027-02-01T10:00:00+00:00")
    assert planned(store, replace(RULE, remove_after_days=365), ROOM) == [old]


def test_many_specimens_are_gone_through_by_page(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.retention._PAGE", 2)
    ids = [settle(store, "negative", send=bool(n % 2)) for n in range(7)]
    clock.set("2026-06-01T10:00:00+00:00")
    assert planned(store) == ids[1::2]


def test_room_is_kept_and_a_failure_is_no_reason_to_stop(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    specimen_id = settle(store, "negative")
    clock.set("2026-06-01T10:00:00+00:00")
    rule = replace(RULE, images_at_most_gb=1 / GB)
    assert [one.specimen_id for one in keep_room(store, rule)] == [specimen_id]
    assert keep_room(store, rule) == []
    store.close()
    assert keep_room(store, replace(rule, remove_after_days=30)) == []
    assert "no room could be made" in caplog.text and "is closed" in caplog.text


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"keep_days": -1}, "keep_days"),
        ({"free_at_least_gb": 1e9}, "free_at_least_gb"),
        ({"keep_days": 90, "remove_after_days": 30}, "remove_after_days"),
        ({"verdicts": ("healthy",)}, "healthy"),
    ],
)
def test_odd_rules_are_refused(values: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        RetentionRule(**values)
