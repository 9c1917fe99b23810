"""A short soak with every fault; and what the checks of a soak find."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.soak.appliance import Sample
from tests.soak.checks import check_records, check_samples, judge_memory
from tests.soak.plan import DARK, FIELD, STALL, UNPLUG, UNREADABLE, fault_of, name_of, number_of
from tests.soak.run import LIVES, main

CAPTURES = 300
GOOD = Sample(1.0, 30, 0, 100_000, 9, 20, "done", "live", "litert/cpu-xnnpack", 200)


def samples(count: int = 40, **changes: Any) -> list[dict[str, Any]]:
    """Of a life; a change may be a function of the sample's number."""
    found = []
    for number in range(count):
        given = {key: to(number) if callable(to) else to for key, to in changes.items()}
        found.append(vars(replace(GOOD, captured=30 * (number + 1), **given)))
    return found


def test_every_fault_has_its_captures_and_most_have_none() -> None:
    faults = [fault_of(number) for number in range(1000)]
    assert set(faults[:CAPTURES]) == {FIELD, UNREADABLE, DARK, UNPLUG}
    assert STALL in faults
    assert faults.count(FIELD) > 960
    assert number_of(name_of(1234)) == 1234


@pytest.mark.timeout(900)
def test_a_short_soak_loses_nothing(tmp_path: Path) -> None:
    """Half a minute: proofs of the delegate in child processes, and a call that must time out."""
    record = tmp_path / "record.json"
    done = CliRunner().invoke(
        main,
        ["--captures", str(CAPTURES), "--folder", str(tmp_path), "--json", str(record)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    found = json.loads(record.read_text())
    assert found["problems"] == []
    assert found["captures"] >= CAPTURES
    assert {life["fault"] for life in found["lives"]} == {fault for fault, _ in LIVES}
    assert sum(life["ended"] != 0 for life in found["lives"]) == 1, "one life is brought down"
    assert found["records"]["specimens"]["interrupted"] == 1
    computed = found["records"]["computed_by"]
    assert computed["litert/cpu-xnnpack as fallback"] > 0
    assert sum("delegate" in name for name in computed) == 1
    _check_what_is_missed(tmp_path / "home", found["captures"])


def _check_what_is_missed(home: Path, captured: int) -> None:
    """The same records with a field, a picture and an end taken away."""
    with closing(sqlite3.connect(home / "records.db")) as database, database:
        database.execute("DELETE FROM fields WHERE name = ?", (name_of(10),))
        database.execute("UPDATE fields SET name = ? WHERE name = ?", (name_of(12), name_of(11)))
        database.execute(
            "UPDATE specimens SET status = 'running' WHERE specimen_id = "
            "(SELECT min(specimen_id) FROM specimens)"
        )
        (file,) = database.execute(
            "SELECT image_file FROM fields WHERE name = ?", (name_of(13),)
        ).fetchone()
    (home / file).write_bytes(b"half")
    problems = " ".join(check_records(home, captured).problems)
    assert "2 fields lost: 10, 11" in problems
    assert "1 fields stored twice: 12" in problems
    assert "1 pictures are missing or damaged" in problems
    assert "1 specimens are running" in problems
    assert "of a capture that gave none" in " ".join(check_records(home, 5).problems)


def test_memory_that_grows_is_a_leak_and_memory_that_varies_is_none() -> None:
    grows = judge_memory(samples(memory_kib=lambda number: 100_000 + 200 * number))
    assert grows is not None
    assert grows.leaks
    assert grows.slope_kib == pytest.approx(200 / 30 * 1000)
    varies = judge_memory(samples(memory_kib=lambda number: 100_000 + 3000 * (number % 2)))
    assert varies is not None
    assert not varies.leaks
    assert judge_memory(samples(4)) is None


def test_step_of_every_life_at_its_start_is_no_leak() -> None:
    stepped = judge_memory(samples(60, memory_kib=lambda number: 100_000 + 3000 * (number > 15)))
    assert stepped is not None
    assert not stepped.leaks
    assert judge_memory(samples(17, memory_kib=lambda number: 100_000 + 200 * number)) is None


def test_memory_is_judged_from_when_the_processor_took_over() -> None:
    """The networks are opened anew then."""
    one, other = ({"computed_by": name} for name in ("litert/delegate", "litert/cpu"))
    before = samples(20, memory_kib=90_000, **one)
    after = samples(40, memory_kib=130_000, **other)[20:]
    found = judge_memory([*before, *after])
    assert found is not None
    assert not found.leaks
    assert found.first_kib == 130_000


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"threads": lambda number: 9 + number}, "threads grew from 28 to 48"),
        ({"files": lambda number: 20 + number // 30}, "files grew from 20 to 21"),
        ({"page": 500}, "the page failed 40 times"),
        ({"camera": "stuck"}, "the camera is stuck"),
        ({"status": "failed"}, "a specimen did not end well"),
    ],
)
def test_samples_tell_what_adds_up(changes: dict[str, Any], problem: str) -> None:
    assert "; ".join(check_samples(samples(**changes))) == problem
