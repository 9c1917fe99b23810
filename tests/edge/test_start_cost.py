"""`bench start` starts the real appliance; what keeps it from starting is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.commands.start import start
from edge.contract.errors import HardwareError
from edge.start_cost import measure_imports, measure_start

# The aims are 2.5 s and 180 MB on a machine that does nothing else; a test's machine is loaded.
MOST_S, MOST_MB = 30.0, 180.0


def test_the_appliance_answers_and_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    done = CliRunner().invoke(start, ["--runs", "1", "--json", str(path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "first: answers after" in done.output
    found = json.loads(path.read_text())
    (one,) = found["starts"]
    assert 0 < one["answered_s"] < MOST_S
    assert 0 < one["cpu_s"] < MOST_S
    assert 0 < one["own_mb"] < one["memory_mb"] < MOST_MB
    assert found["imports_ms"]["sqlalchemy"] > 1


def test_packages_are_summed() -> None:
    found = measure_imports("json.tool")
    assert {"json", "argparse"} <= found.keys()
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_device_that_may_not_screen_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("bundle = 'nowhere'\n")
    with pytest.raises(HardwareError, match="answers 503: it may not screen"):
        measure_start(tmp_path)


def test_a_program_that_ends_is_no_start(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file where the data directory should be")
    with pytest.raises(HardwareError, match="ended with 3: "):
        measure_start(taken)
