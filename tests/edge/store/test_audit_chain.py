"""Whoever can write the database file can change anything in it; here it is shown to be found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.store.audit import START, Audit, sha256_of
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store

TABLES = ("audit", "reviews", "person_tallies", "results")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A positive specimen that was reviewed, counted by a person, signed and amended."""
    store = make_store(tmp_path)
    specimen_id = screen(store)
    for cell in store.suspect_cells(specimen_id)[:2]:
        Reviews(store).review_cell(cell.cell_id, "ring", "Ann")
    thick = Register(store).add_slide(specimen_id, "thick")
    Tallies(store).add(thick.slide_id, "Ann", parasites=100, wbc_counted=200)
    Results(store).sign(specimen_id, "Dr Ota")
    Results(store).amend(specimen_id, "Dr Ota", "the wrong slide")
    yield store
    store.close()


def tamper(store: Store, *statements: str) -> list[str]:
    """Runs SQL as one would who knows the schema, triggers put out of action; then verifies."""
    with closing(sqlite3.connect(store.home / "records.db")) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()
    return Audit(store).verify()


def test_log_is_whole_and_tells_who_did_what(store: Store) -> None:
    entries = Audit(store).entries()
    assert [entry.number for entry in entries] == list(range(len(entries), 0, -1))
    assert entries[-1].previous_sha256 == START
    assert all(entry.sha256 == sha256_of(entry) for entry in entries)
    assert [entry.action for entry in entries[:3]] == [
        "result.amended",
        "result.final",
        "fields.sealed",
    ]
    assert Audit(store).verify() == []
    head = Audit(store).head()
    assert head is not None
    assert Audit(store).verify((head.number, head.sha256)) == []
    assert len(Audit(store).entries(3, before=5)) == 3
    assert [one.action for one in Audit(store).entries(subject="P-1")] == ["patient.added"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET by = 'Eve'",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0} LIMIT 1",
    ],
)
def test_database_refuses_changes(store: Store, table: str, statement: str) -> None:
    with (
        closing(sqlite3.connect(store.home / "records.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"),
    ):
        connection.execute(statement.format(table))
    assert Audit(store).verify() == []


def test_missing_trigger_is_found(store: Store) -> None:
    with closing(sqlite3.connect(store.home / "records.db")) as connection:
        connection.execute("DROP TRIGGER results_no_update")
        connection.commit()
    (problem,) = Audit(store).verify()
    assert "nothing refuses to update rows of results" in problem


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit SET by = 'Eve' WHERE number = 4", "line 4 of the audit log was altered"),
        ("UPDATE audit SET detail = '{}' WHERE number = 5", "line 5 of the audit log was altered"),
        ("UPDATE audit SET at_utc = '2020-01-01T00:00:00+00:00' WHERE number = 6", "altered"),
        ("DELETE FROM audit WHERE number = 4", "lines 4 to 4 of the audit log are missing"),
        ("DELETE FROM audit WHERE number = 1", "lines 1 to 1 of the audit log are missing"),
        ("DELETE FROM audit WHERE number > 6", "ends at line 6, and line 11 was written"),
        ("DELETE FROM audit", "ends at line 0"),
        ('UPDATE results SET report = \'{"verdict":"negative"}\' WHERE version = 2', "is not what"),
        ("UPDATE results SET by = 'Dr Eve' WHERE version = 2", "is not what line 10"),
        ("UPDATE reviews SET label = 'uninfected' WHERE review_id = 1", "reviews of specimen"),
        ("UPDATE person_tallies SET parasites = 0", "person_tallies of specimen"),
        ("UPDATE fields SET rbc_count = 1 WHERE field_index = 1", "not those that were signed"),
        ("UPDATE fields SET image_sha256 = 'ab' WHERE field_index = 0", "not those that were"),
        ("DELETE FROM fields WHERE field_index = 1", "not those that were signed"),
        ("UPDATE specimens SET verdict = 'negative'", "is not listed as its results have it"),
        ("UPDATE specimens SET result_status = 'final'", "is not listed as its results"),
        ("UPDATE specimens SET report = '{}'", "is not listed as its results have it"),
        ("DELETE FROM results WHERE version = 3", "told by line 11 of the audit log, is missing"),
        ("DELETE FROM reviews WHERE review_id = 2", "told by line 6 of the audit log, is missing"),
        (
            "INSERT INTO reviews SELECT 99, cell_id, 'x', 1, 'Eve', at_utc, '', specimen_id, NULL "
            "FROM reviews LIMIT 1",
            "has no line in the audit log",
        ),
    ],
)
def test_tampering_is_found(store: Store, statement: str, found: str) -> None:
    if statement.startswith("INSERT INTO reviews"):
        columns = (
            "review_id, cell_id, label, confirmed, by, at_utc, note, specimen_id, audit_number"
        )
        statement = statement.replace("reviews SELECT", f"reviews ({columns}) SELECT")
    problems = tamper(store, statement)
    assert any(found in problem for problem in problems), problems
    assert all("restore a backup" in problem for problem in problems)


