"""systemd reads every unit without a complaint, and finds each well closed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.firmware.units import FIRMWARE, exposures, run, units_of

MOST_EXPOSURE = 2.5
MENDED = "More than nothing"


def verify(root: Path, *units: str) -> list[str]:
    """What systemd complains of in units of ours."""
    done = run("systemd-analyze", "verify", "--root", root, "--man=no", *units)
    lines = done.stdout.splitlines()
    return [line for line in lines if "clinicscope" in line or "tmp.mount" in line]


def test_systemd_finds_nothing_wrong_with_any_unit(installed: Path) -> None:
    units = [path.name.replace("@.", "@sda1.") for path in units_of(installed)]
    assert len(units) >= 13
    assert verify(installed, *units) == []


def test_every_service_is_well_closed(installed: Path) -> None:
    found = exposures(installed)
    assert {name: value for name, value in found.items() if value > MOST_EXPOSURE} == {}, found


def test_both_checks_trip(installed: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(installed, root, symlinks=True)
    before = exposures(root)["clinicscope.service"]
    drop_in = root / "etc/systemd/system/clinicscope.service.d/open.conf"
    drop_in.write_text("[Service]\nProtectSystem=no\nNoNewPriviliges=yes\nNoNewPrivileges=no\n")
    assert exposures(root)["clinicscope.service"] > max(before, MOST_EXPOSURE)
    assert any("NoNewPriviliges" in line for line in verify(root, "clinicscope.service"))


@pytest.mark.parametrize(
    "path", sorted((FIRMWARE / "systemd").glob("*.service")), ids=lambda path: path.name
)
def test_what_a_unit_is_given_is_explained(path: Path) -> None:
    assert MENDED in path.read_text(), f"{path} says nowhere why it is given what it is given"


def test_every_command_of_a_unit_is_one_of_ours(installed: Path) -> None:
    """A unit that starts a command which the program has not fails on the device alone."""
    from click.testing import CliRunner

    from edge.cli import program

    for path in units_of(installed):
        for line in path.read_text().splitlines():
            if not line.startswith("Exec") or "bin/clinicscope " not in line:
                continue
            words = line.split("bin/clinicscope ", 1)[1].split()
            names = [word for word in words if not word.startswith("-")][:2]
            names = names if names[0] in ("device", "application", "updates") else names[:1]
            told = CliRunner().invoke(program, [*names, "--help"])
            assert told.exit_code == 0, f"{path.name}: {line}\n{told.output}"
            for option in (word for word in words if word.startswith("--")):
                assert option in told.output, f"{path.name}: {line}"


def test_watchdog_and_restart_are_as_the_program_counts_on(installed: Path) -> None:
    text = (installed / "etc/systemd/system/clinicscope.service").read_text()
    for line in ("Type=notify", "WatchdogSec=30", "Restart=always", "StartLimitIntervalSec=0"):
        assert f"\n{line}\n" in text
