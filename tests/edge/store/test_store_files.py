from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from edge.contract.errors import StorageFullError, StoreError
from edge.store.files import disk_errors, remove_temp_files, write_durably


def test_writes_into_folders_that_it_makes(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.bin"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["x.bin"]


def test_failure_leaves_no_temp_file(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError, match="x cannot be written"):
        write_durably(tmp_path / "x", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_interrupt_leaves_no_temp_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.store.files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "x", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_names_path_and_bytes(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(StorageFullError, match=r"x\.png: 12,345 bytes are needed, [\d,]+ bytes"),
        disk_errors(tmp_path / "no" / "x.png", 12_345),
    ):
        raise OSError(number, "no")


def test_other_failures_are_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Read-only") as caught, disk_errors(tmp_path, 1):
        raise OSError(errno.EROFS, "Read-only file system")
    assert not isinstance(caught.value, StorageFullError)


def test_only_temp_files_are_removed(tmp_path: Path) -> None:
    for name in (".x.png.0a.tmp", ".backup.db.tmp-journal", "x.tmp", ".hidden", "x.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".folder.tmp").mkdir()
    assert remove_temp_files(tmp_path) == 2
    assert not (tmp_path / ".x.png.0a.tmp").exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_umask_decides_who_may_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "x", b"data")
    (tmp_path / "y").write_bytes(b"data")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "xy"}
    assert len(modes) == 1


def test_link_is_written_through_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_durably(tmp_path / "link", b"seen")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"seen"
