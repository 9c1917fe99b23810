"""A real Ray of two workers screens an archive, and one of them is killed at a slide."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.scale.archives import command, differences, read_output, report_of, slides_done
from tests.scale.processes import AT_SLIDE, below, title

SLIDES = 10
SOURCE = f"simulated:slides={SLIDES}&fields=2&seed=12"
MOST_S = 120


def kill_one(program: subprocess.Popen[str], out: Path) -> int:
    """Kills a process that is at a slide, once some slides are done; tells how many are then."""
    end = time.monotonic() + MOST_S
    while time.monotonic() < end and program.poll() is None:
        at_slides = [pid for pid in below(program.pid) if title(pid).startswith(AT_SLIDE)]
        if at_slides and slides_done(out) >= 2:
            os.kill(at_slides[0], signal.SIGKILL)
            return slides_done(out)
        time.sleep(0.01)
    program.kill()
    pytest.fail(f"nothing was killed, {slides_done(out)} slides done: {program.communicate()}")


@pytest.mark.timeout(300)  # Ray takes seconds to start, and so does the program in each worker
def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    env = os.environ | {"CLINICSCOPE_HOME": str(tmp_path / "home")}
    alone, two = tmp_path / "alone", tmp_path / "two"
    subprocess.run(command(SOURCE, alone), env=env, check=True, capture_output=True)
    words = command(SOURCE, two, "--engine", "ray", "--workers", "2")
    with subprocess.Popen(
        words, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        before = kill_one(program, two)
        said, errors = program.communicate(timeout=MOST_S)
    assert (program.returncode, said) == (0, ""), errors
    assert before < SLIDES
    assert report_of(two)["cpus"] == 2
    assert report_of(two)["screened"] == SLIDES
    assert differences(read_output(alone), read_output(two)) == []
    assert read_output(two).rows["fields"] == 2 * SLIDES
