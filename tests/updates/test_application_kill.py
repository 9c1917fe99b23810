"""A few kills of an update of the program; `make update-kill` does a hundred."""

from __future__ import annotations

from pathlib import Path

from tests.updates.application_kill import Life, record_of


def test_killed_update_of_the_program_leaves_a_version_that_runs(tmp_path: Path) -> None:
    # About as long as the steps take on a machine at rest; `measure` would take longer than this.
    life = Life(tmp_path, 3)
    life.took_s = {"apply": 3.0, "good": 0.3, "back": 1.0}
    life.round()
    record = record_of(life.figures)
    assert record["kills"].total() == 2
    assert (record["bricks"], record["wrong"], record["offered"]) == ([], [], 2)
