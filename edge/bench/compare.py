"""Two records side by side: what changed, and whether that may be said at all.

A change is claimed only where both records are comparable and the intervals have nothing in common.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bench.schema import SCHEMA
from edge.bench.spread import Interval
from edge.contract.errors import DataError

NO_CHANGE = "no change can be claimed: the intervals overlap"
# What a record is told apart by, and where it is in it.
_IDENTITIES = {
    "bundle": ("ran_on", "bundle_sha256"),
    "code": ("machine", "code_sha256"),
    "board": ("machine", "board"),
    "processor": ("machine", "processor"),
    "kernel": ("machine", "kernel"),
    "governor": ("after", "governors"),
    "packages": ("machine", "packages"),
    "runtime": ("ran_on", "runtime"),
    "accelerator": ("ran_on", "accelerator"),
    "threads": ("ran_on", "threads"),
}


@dataclass(frozen=True)
class Compared:
    """One figure of both records.

    Attributes:
        ratio: second over first.
        outcome: in words.
    """

    what: str
    unit: str
    first: Interval
    second: Interval
    ratio: float
    outcome: str


@dataclass(frozen=True)
class Identity:
    """What is not the same in both, as it stands in each."""

    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """The whole of it.

    Attributes:
        obstacles: why no change may be claimed at all; empty where both are comparable.
        missing: models that one of the records alone has.
    """

    obstacles: tuple[str, ...]
    differing: tuple[Identity, ...]
    rows: tuple[Compared, ...]
    missing: tuple[str, ...]


def read_record(path: Path) -> dict[str, Any]:
    """A record as JSON has it; its Python type changes with the program, the schema tells.

    Raises:
        DataError: no such file, or no record of this schema.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"record {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"record {path} is not JSON: {error}") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise DataError(
            f"{path} has schema {found!r}, this program reads {SCHEMA}; measure again with "
            "`clinicscope bench --json`"
        )
    return dict(content)


def compare(first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """Compares what both records have.

    Raises:
        DataError: they time other numbers of cells a call, or lack what a record has.
    """
    try:
        return _compare(first, second)
    except (KeyError, TypeError) as error:
        raise DataError(f"a record lacks {error}; measure again") from error


def _compare(first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    if first["batch"] != second["batch"]:
        raise DataError(
            f"one record has {first['batch']} cells a call, the other {second['batch']}; measure "
            "both with the same --batch"
        )
    obstacles = tuple(
        f"{which} is not comparable because {'; '.join(record['verdict']['reasons'])}"
        for which, record in (("the first", first), ("the second", second))
        if not record["verdict"]["comparable"]
    )
    figures, others = dict(_figures(first)), dict(_figures(second))
    rows = tuple(
        _row(key, interval, others[key], bool(obstacles))
        for key, interval in figures.items()
        if key in others
    )
    missing = tuple(sorted({what for what, _ in figures.keys() ^ others.keys()}))
    return Comparison(obstacles, tuple(_differing(first, second)), rows, missing)


def _figures(record: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Interval]]:
    """Every figure with its interval, by what it is and its unit."""
    for model in record["models"]:
        baseline = model["role"] == "baseline"
        what = model["name"] if baseline else model["role"]
        yield (what, "ms"), Interval(**model["median_interval"])
        if baseline:
            yield (f"{what} over the first model", "ratio"), Interval(**model["ratio_interval"])
    if record["field"]:
        yield ("a field, JPEG bytes to calls", "ms"), Interval(**record["field"]["total_interval"])


def _row(key: tuple[str, str], first: Interval, second: Interval, barred: bool) -> Compared:
    what, unit = key
    ratio = second.value / first.value
    outcome = "higher" if unit == "ratio" else "slower"
    if ratio < 1:
        outcome = "lower" if unit == "ratio" else "faster"
    claim = f"{100 * abs(ratio - 1):.1f} % {outcome}"
    if first.overlaps(second):
        claim = NO_CHANGE
    elif barred:
        claim = f"no change can be claimed: records are not comparable (it looks {claim})"
    return Compared(what, unit, first, second, round(ratio, 4), claim)


def _differing(first: dict[str, Any], second: dict[str, Any]) -> Iterator[Identity]:
    for what, (part, name) in _IDENTITIES.items():
        values = [_short(record[part][name]) for record in (first, second)]
        if values[0] != values[1]:
            yield Identity(what, *values)
    files = [{m["name"]: m["sha256"] for m in record["models"]} for record in (first, second)]
    for name in files[0].keys() & files[1].keys():
        if files[0][name] != files[1][name]:
            yield Identity(f"file of {name}", _short(files[0][name]), _short(files[1][name]))


def _short(value: Any) -> str:
    """A value as a person reads it; of a hash its first twelve."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {what}" for name, what in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(sorted({str(one) for one in value})) or "not told"
    text = str(value)
    return text[:12] if len(text) == 64 else text
