"""A folder that all machines of a work are to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.errors import ConfigError, DataError
from train.shared_folder import MARK_FILE, SharedFolder, share_folder


def test_folder_that_is_seen_passes_and_keeps_its_mark(tmp_path: Path) -> None:
    first = share_folder(tmp_path / "a/b")
    first.check()
    assert first.path.is_absolute() and first.mark
    assert share_folder(tmp_path / "a/b") == first
    assert [path.name for path in first.path.iterdir()] == [MARK_FILE]


def test_folder_of_another_machine_is_refused(tmp_path: Path) -> None:
    there = share_folder(tmp_path / "there")
    for here in (tmp_path / "missing", share_folder(tmp_path / "own").path):
        with pytest.raises(ConfigError, match=f"does not see {here} as the machine .* share"):
            SharedFolder(here, there.mark).check(patience_s=0)


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        share_folder(tmp_path / "file/below")
