"""The program runs under the filter of system calls that its unit gives it; nothing else does."""

from __future__ import annotations

import sys

import pytest

from tests.firmware.units import FIRMWARE, run

UNIT = FIRMWARE / "systemd/clinicscope.service"
SYSTEM_PYTHON = "/usr/bin/python3"
UNDER = (SYSTEM_PYTHON, "tests/firmware/under_filter.py", UNIT)
_TRY = """
import mmap, os, resource
def refused(what):
    try:
        what()
    except OSError:
        return True
    return False
print(
    refused(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)),
    refused(lambda: os.setuid(1)),
    refused(lambda: os.chroot("/")),
    refused(lambda: os.nice(1)),
    refused(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0))),
)
"""


def test_networks_compute_under_the_filter(home: object) -> None:
    script = "from edge.cli import script; script()"
    done = run(*UNDER, sys.executable, "-c", script, "selftest")
    assert done.returncode == 0 and "ok, finder network" in done.stdout, done.stdout


def test_filter_refuses_what_the_program_never_asks_for() -> None:
    done = run(*UNDER, SYSTEM_PYTHON, "-c", _TRY)
    assert done.stdout.split() == ["True", "True", "True", "False", "False"], done.stdout


@pytest.mark.parametrize("unit", ["clinicscope-backup", "clinicscope-first-boot"])
def test_other_units_let_the_program_start(unit: str) -> None:
    words = (*UNDER[:2], FIRMWARE / f"systemd/{unit}.service", sys.executable)
    done = run(*words, "-c", "from edge.cli import script; script()", "--version")
    assert done.returncode == 0 and "version" in done.stdout, done.stdout
