"""What a soak must not do: leak, lose a field, or stay in a state. All judged from outside."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from edge.cameras.status import STUCK
from edge.store.records import DONE, INTERRUPTED
from tests.soak.plan import is_stored, number_of

# Share of the samples until all is loaded and caches are full.
WARM_UP = 0.25
# And all until here: each life, however long, takes a step of 1.2 to 1.5 MB at about its 460th
# capture, once, and goes on without another.
WARM_UP_CAPTURES = 600
LEAST_SAMPLES = 8
# Pages of SQLite and of the allocator come and go by this much.
NOISE_KIB = 2048.0


@dataclass(frozen=True)
class Memory:
    """How memory went over one life.

    Attributes:
        slope_kib: a thousand captures, by least squares, after the warm-up.
        noise_kib: standard deviation around that line.
        growth_kib: of the whole line.
    """

    first_kib: int
    last_kib: int
    slope_kib: float
    noise_kib: float
    growth_kib: float

    @property
    def leaks(self) -> bool:
        """It grew by more than it varies."""
        return self.growth_kib > max(3 * self.noise_kib, NOISE_KIB)


def judge_memory(samples: Sequence[dict[str, Any]]) -> Memory | None:
    """Since what computes was changed last, which changes memory, too; None for too few samples."""
    last = samples[-1]["computed_by"]
    settled = list(takewhile(lambda sample: sample["computed_by"] == last, reversed(samples)))[::-1]
    kept = settled[round(WARM_UP * len(settled)) :]
    kept = [sample for sample in kept if sample["captured"] > WARM_UP_CAPTURES]
    if len(kept) < LEAST_SAMPLES:
        return None
    at = np.array([s["captured"] for s in kept], float)
    memory = np.array([s["memory_kib"] for s in kept], float)
    slope, start = np.polyfit(at, memory, 1)
    noise = float(np.std(memory - (slope * at + start)))
    growth = float(slope * (at[-1] - at[0]))
    return Memory(int(memory[0]), int(memory[-1]), float(slope * 1000), noise, growth)


@dataclass(frozen=True)
class Records:
    """What is on the disk, and what is wrong with it.

    Attributes:
        fields: stored, of them `refused`.
        problems: in words; empty where all is as it must be.
    """

    specimens: dict[str, int]
    fields: int
    refused: int
    computed_by: dict[str, int]
    problems: tuple[str, ...]


def check_records(home: Path, captured: int) -> Records:
    """Every frame that came is on the disk once, with its picture whole.

    Args:
        captured: numbers 0 to this were captured.
    """
    with closing(sqlite3.connect(home / "records.db")) as database:
        fields = database.execute(
            "SELECT name, usable, image_file, image_sha256, ran_on FROM fields"
        ).fetchall()
        specimens = Counter(row[0] for row in database.execute("SELECT status FROM specimens"))
        whole = database.execute("PRAGMA integrity_check").fetchone()[0]
    found = Counter(number_of(row[0]) for row in fields)
    expected = {number for number in range(captured) if is_stored(number)}
    problems = [] if whole == "ok" else [f"the database is damaged: {whole}"]
    problems += _named("lost", expected - found.keys())
    problems += _named("of a capture that gave none", found.keys() - expected)
    problems += _named("stored twice", {number for number, times in found.items() if times > 1})
    problems += _pictures(home, [(row[2], row[3]) for row in fields if row[2]])
    odd = {
        status: times for status, times in specimens.items() if status not in (DONE, INTERRUPTED)
    }
    problems += [f"{times} specimens are {status}" for status, times in odd.items()]
    return Records(
        dict(specimens),
        len(fields),
        sum(not row[1] for row in fields),
        dict(Counter(_computed_by(row[4]) for row in fields)),
        tuple(problems),
    )


def _computed_by(ran_on: str | None) -> str:
    """In short; a frame that was damaged was computed by nothing."""
    if not ran_on:
        return "nothing"
    found = json.loads(ran_on)
    return f"{found['runtime']}/{found['accelerator']}" + " as fallback" * found["fallback"]


def _named(what: str, numbers: set[int]) -> list[str]:
    shown = ", ".join(str(number) for number in sorted(numbers)[:10])
    return [f"{len(numbers)} fields {what}: {shown}"] if numbers else []


def _pictures(home: Path, named: list[tuple[str, str]]) -> list[str]:
    bad = [
        file
        for file, sha256 in named
        if not (home / file).is_file()
        or hashlib.sha256((home / file).read_bytes()).hexdigest() != sha256
    ]
    return [f"{len(bad)} pictures are missing or damaged: {', '.join(bad[:5])}"] if bad else []


def check_samples(samples: Sequence[dict[str, Any]]) -> list[str]:
    """Threads and open files do not add up, the page answers, the camera comes back."""
    problems = []
    half = len(samples) // 2
    for what in ("threads", "files") if half >= LEAST_SAMPLES else ():
        before, after = (max(s[what] for s in part) for part in (samples[:half], samples[half:]))
        if after > before:
            problems.append(f"{what} grew from {before} to {after}")
    pages = sum(s["page"] != 200 for s in samples)
    if pages:
        problems.append(f"the page failed {pages} times")
    if any(s["camera"] == STUCK for s in samples):
        problems.append("the camera is stuck")
    if any(s["status"] != DONE for s in samples):
        problems.append("a specimen did not end well")
    return problems
