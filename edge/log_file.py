"""The program's log in the data directory, small and without patient data, for who has to help.

Messages name specimens by their id. What an error of Python or of a library says may quote anything
at all, so of those the file keeps where and of which kind they were, not what they said.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from edge.store.files import disk_errors, make_folder

LOGS_FOLDER, LOG_FILE = "logs", "clinicscope.log"
OURS = ("edge", "web_ui")
_MOST_BYTES, _OLDER_FILES = 1_000_000, 3
# A file that came by the page: its name is a person's choice, and may be a person's.
_UPLOADED = re.compile(r"(uploads[/\\][0-9a-f]{16}[/\\])[^\s:;,'\"]+")

_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class PlainFormatter(logging.Formatter):
    """One line a message, times in UTC; of errors the places in the code and their kinds alone."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line. Other handlers' idea of the error's text is not taken."""
        kept, record.exc_text = record.exc_text, None
        try:
            return _UPLOADED.sub(r"\1[file]", super().format(record))
        finally:
            record.exc_text = kept

    def formatException(  # noqa: N802  (the library's name)
        self, ei: _ErrorInfo | tuple[None, None, None]
    ) -> str:
        """The chain of errors, outermost first, without what they say."""
        lines: list[str] = []
        error = ei[1]
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
            lines += [
                f"  {frame.filename}:{frame.lineno} in {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


def keep_log(home: Path) -> logging.Handler:
    """From now on this process's log is kept in the data directory, too, with more in it than on
    the terminal.

    Raises:
        StoreError: the folder cannot be made.
    """
    folder = home / LOGS_FOLDER
    with disk_errors(folder, 0):
        make_folder(folder)
        handler = RotatingFileHandler(
            folder / LOG_FILE,
            maxBytes=_MOST_BYTES,
            backupCount=_OLDER_FILES,
            encoding="utf-8",
        )
    handler.setFormatter(PlainFormatter())
    root = logging.getLogger()
    for other in root.handlers:
        other.setLevel(max(other.level, root.level))
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    root.addHandler(handler)
    return handler


def log_files(home: Path) -> list[Path]:
    """The log's files, newest first; none where nothing was kept."""
    folder = home / LOGS_FOLDER
    names = (LOG_FILE, *(f"{LOG_FILE}.{number}" for number in range(1, _OLDER_FILES + 1)))
    return [folder / name for name in names if (folder / name).is_file()]


def newest_lines(home: Path, count: int) -> list[str]:
    """The last lines of the log, oldest first."""
    lines: list[str] = []
    for path in log_files(home):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() + lines
        if len(lines) >= count:
            break
    return lines[-count:]
