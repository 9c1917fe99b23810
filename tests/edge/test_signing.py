"""What may be signed, and what may not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.protocol import Protocol, default_protocol
from edge.signing import amend, read_review, sign
from edge.store.audit import Audit
from edge.store.records import DONE, FAILED, FINAL, INTERRUPTED, STOPPED, THICK
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from tests.support.clinic_specimens import store_specimen

PROTOCOL = default_protocol()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "home")
    yield found
    found.close()


def judge_all(store: Store, specimen_id: str, label: str = "uninfected") -> None:
    for cell in store.suspect_cells(specimen_id):
        Reviews(store).review_cell(cell.cell_id, label, "Ana")


def count_none(store: Store, specimen_id: str) -> None:
    slide = Register(store).add_slide(specimen_id, THICK)
    Tallies(store).add(slide.slide_id, "Ben", parasites=0, wbc_counted=500)


def test_negative_is_signed_when_every_suspect_cell_is_judged(store: Store) -> None:
    specimen_id = store_specimen(store, 2)
    with pytest.raises(ConflictError, match="2 cells that one of the networks suspects wait"):
        sign(store, specimen_id, "Ana", PROTOCOL)
    first, second = store.suspect_cells(specimen_id)
    Reviews(store).review_cell(first.cell_id, "uninfected", "Ana")
    # One of two is judged: what is to be signed is not even called negative.
    half = read_review(store, specimen_id, PROTOCOL)
    assert half.report is not None and half.report.verdict == "inconclusive"
    assert (half.done_count, len(half.waiting)) == (1, 1)
    Reviews(store).review_cell(second.cell_id, "debris", "Ben")
    result = sign(store, specimen_id, "Ana", PROTOCOL)
    assert (result.status, result.report["verdict"], result.by) == (FINAL, "negative", "Ana")
    assert result.report["rejected_count"] == 2
    assert store.specimen(specimen_id).verdict == "negative"
    assert Audit(store).verify() == []


@pytest.mark.parametrize("status", [FAILED, INTERRUPTED])
@pytest.mark.parametrize("suspects", [0, 2])
def test_broken_off_specimen_is_never_signed_as_negative(
    store: Store, status: str, suspects: int
) -> None:
    specimen_id = store_specimen(store, suspects, status=status, error="the camera is gone")
    judge_all(store, specimen_id)
    count_none(store, specimen_id)
    result = sign(store, specimen_id, "Ana", PROTOCOL)
    assert result.report["verdict"] == "inconclusive"
    with pytest.raises(ConflictError, match="cannot be amended to negative"):
        amend(store, specimen_id, "Ana", "I know better", "negative", PROTOCOL)


def test_older_record_that_broke_off_is_never_signed_as_negative(store: Store) -> None:
    specimen_id = store_specimen(store, 0, status=FAILED, error="the camera is gone")
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE specimens SET report = json_remove(report, '$.finished')")
    count_none(store, specimen_id)
    result = sign(store, specimen_id, "Ana", PROTOCOL)
    assert result.report["verdict"] == "inconclusive"
    assert "not called negative" in result.report["why"]


@pytest.mark.parametrize("status", [DONE, STOPPED])
def test_unfinished_or_refused_slide_is_never_signed_as_negative(store: Store, status: str) -> None:
    for changes in ({"finished": False}, {"verdict": "refused", "rbc_count": 0}):
        specimen_id = store_specimen(store, 0, status=status, **changes)
        count_none(store, specimen_id)
        assert sign(store, specimen_id, "Ana", PROTOCOL).report["verdict"] != "negative"


def test_positive_needs_a_parasite_that_a_person_saw(store: Store) -> None:
    specimen_id = store_specimen(store, 3, verdict="positive")
    with pytest.raises(ConflictError, match="No person has seen a parasite"):
        sign(store, specimen_id, "Ana", PROTOCOL)
    cell = store.suspect_cells(specimen_id)[0]
    Reviews(store).review_cell(cell.cell_id, "ring", "Ana")
    report = sign(store, specimen_id, "Ana", PROTOCOL).report
    assert (report["verdict"], report["confirmed_count"]) == ("positive", 1)


def test_rejected_positive_becomes_no_positive(store: Store) -> None:
    specimen_id = store_specimen(store, 3, verdict="positive")
    judge_all(store, specimen_id)
    assert sign(store, specimen_id, "Ana", PROTOCOL).report["verdict"] != "positive"


def test_running_or_missing_specimen_is_not_signed(store: Store) -> None:
    specimen_id = store.start_specimen("S-1", "simulated", {})
    assert read_review(store, specimen_id, PROTOCOL).report is None
    with pytest.raises(ConflictError, match="no result to sign yet"):
        sign(store, specimen_id, "Ana", PROTOCOL)
    with pytest.raises(NotFoundError):
        sign(store, "none", "Ana", PROTOCOL)
    with pytest.raises(NotFoundError):
        amend(store, "none", "Ana", "x", "refused", PROTOCOL)


def test_specimen_of_another_protocol_keeps_it(store: Store) -> None:
    other = Protocol("site", minimum_rbc_count=9000)
    specimen_id = store_specimen(store, 1)
    judge_all(store, specimen_id)
    found = read_review(store, specimen_id, other)
    assert found.report is not None and found.report.protocol == "who-thin-5000"
    gone = store_specimen(store, 1, protocol="gone", protocol_version=3)
    found = read_review(store, gone, other)
    assert found.report is None and "protocol is 'gone'" in found.hindrance
    with pytest.raises(ConflictError, match="cannot be signed"):
        sign(store, gone, "Ana", other)


def test_change_between_reading_and_signing_is_found(store: Store) -> None:
    specimen_id = store_specimen(store, 1)
    seen = store.specimen(specimen_id).version
    judge_all(store, specimen_id, "ring")
    with pytest.raises(ConflictError, match="changed by someone else"):
        sign(store, specimen_id, "Ana", PROTOCOL, seen)
    signed = sign(store, specimen_id, "Ana", PROTOCOL, store.specimen(specimen_id).version)
    with pytest.raises(ConflictError, match="signed already"):
        sign(store, specimen_id, "Ben", PROTOCOL)
    with pytest.raises(ConflictError, match="changed by someone else"):
        amend(store, specimen_id, "Ben", "a slip", "inconclusive", PROTOCOL, seen)
    assert Results(store).current(specimen_id) == signed


def test_amendment_needs_verdict_reason_and_name(store: Store) -> None:
    specimen_id = store_specimen(store, 1)
    judge_all(store, specimen_id)
    with pytest.raises(ConflictError, match="not signed yet"):
        amend(store, specimen_id, "Ana", "a slip", "refused", PROTOCOL)
    sign(store, specimen_id, "Ana", PROTOCOL)
    for by, reason, verdict in (("", "x", "refused"), ("A", " ", "refused"), ("A", "x", "maybe")):
        with pytest.raises(DataError):
            amend(store, specimen_id, by, reason, verdict, PROTOCOL)
    amend(store, specimen_id, "Ana", "wrong patient", "refused", PROTOCOL)
    # All cells are judged and none is infected, so the way back is open.
    again = amend(store, specimen_id, "Ben", "right patient after all", "negative", PROTOCOL)
    assert (again.version, again.report["verdict"]) == (4, "negative")
