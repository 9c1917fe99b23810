"""What text the register takes: ids, names and notes that are safe in a page, a path and a sheet.

A spreadsheet runs a cell that begins with = + - or @ as a formula (OWASP, "CSV Injection"), a
control character moves a terminal's cursor, and one that turns the direction of writing shows a
name as another.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime

from edge.contract.errors import DataError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_FORMULA_STARTS = "=+-@"
_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
MAX_NAME, MAX_NOTE = 100, 2000
FIRST_YEAR = 2000


def check_id(value: str, what: str) -> str:
    """An id or barcode. Raises DataError."""
    if not _ID.fullmatch(value):
        raise DataError(
            f"{what} is {value[:80]!r}; use 1 to 64 letters A-Z, digits and . _ : / - "
            "that begin with a letter or digit"
        )
    return value


def check_name(value: str, what: str) -> str:
    """The name of a person or place, without spaces around. Raises DataError, where empty, too."""
    name = check_text(value, what).strip()
    if not name:
        raise DataError(f"{what} is empty; give a name")
    return name


def check_text(value: str, what: str) -> str:
    """One line that may be empty. Raises DataError."""
    _refuse_controls(value, what, allowed="")
    if value.lstrip()[:1] and value.lstrip()[0] in _FORMULA_STARTS:
        raise DataError(
            f"{what} is {value[:80]!r}; it begins as a formula of a spreadsheet does: "
            f"let it not begin with any of {' '.join(_FORMULA_STARTS)}"
        )
    if len(value) > MAX_NAME:
        raise DataError(f"{what} has {len(value)} characters; use at most {MAX_NAME}")
    return value


def check_note(value: str, what: str = "note") -> str:
    """Text of several lines; what writes sheets must keep formulas out by itself.

    Raises:
        DataError: too long, or with control characters.
    """
    _refuse_controls(value, what, allowed="\n\t")
    if len(value) > MAX_NOTE:
        raise DataError(f"{what} has {len(value)} characters; use at most {MAX_NOTE}")
    return value


def check_choice(value: str, choices: tuple[str, ...], what: str) -> str:
    """One of a few words. Raises DataError."""
    if value not in choices:
        raise DataError(f"{what} is {value[:80]!r}; use one of {', '.join(choices)}")
    return value


def check_moment(value: str, what: str) -> str:
    """A date as it is, or a time as ISO 8601 in UTC; one without an offset is taken as UTC.

    Raises:
        DataError: neither.
    """
    try:
        if len(value) == len("2026-11-21"):
            moment = date.fromisoformat(value)
            told = moment.isoformat()
        else:
            time = datetime.fromisoformat(value)
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
            told = time.astimezone(UTC).isoformat(timespec="seconds")
            moment = time
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{what} is {value[:80]!r}; write 2026-11-21 or 2026-11-21T09:30+03:00"
        ) from error
    if moment.year < FIRST_YEAR:
        raise DataError(f"{what} is {value[:80]!r}; no year before {FIRST_YEAR} is taken")
    return told


def _refuse_controls(value: str, what: str, allowed: str) -> None:
    for character in value:
        kind = unicodedata.category(character)
        if (kind in ("Cc", "Cs", "Zl", "Zp") and character not in allowed) or _TURNS.match(
            character
        ):
            raise DataError(
                f"{what} is {value[:80]!r}; it has a control character ({character!r}): remove it"
            )
