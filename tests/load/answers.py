"""What all phones were answered, by page; and what of it must not be."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.load.phone import Answer

TOO_MANY = 429
LOGIN = "POST /login"
_FIRST_ERROR = 400
_SHOWN = 10


@dataclass(frozen=True)
class PageTimes:
    """Milliseconds of one page: the server's own, and until the phone had all of it."""

    page: str
    kind: str
    count: int
    server_p50_ms: float
    server_p95_ms: float
    server_most_ms: float
    total_p95_ms: float
    most_bytes: int


class Answers:
    """Collects from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Answer] = []

    def note(self, answer: Answer) -> None:
        """One more."""
        with self._lock:
            self._all.append(answer)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._all)

    def statuses(self) -> dict[int, int]:
        """How often each status came; 0 where a connection broke."""
        return dict(sorted(Counter(answer.status for answer in self._all).items()))

    def errors(self) -> list[str]:
        """What is none of done, moved or too many; each kind once, with how often."""
        bad = [a for a in self._all if a.status != TOO_MANY and not 0 < a.status < _FIRST_ERROR]
        counted = Counter(f"{a.status} {a.page} {a.kind if not a.status else ''}" for a in bad)
        return [f"{times} times {what.strip()}" for what, times in counted.most_common(_SHOWN)]

    def pages(self) -> list[PageTimes]:
        """By page, slowest first."""
        found: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for answer in self._all:
            if answer.server_ms is not None and answer.status < _FIRST_ERROR:
                found[answer.page, answer.kind].append(answer)
        times = [_times(page, kind, given) for (page, kind), given in found.items()]
        return sorted(times, key=lambda one: -one.server_p95_ms)

    def slow_pages(self, limit_ms: float) -> list[str]:
        """Pages that take the server longer, of twenty times once or more.

        A login is none: its hash takes its time so that nobody can guess quickly.
        """
        return [
            f"{one.page} takes {one.server_p95_ms:.0f} ms (95th percentile of {one.count})"
            for one in self.pages()
            if one.kind == "text/html" and one.server_p95_ms > limit_ms and one.page != LOGIN
        ]

    def record(self) -> dict[str, Any]:
        """For a file."""
        return {
            "answers": self.count,
            "statuses": self.statuses(),
            "pages": [vars(one) for one in self.pages()],
        }


def _times(page: str, kind: str, given: list[Answer]) -> PageTimes:
    server = np.array([answer.server_ms for answer in given], float)
    total = np.array([answer.total_ms for answer in given], float)
    return PageTimes(
        page,
        kind,
        len(given),
        *(round(float(np.percentile(server, share)), 1) for share in (50, 95, 100)),
        round(float(np.percentile(total, 95)), 1),
        max(answer.bytes for answer in given),
    )
