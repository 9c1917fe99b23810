"""What went wrong with a slide, and the list of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

FAILURES_FILE = "failures.csv"


@dataclass(frozen=True)
class Failure:
    """A slide that has no result, or one of which a person should know.

    Attributes:
        slide: its id.
        what: kind of failure; docs/archive.md lists them.
        value: what was met.
        what_to_do: in words.
        tries: how often it was tried in this run; 0 where a result tells it.
    """

    slide: str
    what: str
    value: str
    what_to_do: str
    tries: int = 1


def failures_csv(failures: Iterable[Failure]) -> bytes:
    """The list as a CSV file, by slide."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column.name for column in fields(Failure))
    for failure in sorted(failures, key=lambda one: (one.slide, one.what)):
        # What an error says of a picture may go over several lines.
        writer.writerow(" ".join(str(value).split()) for value in astuple(failure))
    return text.getvalue().encode()
