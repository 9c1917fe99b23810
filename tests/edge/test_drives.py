"""Drives that are plugged in, found by a real mount."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest

from edge.contract.errors import NotFoundError
from edge.drives import choose_drive, find_drives


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own below a folder of mounts, with a space in its name."""
    path = tmp_path / "media" / "my stick"
    path.mkdir(parents=True)
    done = run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    yield path
    run(["umount", path], check=True)


def test_mounted_drive_is_found_and_chosen(tmp_path: Path, stick: Path) -> None:
    (drive,) = find_drives(tmp_path, roots=[tmp_path / "media"])
    assert (drive.path, drive.name, drive.writable, drive.same_disk) == (
        stick, "my stick", True, False,
    )  # fmt: skip
    assert 0 < drive.free_bytes <= 1024**2
    assert choose_drive([drive], str(stick)) == stick


def test_folder_of_the_config_is_offered_while_it_is_there(tmp_path: Path) -> None:
    named = tmp_path / "backups"
    assert find_drives(tmp_path, [str(named)], roots=[tmp_path / "media"]) == []
    named.mkdir()
    (found,) = find_drives(tmp_path, [str(named)], roots=[tmp_path / "media"])
    assert found.same_disk and found.path == named


def test_system_without_a_list_of_mounts_has_no_drives(tmp_path: Path) -> None:
    assert find_drives(tmp_path, mounts=tmp_path / "none") == []
    (tmp_path / "odd").write_text("1 2\n\n36 35 98:0 / /media/a\\040b\\134c rw - ext3 /dev/x rw\n")
    assert find_drives(tmp_path, mounts=tmp_path / "odd") == []


@pytest.mark.parametrize("chosen", ["/etc", "", "../..", "/media"])
def test_no_other_folder_can_be_chosen(tmp_path: Path, chosen: str) -> None:
    named = tmp_path / "backups"
    named.mkdir()
    drives = find_drives(tmp_path, [str(named)], roots=[])
    with pytest.raises(NotFoundError, match="put the stick in"):
        choose_drive(drives, chosen)
