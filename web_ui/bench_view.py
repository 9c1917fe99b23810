"""A record of the benchmark as a page shows it. Pure; knows no HTTP."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bench.compare import read_record
from edge.contract.errors import DataError

FOLDER = "benchmarks"
MOST_KEPT = 20
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@dataclass(frozen=True)
class ModelRow:
    """One network or model; `share` is the length of its bar, 4 to 100."""

    name: str
    role: str
    median_ms: float
    low_ms: float
    high_ms: float
    ratio: float
    bytes: int
    share: float


@dataclass(frozen=True)
class RecordView:
    """What the templates read; parts that were not measured are None.

    Attributes:
        reasons: why it may not be laid beside another; empty where it may.
        notes: what the machine did not tell.
    """

    name: str
    made_utc: str
    bundle_id: str
    runtime: str
    accelerator: str
    threads: int
    processor: str
    board: str
    models: list[ModelRow]
    field_ms: float | None
    slides_an_hour: float | None
    peak_mb: float | None
    reasons: list[str]
    notes: list[str]

    @property
    def comparable(self) -> bool:
        """It may be laid beside another one."""
        return not self.reasons


def record_path(home: Path, name: str) -> Path | None:
    """Where a record is; None where the name is none or there is no such record."""
    path = home / FOLDER / f"{name}.json"
    return path if _NAME.fullmatch(name) and path.is_file() else None


def record_name(now_utc: str) -> str:
    """By the time of its making, ISO 8601 in UTC."""
    return now_utc[:19].replace("-", "").replace(":", "") + "Z"


def list_records(home: Path) -> list[RecordView]:
    """All that can be read, newest first."""
    found = []
    for path in sorted((home / FOLDER).glob("*.json"), reverse=True):
        if _NAME.fullmatch(path.stem):
            try:
                found.append(view_record(path.stem, read_record(path)))
            except DataError:
                continue  # Of another version of this program, or cut off.
    return found


def remove_oldest(home: Path) -> None:
    """Keeps the newest records."""
    names = sorted(path for path in (home / FOLDER).glob("*.json") if _NAME.fullmatch(path.stem))
    for path in names[:-MOST_KEPT]:
        path.unlink(missing_ok=True)


def view_record(name: str, record: dict[str, Any]) -> RecordView:
    """A record as `read_record` gives it.

    Raises:
        DataError: it lacks what a record has.
    """
    try:
        return _view(name, record)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"record {name} lacks {error}; measure again") from error


def _view(name: str, record: dict[str, Any]) -> RecordView:
    ran_on, machine, verdict = record["ran_on"], record["machine"], record["verdict"]
    field, slides, cold = record["field"], record["slides"], record["cold"]
    return RecordView(
        name,
        record["made_utc"],
        ran_on["bundle_id"],
        ran_on["runtime"],
        ran_on["accelerator"],
        ran_on["threads"],
        machine["processor"],
        machine["board"],
        _rows(record["models"]),
        field["total_ms"] if field else None,
        slides["an_hour"] if slides else None,
        cold[0]["peak_mb"] if cold else None,
        list(verdict["reasons"]),
        list(verdict["notes"]),
    )


def _rows(models: Sequence[dict[str, Any]]) -> list[ModelRow]:
    medians = [float(model["median_ms"]) for model in models]
    return [
        ModelRow(
            model["name"],
            model["role"],
            median,
            model["median_interval"]["low"],
            model["median_interval"]["high"],
            model["ratio"],
            model["bytes"],
            bar_share(median, medians),
        )
        for model, median in zip(models, medians, strict=True)
    ]


def bar_share(value: float, values: Sequence[float]) -> float:
    """Length of a bar among others on a logarithmic scale, 4 to 100."""
    low, high = min(values), max(values)
    if high <= low or low <= 0:
        return 100.0
    return round(4 + 96 * math.log(value / low) / math.log(high / low), 1)


def digits_of(value: float) -> int:
    """How many digits behind the point of milliseconds count."""
    return 4 if abs(value) < 0.1 else 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
