"""What `make appliance-check` calls passed and what not; and its record, which is committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.appliance import check
from tests.appliance.machine import Machine, MachineError

RECORD = Path(__file__).parents[2] / "docs" / "appliance-check.json"


@pytest.fixture
def device(tmp_path: Path) -> Machine:
    """One that was never started."""
    return Machine(tmp_path, tmp_path / "data")


@pytest.mark.parametrize(
    ("said", "seconds"), [("30s", 30), ("1min 30s", 90), ("1h", 3600), ("500ms", 0.5)]
)
def test_spans_of_systemd_are_read(said: str, seconds: float) -> None:
    assert check._span_s(said) == seconds


def test_a_check_that_finds_less_than_it_should_has_failed(device: Machine) -> None:
    def late(_: Machine) -> dict[str, Any]:
        raise check.CheckError("a start took 9 s of 5", {"ready_s": 9})

    found = check.find("start", late, device)
    assert not found.passed
    assert found.figures == {"ready_s": 9}
    assert found.says == "a start took 9 s of 5"


def test_a_check_that_breaks_off_has_failed(device: Machine) -> None:
    def broken(_: Machine) -> dict[str, Any]:
        raise MachineError("waited 60 s in vain")

    found = check.find("watchdog", broken, device)
    assert not found.passed
    assert "in vain" in found.says


def test_a_root_without_systemd_starts_nothing(device: Machine) -> None:
    found = check.find("boot", check.check_boot, device)
    device.cut_power()
    assert not found.passed
    assert not found.figures
    assert "MachineError" in found.says or "FileNotFoundError" in found.says


def test_what_a_page_says_is_found_between_its_tags() -> None:
    said = check._sentence("<h1>Safe mode</h1><p>Why. The service <b>broke off</b> 4 times.</p>")
    assert said == "The service broke off 4 times"


def test_the_record_has_every_check_and_each_passed() -> None:
    record = json.loads(RECORD.read_text())
    found = {one["name"]: one for one in record["checks"]}
    assert list(found) == list(check.CHECKS)
    assert all(one["passed"] for one in found.values())
    again = found["start"]["figures"]["again"]
    assert min(one["ready_s"] for one in again) <= check.START_LIMIT_S
    watchdog = found["watchdog after SIGSTOP"]["figures"]
    assert watchdog["ended_s"] <= watchdog["limit_s"] + check.LATE_S
