"""What a run is asked for, what it has come to so far, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from edge.archive.failures import Failure
from edge.archive.tables import TablesSummary


@dataclass(frozen=True)
class Settings:
    """What a run is asked for.

    Attributes:
        retries: of a slide that may go well when it is tried again.
        prune: results of slides that have gone are removed, not only left out of the tables.
    """

    retries: int = 2
    prune: bool = False


@dataclass
class Counts:
    """What a run has come to, for whoever watches.

    Attributes:
        found: slides so far; all of them once `walked`.
        fields: of the slides that were screened in this run.
    """

    found: int = 0
    walked: bool = False
    screened: int = 0
    skipped: int = 0
    failed: int = 0
    fields: int = 0
    cells: int = 0


@dataclass(frozen=True)
class RunReport:
    """What came of a run.

    Attributes:
        counts: of this run.
        tables: of all slides that have a result.
        removed: slides that have a result and are not in the archive any more.
        later: slides that came, or got other fields, while the run went on.
        seconds: from the first slide to the tables.
    """

    counts: Counts
    tables: TablesSummary
    failures: list[Failure]
    removed: list[str]
    later: list[str]
    seconds: float
