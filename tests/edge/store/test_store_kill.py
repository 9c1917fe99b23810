"""A program that saves fields is killed at random instants; run as a script, it is that program.

A kill loses what the program had not handed to the system. What a power cut loses besides, the
syncs are for; no test on one machine can show that.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_samples import make_field, make_image

from edge.store.records import INTERRUPTED
from edge.store.store import Store

WHILE_OPENING, WHILE_SAVING = 4, 8


def _save_until_killed(home: Path) -> None:
    _say("ready")
    sys.stdin.readline()
    store = Store(home)
    specimen_id = store.start_specimen("S", "camera:simulated", {})
    for index in itertools.count():
        store.save_field(specimen_id, index, make_field(index), make_image(index))
        _say(f"saved {index}")
        # Replacing a field must not lose it either.
        store.save_field(specimen_id, 0, make_field(0), make_image(0, 20_000 + index))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", __file__, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _run_and_kill(home: Path, delay_s: float, *, after_first: bool) -> list[int]:
    """Lets the program run for a while; returns the fields that it said it had saved.

    The delay counts from the opening of the store, or from the first field saved.
    """
    with _start(home) as child:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        try:
            assert child.stdout.readline() == "ready\n"
            child.stdin.write("go\n")
            child.stdin.flush()
            first = child.stdout.readline() if after_first else ""
            time.sleep(delay_s)
        finally:
            child.kill()
        # Not communicate(), which would miss what readline() has already taken from the pipe.
        lines = (first + child.stdout.read()).splitlines(keepends=True)
        assert child.stderr.read() == ""
        assert child.wait() == -signal.SIGKILL
    # The last line may be cut.
    return [int(line.split()[1]) for line in lines if line.endswith("\n")]


def _check(home: Path, saved: list[int]) -> None:
    store = Store(home)
    running = store.specimens()
    assert store.recover() == len(running)
    assert store.check_integrity(deep=True) == []
    assert running or not saved
    for specimen in running:
        record = store.specimen(specimen.specimen_id)
        assert record.status == INTERRUPTED
        assert record.report is not None and record.report["verdict"] == "inconclusive"
        fields = store.fields(record.specimen_id)
        assert [field.index for field in fields] == list(range(len(fields)))
        assert len(fields) >= len(saved)
        for field in fields:
            image = store.image_bytes(field)
            assert image[:20_000] == make_image(field.index)
            assert len(field.cells) == 22
        assert len(store.suspect_cells(record.specimen_id)) == min(2 * len(fields), 500)
        named = {field.image_file for field in fields}
        found = {
            path.relative_to(home).as_posix()
            for path in (home / "fields").rglob("*")
            if path.is_file()
        }
        assert found == named
    store.close()


@pytest.mark.parametrize("number", range(WHILE_OPENING + WHILE_SAVING))
def test_kill_at_any_instant_loses_nothing_that_was_reported(tmp_path: Path, number: int) -> None:
    after_first = number >= WHILE_OPENING
    delay_s = random.SystemRandom().uniform(0.0, 0.3)
    saved = _run_and_kill(tmp_path, delay_s, after_first=after_first)
    assert saved == list(range(len(saved)))
    assert saved or not after_first
    _check(tmp_path, saved)


if __name__ == "__main__":
    _save_until_killed(Path(sys.argv[1]))
