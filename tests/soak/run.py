"""A day's work in minutes: lives of an appliance, one after the other, on one data directory.

    python -m tests.soak.run --captures 20000 --json RECORD

Camera unplugged and stalled, frames damaged and dark; a delegate that is lost, one that hangs, and
one that brings the program down. Exit code 1 where it leaks, loses a field, or stays in a state.
"""

from __future__ import annotations

import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from edge.accelerators.memory import MEMORY_FILE
from tests.soak.appliance import Life
from tests.soak.checks import Memory, check_records, check_samples, judge_memory
from tests.soak.plan import number_of

DELEGATE = Path(__file__).parents[1] / "edge" / "accelerators" / "delegate.c"
# What befalls the delegate in each life, and the life's share of all captures.
LIVES = (("lost", 0.3), ("stuck", 0.1), ("die", 0.1), ("none", 0.5))
SIGABRT = -6
HOUR_S = 3600
# A life's delegate fails once it has computed for this share of its captures.
_FAILS_AFTER = 0.2
_CALLS_A_CAPTURE = 15
# Points of memory over time in the record of a life.
_SHOWN = 40


@dataclass(frozen=True)
class Lived:
    """What came of one process.

    Attributes:
        ended: its exit code.
        faults: of the camera.
        memory_kib: by captures, now and then.
    """

    fault: str
    captured: int
    seconds: float
    ended: int
    faults: int
    computed_by: tuple[str, ...]
    memory: Memory | None
    memory_kib: dict[int, int]
    problems: tuple[str, ...]


def build_delegate(folder: Path) -> Path:
    """The delegate of the accelerators' tests, compiled."""
    library = folder / "libdelegate.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, DELEGATE], check=True, timeout=60
    )
    return library


def soak(home: Path, captures: int, say: Callable[[str], None]) -> list[Lived]:
    """All lives; one that is brought down is begun again where it was."""
    library, lived, first = build_delegate(home.parent), list[Lived](), 0
    for fault, share in LIVES:
        life_ends = first + round(share * captures)
        options = {"fault": fault, "calls": str(home.parent / f"calls-{fault}")}
        options["after"] = str(round(_FAILS_AFTER * _CALLS_A_CAPTURE * share * captures))
        while first < life_ends:
            life = Life(str(home), first, life_ends - first, str(library), options)
            samples, ended = live(life)
            lived.append(judge_life(fault, samples, ended))
            first = first + lived[-1].captured if ended == 0 else next_number(home)
            say(f"{first:,} captures: {fault}, ended with {ended}, {lived[-1].memory}")
            if ended not in (0, SIGABRT):
                return lived
        an_hour_passes(home)
    return lived


def live(life: Life) -> tuple[list[dict[str, Any]], int]:
    """Runs one life to its end: its samples and its exit code."""
    with (Path(life.home).parent / "soak.log").open("ab") as log:
        done = subprocess.run(
            [sys.executable, "-m", "tests.soak.appliance", json.dumps(asdict(life))],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def judge_life(fault: str, samples: list[dict[str, Any]], ended: int) -> Lived:
    """What the samples of one life say."""
    problems = check_samples(samples)
    memory = judge_memory(samples) if samples else None
    if ended not in (0, SIGABRT) or (ended == SIGABRT and fault != "die"):
        problems.append(f"the program ended with {ended}; see soak.log")
    if memory and memory.leaks:
        problems.append(f"memory grew by {memory.growth_kib:,.0f} KiB")
    last = samples[-1] if samples else {"captured": 0, "seconds": 0.0, "faults": 0}
    return Lived(
        fault,
        last["captured"],
        last["seconds"],
        ended,
        last["faults"],
        tuple(dict.fromkeys(sample["computed_by"] for sample in samples)),
        memory,
        {s["captured"]: s["memory_kib"] for s in samples[:: 1 + len(samples) // _SHOWN]},
        tuple(problems),
    )


def next_number(home: Path) -> int:
    """Of the capture after the last that is stored."""
    with closing(sqlite3.connect(home / "records.db")) as database:
        (name,) = database.execute("SELECT max(name) FROM fields").fetchone()
    return number_of(name) + 1 if name else 0


def an_hour_passes(home: Path) -> None:
    """For the memory of accelerators, which leaves alone what failed in the last one."""
    path = home / MEMORY_FILE
    content = json.loads(path.read_text())
    for failures in content.get("failures", {}).values():
        for failure in failures:
            failure["at"] -= HOUR_S
    path.write_text(json.dumps(content))


def machine() -> str:
    """Where it ran."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


@click.command()
@click.option("--captures", default=20_000, show_default=True, type=click.IntRange(100))
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the record here.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the records in this folder.")
def main(captures: int, path: Path | None, folder: Path | None) -> None:
    """Soaks, judges, and prints what came of it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        home = (folder or Path(temporary)) / "home"
        home.mkdir(parents=True)
        lived = soak(home, captures, click.echo)
        captured = sum(life.captured for life in lived if life.ended == 0)
        captured = max(next_number(home), captured)
        records = check_records(home, captured)
    problems = [problem for life in lived for problem in life.problems] + list(records.problems)
    record = {
        "captures": captured,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine(),
        "lives": [asdict(life) for life in lived],
        "records": asdict(records),
        "problems": problems,
    }
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(f"{captured:,} captures, {records.fields:,} fields, {records.specimens}")
    click.echo("\n".join(problems) or "no leak, no lost field, no stuck state")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
