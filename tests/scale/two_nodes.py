"""Screens an archive on two nodes of Ray while a worker is killed, a node cut off or ended.

    python -m tests.scale.two_nodes [--slides 100] [--kinds cut ...] [--json RECORD]

The nodes are machines made of this one (`tests.scale.machines`): networks, processes and shared
memory of their own, on a cable. Each run must end by itself, and all that lies in its --out must be
that of a run in one process, byte for byte, no row twice; looked at again when a node that was cut
off, and does not know it, has had time to write. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.scale.archives import (
    Output,
    clear_up_when_ended,
    command,
    differences,
    facts,
    read_output,
    report_of,
    run,
    say,
    slides_done,
    write_record,
)
from tests.scale.cluster import TUNED, Cluster, cluster
from tests.scale.processes import AT_SLIDE

FIELDS = 4
# What is done is done when a share of the slides has its results.
WHEN = 0.25
BACK_S = 15.0
# Longer than a slide takes: what a node that was cut off still writes.
AFTER_S = 10.0
MOST_S = 300.0
_LOOK_S = 0.05


@dataclass
class Run:
    """What a disturbed run came to.

    Attributes:
        seconds: from the command's start to its end.
        disturbed: what was done, in words.
        disturbed_after_s: seconds from the start to it.
        slides_before: how many were done by then.
        dead_after_s: seconds from it until Ray counted the node as dead; None: it never did.
        ended_after_s: seconds from it to the end.
        stood_s: the longest time without a new result.
        faults: in words; empty where all is as in one process.
    """

    kind: str
    exit_code: int = -1
    seconds: float = 0.0
    disturbed: list[str] = field(default_factory=list)
    disturbed_after_s: float = 0.0
    slides_before: int = 0
    dead_after_s: float | None = None
    ended_after_s: float = 0.0
    stood_s: float = 0.0
    screened: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    twice: dict[str, int] = field(default_factory=dict)
    sha256: str = ""
    faults: list[str] = field(default_factory=list)


def busy(nodes: Cluster) -> list[int]:
    """Processes of the other machine that are at a slide."""
    return nodes.worker.processes(AT_SLIDE)


def kill_process(nodes: Cluster) -> str:
    """SIGKILL to a process that is at a slide."""
    pid = busy(nodes)[0]
    os.kill(pid, signal.SIGKILL)
    return f"killed process {pid} of {nodes.worker.address}"


def kill_raylet(nodes: Cluster) -> str:
    """SIGKILL to the other node's raylet, with which the node ends."""
    (pid,) = nodes.worker.processes("raylet")
    os.kill(pid, signal.SIGKILL)
    return f"killed raylet {pid} of {nodes.worker.address}"


def cut_off(nodes: Cluster) -> str:
    """Nothing of the other node arrives any more, and it goes on."""
    nodes.worker.cut_off()
    return f"cut {nodes.worker.address} off"


KINDS: dict[str, Callable[[Cluster], str] | None] = {
    "undisturbed": None,
    "process": kill_process,
    "raylet": kill_raylet,
    "cut": cut_off,
    "cut-and-back": cut_off,
    "cut-by-default": cut_off,
}


def disturb(kind: str, source: str, slides: int, folder: Path) -> tuple[Run, Path]:
    """One run on two nodes; returns what came of it and where its results lie."""
    found, out = Run(kind), folder / kind
    with cluster(settings={} if kind == "cut-by-default" else TUNED) as nodes:
        words = command(source, out, "--engine", "ray", "--address", nodes.address)
        started = time.monotonic()
        program = nodes.program(*words, env={"CLINICSCOPE_HOME": str(folder / "home")})
        watch = _Watch(out, program, started + MOST_S)
        if act := KINDS[kind]:
            watch.until(lambda done: done >= slides * WHEN and bool(busy(nodes)))
            found.disturbed.append(act(nodes))
            found.disturbed_after_s = round(time.monotonic() - started, 1)
            found.slides_before = slides_done(out)
        disturbed, clock = time.monotonic(), time.time()
        if kind == "cut-and-back":
            watch.until(lambda _: time.monotonic() > disturbed + BACK_S)
            nodes.worker.connect()
            found.disturbed.append(f"connected it again after {time.monotonic() - disturbed:.1f} s")
        watch.until(lambda _: False)
        found.seconds = round(time.monotonic() - started, 1)
        found.ended_after_s = round(time.monotonic() - disturbed, 1) if act else 0.0
        if dead := nodes.dead_at():
            found.dead_after_s = round(dead - clock, 1)
        found.stood_s = round(watch.stood_s, 1)
        found.exit_code = _ended(program, found)
        time.sleep(AFTER_S if act else 0)
    return found, out


class _Watch:
    """Looks at the results while a program runs."""

    def __init__(self, out: Path, program: subprocess.Popen[str], end: float) -> None:
        self._out, self._program, self._end = out, program, end
        self._done, self._changed, self.stood_s = 0, 0.0, 0.0

    def until(self, reached: Callable[[int], bool]) -> None:
        """Waits until it is, or the program has ended, or its time is over."""
        while self._program.poll() is None and time.monotonic() < self._end:
            now, done = time.monotonic(), slides_done(self._out)
            if done != self._done:
                self._done, self._changed = done, now
            elif done:
                self.stood_s = max(self.stood_s, now - self._changed)
            if reached(done):
                return
            time.sleep(_LOOK_S)


def _ended(program: subprocess.Popen[str], run: Run) -> int:
    if program.poll() is None:
        run.faults.append(f"it did not end in {MOST_S:.0f} s")
        program.kill()
    _, said = program.communicate()
    if program.returncode:
        run.faults.append(said[-2000:])
    return program.returncode


def judge(run: Run, out: Path, wanted: Output, slides: int) -> None:
    """Compares its results with those of one process."""
    if run.exit_code:
        return
    if KINDS[run.kind] and run.slides_before >= slides:
        run.faults.append("it had ended before it was disturbed: ask for more --slides")
    found = read_output(out)
    run.screened = report_of(out)["screened"]
    run.rows, run.twice, run.sha256 = found.rows, found.twice, found.sha256
    run.faults += differences(wanted, found)


def reference(source: str, folder: Path) -> tuple[Output, float]:
    """What one process makes of the archive, and in what time."""
    out = folder / "reference"
    seconds = run(source, out, folder / "home")
    return read_output(out), round(seconds, 1)


def try_all(slides: int, kinds: list[str], folder: Path) -> dict[str, Any]:
    """All runs: the record, without what is of the machine."""
    source = f"simulated:slides={slides}&fields={FIELDS}&seed=12"
    wanted, seconds = reference(source, folder)
    say(f"one process: {seconds} s, {wanted.rows}")
    runs = []
    for kind in kinds:
        one, out = disturb(kind, source, slides, folder)
        judge(one, out, wanted, slides)
        runs.append(one)
        say(f"{kind}: {'identical' if not one.faults else one.faults}, {one.seconds} s")
    return {
        "source": source,
        "settings": TUNED,
        "one_process": {
            "seconds": seconds,
            "rows": wanted.rows,
            "files": len(wanted.files),
            "sha256": wanted.sha256,
        },
        "runs": [asdict(one) for one in runs],
    }


def main() -> int:
    """The command; 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slides", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clear_up_when_ended()
    with tempfile.TemporaryDirectory() as folder:
        record = try_all(options.slides, options.kinds, Path(folder))
    record = facts("tests.scale.two_nodes", sys.argv[1:]) | record
    write_record(options.json, record)
    return 1 if any(one["faults"] for one in record["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
