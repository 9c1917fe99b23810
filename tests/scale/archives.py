"""An archive that is screened by the command, and what is in its results."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.engine.environment import environment

CLINICSCOPE = Path(sys.executable).with_name("clinicscope")
# What tells a row from the others of its table.
IDS = {
    "slides": ("slide_id",),
    "fields": ("slide_id", "field"),
    "cells": ("slide_id", "field", "cell"),
}


def command(source: str, out: Path, *more: str) -> list[str]:
    """The words that screen an archive; its report is written beside `out`."""
    report = out.with_suffix(".json")
    return [
        str(CLINICSCOPE), "archive", "screen", source,
        "--out", str(out), "--json", str(report), *more,
    ]  # fmt: skip


def report_of(out: Path) -> dict[str, Any]:
    """What the command reported."""
    found: dict[str, Any] = json.loads(out.with_suffix(".json").read_text())
    return found


def run(source: str, out: Path, home: Path, *more: str) -> float:
    """Screens an archive; returns the seconds that the command took."""
    started = time.monotonic()
    done = subprocess.run(
        command(source, out, *more),
        env=os.environ | {"CLINICSCOPE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.monotonic() - started


def write_record(path: Path | None, record: dict[str, Any]) -> None:
    """Writes it where it is asked for, and says it."""
    text = json.dumps(record, indent=1) + "\n"
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    say(text.rstrip())


def clear_up_when_ended() -> None:
    """What ends this process (SIGTERM) lets it clear away folders, machines and Rays before."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def say(line: str) -> None:
    """How far it is."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def slides_done(out: Path) -> int:
    """How many slides have their results by now."""
    return sum(1 for _ in out.glob("parts/*/[!.]*.parquet"))


@dataclass(frozen=True)
class Output:
    """What lies in an --out.

    Attributes:
        files: sha256 of each file of the tables and of the slides, by its path.
        rows, twice: of each table; `twice` are those whose ids stand in another row, too.
    """

    files: dict[str, str]
    rows: dict[str, int]
    twice: dict[str, int]

    @property
    def sha256(self) -> str:
        """Of all files together."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()


def read_output(out: Path) -> Output:
    """Reads it; each byte once, and each id."""
    import pyarrow.dataset as ds

    files = {}
    # The tables' folder is a link, into which rglob does not go.
    for top in ("tables/slides", "tables/fields", "tables/cells", "parts"):
        for path in (path for path in (out / top).rglob("*") if path.is_file()):
            name = str(path.relative_to(out))
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    rows, twice = {}, {}
    for table, ids in IDS.items():
        found = ds.dataset(out / "tables" / table).to_table(columns=list(ids))
        rows[table] = len(found)
        twice[table] = len(found) - len(found.group_by(list(ids)).aggregate([]))
    return Output(files, rows, twice)


def differences(wanted: Output, found: Output) -> list[str]:
    """In words what is not as wanted; empty where all is the same, byte for byte."""
    faults = [
        f"{name}: {'differs' if name in found.files else 'is missing'}"
        for name in sorted(wanted.files)
        if found.files.get(name) != wanted.files[name]
    ]
    faults += [f"{name}: nobody asked for it" for name in found.files if name not in wanted.files]
    faults += [
        f"{count} rows of {table} stand twice" for table, count in found.twice.items() if count
    ]
    if found.rows != wanted.rows:
        faults.append(f"rows are {found.rows}, wanted {wanted.rows}")
    return faults


def facts(module: str, words: Sequence[str]) -> dict[str, Any]:
    """What stands at the head of each record: the command, the machine, the versions."""
    with Path("/proc/cpuinfo").open() as lines:
        kind = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "command": " ".join(["python -m", module, *words]),
        "machine": {
            "processor": kind,
            "cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": memory,
        },
        "versions": dict(environment()),
    }