def test_only_the_newest_decisions_may_be_asked_for(store: Store) -> None:
    tamper(store, "UPDATE reviews SET note = 'x' WHERE review_id = 1")
    assert Audit(store).verify() != []
    assert Audit(store).verify(newest=100) != []
    assert Audit(store).verify(newest=2) == []
    tamper(store, "UPDATE results SET reason = 'x' WHERE version = 3")
    assert Audit(store).verify(newest=2) != []


def test_trigger_that_refuses_nothing_is_found(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("DROP TRIGGER audit_no_delete")
        connection.execute(
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT 1; END"
        )
        connection.commit()
    (problem,) = Audit(store).verify()
    assert "nothing refuses to delete rows of audit" in problem


def test_lines_in_another_order_are_found(store: Store) -> None:
    problems = tamper(
        store,
        "UPDATE audit SET number = 1000 WHERE number = 4",
        "UPDATE audit SET number = 4 WHERE number = 5",
        "UPDATE audit SET number = 5 WHERE number = 1000",
    )
    assert any("line 4 of the audit log does not follow line 3" in one for one in problems)


def test_line_changed_with_its_own_hash_breaks_the_next_one(store: Store) -> None:
    entry = Audit(store).entries(1, before=5)[0]
    changed = vars(entry) | {"by": "Eve"}
    forged = sha256_of(type(entry)(**changed))
    problems = tamper(
        store, f"UPDATE audit SET by = 'Eve', sha256 = '{forged}' WHERE number = {entry.number}"
    )
    assert problems and f"line {entry.number + 1} of the audit log does not follow" in problems[0]


def test_log_that_was_cut_off_does_not_heal_when_work_goes_on(store: Store) -> None:
    tamper(store, "DELETE FROM audit WHERE number > 9")
    screen(store, label="S-2")
    assert any(
        "lines 10 to 11 of the audit log are missing" in one for one in Audit(store).verify()
    )


def test_log_forged_from_end_to_end_is_found_by_its_head_on_paper(store: Store) -> None:
    head = Audit(store).head()
    assert head is not None
    with closing(sqlite3.connect(store.home / "records.db")) as connection:
        rows = connection.execute(
            "SELECT number, at_utc, by, action, subject, detail FROM audit ORDER BY number"
        ).fetchall()
    previous, statements = START, []
    for number, at_utc, by, action, subject, detail in rows:
        entry = type(head)(
            number,
            at_utc,
            by.replace("Ann", "Eve"),
            action,
            subject,
            json.loads(detail),
            previous,
            "",
        )
        sha256 = sha256_of(entry)
        statements.append(
            f"UPDATE audit SET by = '{entry.by}', previous_sha256 = '{previous}', "
            f"sha256 = '{sha256}' WHERE number = {number}"
        )
        previous = sha256
    assert tamper(store, *statements) == []
    problems = Audit(store).verify((head.number, head.sha256))
    assert any("not the one that was written down elsewhere" in one for one in problems)
    problems = Audit(store).verify((head.number + 5, head.sha256))
    assert any(f"line {head.number + 5} " in one and "missing" in one for one in problems)


def test_error_within_a_write_leaves_neither_row_nor_line(store: Store) -> None:
    before = Audit(store).head()
    (specimen,) = store.specimens()
    with pytest.raises(ValueError, match="JSON"):
        Results(store).amend(
            specimen.specimen_id,
            "Dr Ota",
            "odd",
            report={"verdict": "negative", "ci_low": float("nan")},
        )
    assert Audit(store).head() == before
    assert len(Results(store).history(specimen.specimen_id)) == 3
    assert Audit(store).verify() == []


def test_clock_moved_back_is_told_and_order_stays(tmp_path: Path) -> None:
    clock = Clock("2026-11-21T10:00:00+00:00")
    store = make_store(tmp_path / "other", clock)
    first = screen(store, label="first")
    clock.set("1970-01-01T00:00:00+00:00")
    second = screen(store, label="second")
    clock.set("2031-01-01T00:00:00+00:00")
    third = screen(store, label="third")
    assert second < first < third
    assert [one.label for one in store.specimens()] == ["third", "second", "first"]
    assert [one.label for one in store.specimens(before=third)] == ["second", "first"]
    assert [one.sequence for one in store.specimens()] == [3, 2, 1]
    (moved,) = (one for one in Audit(store).entries() if one.action == "clock.moved_back")
    assert moved.detail["from"].startswith("2026-11-21")
    assert moved.detail["to"].startswith("1970-01-01")
    assert Audit(store).verify() == []
    store.close()
