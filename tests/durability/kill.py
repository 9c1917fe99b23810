"""Kills a working device again and again, and looks whether anything is lost.

    python -m tests.durability.kill [--times 200] [--seed 1] [--json RECORD]

Each time a process captures, saves, reviews, signs, migrates, backs up or sends, is killed
(SIGKILL) at a random instant, and the records are opened as the next start does. All that it had
told its operator must be there, the database sound, the log whole, each result at the server once.
A device lives through several kills. Exit code 1 where one of them cost anything.

The seed fixes kinds and delays; where a delay finds the process depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.durability.survived import (
    Told,
    check_backups,
    check_home,
    check_old,
    check_server,
)

ROOT = Path(__file__).parents[2]
KINDS = ("capture", "save", "review", "sign", "migrate", "backup", "sync")
# The kill comes within so many seconds after the first thing was told, or after the start.
SPAN_S = {"capture": 6.0, "migrate": 2.5, "backup": 3.0, "sync": 8.0}
OTHER_SPAN_S = 1.5
# Of all kills, those that may come before anything was told.
EARLY = 0.2
# A device is thrown away after so many kills, and all it ever told is looked for again.
LIVES = 10
READY_S = 120


@dataclass
class Figures:
    """What the kills cost.

    Attributes:
        told: acknowledgements, by kind.
        last_told: what had been told last when the kill came, by kind: where the kills fell.
        lost, damaged, doubled: in words.
    """

    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    last_told: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, damaged or doubled."""
        return not (self.lost or self.damaged or self.doubled)

    def count(self, kind: str, told: list[Told]) -> None:
        """A kill, and what was told before it."""
        self.kills[kind] += 1
        self.told.update(one["kind"] for one in told)
        self.last_told[f"{kind}: {told[-1]['kind'] if told else 'nothing'}"] += 1

    def judge(self, found: tuple[list[str], list[str]]) -> None:
        """What a check found: lost, damaged."""
        self.lost += found[0]
        self.damaged += found[1]

    def add(self, other: Figures) -> None:
        """Those of another device."""
        for name in ("kills", "told", "last_told"):
            getattr(self, name).update(getattr(other, name))
        for name in ("lost", "damaged", "doubled"):
            getattr(self, name).extend(getattr(other, name))


def kill_once(kind: str, home: Path, drive: Path, url: str, rng: random.Random) -> list[Told]:
    """Starts the process and kills it; returns all that it told.

    Raises:
        RuntimeError: it ended by itself, which no victim does.
    """
    span = SPAN_S.get(kind, OTHER_SPAN_S)
    early, delay_s = rng.random() < EARLY, rng.uniform(0, span)
    paths = [str(ROOT), str(ROOT / "tests" / "edge" / "store"), *sys.path]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.durability.victim", kind, str(home), str(drive), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        ) as child,
    ):
        told = _live(child, early=early, delay_s=delay_s)
        if child.wait() != -signal.SIGKILL:
            errors.seek(0)
            raise RuntimeError(f"{kind} ended by itself: {errors.read()[-2000:]}")
    return told


def _live(child: subprocess.Popen[str], *, early: bool, delay_s: float) -> list[Told]:
    assert child.stdin is not None
    assert child.stdout is not None
    watchdog = threading.Timer(READY_S, child.kill)
    watchdog.start()
    try:
        lines = [child.stdout.readline()]
        child.stdin.write("go\n")
        child.stdin.flush()
        if not early:
            lines.append(child.stdout.readline())
        time.sleep(delay_s)
    except BrokenPipeError:
        lines = []
    finally:
        watchdog.cancel()
        child.kill()
    # Not communicate(), which would miss what readline() has already taken from the pipe.
    lines += child.stdout.read().splitlines(keepends=True)
    # The last line may be cut.
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return [one for one in whole if one["kind"] != "ready"]


def kill_often(
    times: int,
    seed: int,
    folder: Path,
    url: str,
    say: Callable[[str], None],
    at_once: int = 1,
    kinds: Sequence[str] = KINDS,
) -> Figures:
    """All kills.

    Args:
        times: how many.
        seed: of the delays.
        folder: on the disk to be tried.
        url: of an empty FHIR server; without one, nothing is sent.
        say: told how far it is.
        at_once: so many devices side by side.
        kinds: of work, in turn.
    """
    kinds = [kind for kind in kinds if url or kind != "sync"]
    order = [kinds[number % len(kinds)] for number in range(times)]
    figures, started = Figures(seed), time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        lives = [
            pool.submit(
                _live_and_die, order[first : first + LIVES], folder / str(first), url,
                random.Random(seed * times + first),
            )
            for first in range(0, times, LIVES)
        ]  # fmt: skip
        for number, life in enumerate(lives):
            one = life.result()
            figures.add(one)
            say(f"device {number + 1} of {len(lives)}: clean: {one.is_clean}")
            for fault in (*one.lost, *one.damaged, *one.doubled):
                say(f"  {fault}")
    figures.seconds = round(time.monotonic() - started, 1)
    return figures


def _live_and_die(kinds: Sequence[str], folder: Path, url: str, rng: random.Random) -> Figures:
    """One device: killed once a kind, then thrown away."""
    home, drive, figures = folder / "home", folder / "drive", Figures()
    home.mkdir(parents=True)
    drive.mkdir()
    told: list[Told] = []
    for kind in kinds:
        new = kill_once(kind, home, drive, url, rng)
        figures.count(kind, new)
        _check(kind, home, drive, url, new, figures)
        told += [one for one in new if one["kind"] not in ("old", "migrated")]
    if told:
        # All that the device ever told.
        figures.judge(check_home(home, told))
    shutil.rmtree(folder)
    return figures


def _check(
    kind: str, home: Path, drive: Path, url: str, told: list[Told], figures: Figures
) -> None:
    if kind == "migrate":
        figures.judge(check_old(told))
        return
    figures.judge(check_home(home, told))
    if kind == "backup":
        figures.judge(check_backups(drive, told))
    if kind == "sync":
        lost, doubled = check_server(home, url)
        figures.lost += lost
        figures.doubled += doubled


def record_of(figures: Figures) -> dict[str, Any]:
    """The record that is committed."""
    times = sum(figures.kills.values())
    return {
        "command": f"python -m tests.durability.kill --times {times} --seed {figures.seed} "
        f"--kinds {' '.join(figures.kills)}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        **vars(figures),
    }


def main() -> int:
    """The command; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--at-once", type=int, default=1, help="Devices side by side.")
    parser.add_argument("--no-server", action="store_true", help="Without a FHIR server.")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = "" if options.no_server else stack.enter_context(_server(folder))
        figures = kill_often(
            options.times, options.seed, folder, url, _print, options.at_once, options.kinds
        )
    if options.json:
        options.json.write_text(json.dumps(record_of(figures), indent=1) + "\n")
    _print(json.dumps(record_of(figures), indent=1))
    return 0 if figures.is_clean else 1


def _server(folder: Path) -> Any:
    from tests.interop.real_servers import fhir_server

    return fhir_server(folder)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
