"""The log in the data directory: small, in UTC, and without what errors quote."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import log_file
from edge.contract.errors import DataError, StoreError
from edge.log_file import LOG_FILE, LOGS_FOLDER, keep_log, log_files, newest_lines

log = logging.getLogger("edge.tried")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    levels = {name: logging.getLogger(name).level for name in log_file.OURS}
    handler = keep_log(tmp_path)
    yield tmp_path
    logging.getLogger().removeHandler(handler)
    handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_our_lines_are_kept_with_time_and_place(home: Path) -> None:
    log.info("specimen %s was started", "abc")
    (line,) = newest_lines(home, 10)
    assert line.endswith("Z INFO edge.tried: specimen abc was started") and line[:2] == "20"


def test_of_an_error_place_and_kind_are_kept_and_not_its_words(home: Path) -> None:
    try:
        try:
            raise KeyError("Jane Doe, P-4711")
        except KeyError as error:
            raise DataError("the row of Jane Doe") from error
    except DataError:
        log.exception("a page could not be made")
    text = "\n".join(newest_lines(home, 50))
    assert "Jane" not in text and "4711" not in text
    assert "edge.contract.errors.DataError" in text and "builtins.KeyError" in text
    assert "test_log_file.py" in text


def test_the_terminal_still_hears_what_the_error_said(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise ValueError("told on the terminal")
    except ValueError:
        log.exception("failed")
    assert "told on the terminal" in caplog.text
    assert "told on the terminal" not in "\n".join(newest_lines(home, 50))


def test_names_of_uploaded_files_are_left_out(home: Path) -> None:
    log.warning("cannot read %s", "/data/uploads/0123456789abcdef/Jane_Doe.png: truncated")
    assert newest_lines(home, 1)[0].endswith("uploads/0123456789abcdef/[file]: truncated")


def test_the_log_stays_small(home: Path) -> None:
    for number in range(6000):
        log.info("line %06d %s", number, "of a long story" * 60)
    files = log_files(home)
    assert len(files) == 4 and sum(path.stat().st_size for path in files) < 4_100_000
    lines = newest_lines(home, 1500)
    assert len(lines) == 1500 and "line 005999" in lines[-1] and "line 004500" in lines[0]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / LOGS_FOLDER).write_text("in the way")
    with pytest.raises(StoreError):
        keep_log(tmp_path)


def test_without_a_log_there_are_no_lines(tmp_path: Path) -> None:
    assert newest_lines(tmp_path, 10) == [] and log_files(tmp_path) == []
    (tmp_path / LOGS_FOLDER).mkdir()
    (tmp_path / LOGS_FOLDER / LOG_FILE).write_bytes(b"\xff broken\n")
    assert newest_lines(tmp_path, 10) == ["\ufffd broken"]
