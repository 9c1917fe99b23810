"""systemd makes a mount of each line of an image's fstab: what is only read, and what is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.firmware.units import FIRMWARE

GENERATOR = "/lib/systemd/system-generators/systemd-fstab-generator"
TABLES = sorted(FIRMWARE.glob("devices/*/fstab"))
KEPT = ("/var/lib/clinicscope", "/etc/clinicscope", "/etc/NetworkManager/system-connections",
        "/opt/clinicscope", "/var/lib/systemd")  # fmt: skip


def units_of(table: Path, folder: Path) -> tuple[dict[str, str], str]:
    """The mount units that systemd makes of a table, by place, and what it complains of."""
    folders = [folder / name for name in ("normal", "early", "late")]
    for one in folders:
        one.mkdir()
    done = subprocess.run(
        [GENERATOR, *folders], env={"SYSTEMD_FSTAB": str(table), "SYSTEMD_LOG_TARGET": "console"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {}
    for path in folders[0].glob("*.mount"):
        text = path.read_text()
        place = next(line for line in text.splitlines() if line.startswith("Where="))
        found[place.removeprefix("Where=")] = text
    return found, done.stderr


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parent.name)
def test_system_is_only_read_and_what_is_made_is_kept(table: Path, tmp_path: Path) -> None:
    found, complaints = units_of(table, tmp_path)
    lines = [line.split() for line in table.read_text().splitlines() if not line.startswith("#")]
    assert complaints == "" and set(found) == {words[1] for words in lines}
    assert "Options=ro,noatime" in found["/"]
    for place in KEPT:
        assert "What=/data/" in found[place] and "RequiresMountsFor=/data" in found[place]
    assert "noexec" in found["/var/lib/clinicscope"]
    for place in ("/tmp", "/var/tmp", "/var/log"):
        assert "Type=tmpfs" in found[place] and "size=" in found[place]


def test_a_place_that_is_named_twice_is_found(tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    table.write_text(TABLES[0].read_text() + "tmpfs /tmp tmpfs size=1% 0 0\n")
    _, complaints = units_of(table, tmp_path)
    assert "Duplicate entry" in complaints
