"""Screens an archive on two nodes of Ray while a worker is killed, a node cut off or ended.

    python -m tests.scale.two_nodes [--slides 100] [--kinds cut ...] [--json RECORD]

The nodes are machines made of this one (`tests.scale.machines`): networks, processes and shared
memory of their own, on a cable. Each run must end by itself, and all that lies in its --out must be
that of a run in one process, byte for byte, no row twice; looked at again when a node that was cut
off, and does not know it, has had time to write. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
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
    command,
    differences,
    facts,
    read_output,
    report_of,
    slides_done,
)
from tests.scale.cluster import TUNED, Cluster, cluster
from tests.scale.processes import AT_SLIDE

FIELDS = 4
# What is done is done when a share of the slides has its results.
WHEN = 0.25
BACK_S = 15.0
# Longer than a slide takes: what a node that was cut off still writes.
AFTER_S = 10.0
MOST_S = 240.0
_LOOK_S = 0.05


@dataclass
class Run:
    """What a disturbed run came to.

    Attributes:
        done_s: seconds from its start to the disturbance, and slides done by then.
        dead_s: from the disturbance until Ray counted the node as dead; None where it did not.
        stood_s: the longest time without a new result.
    """

    kind: str
    exit_code: int = -1
    seconds: float = 0.0
    disturbed: list[str] = field(default_factory=list)
    disturbed_after_s: float = 0.0
    slides_before: int = 0
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
}


def disturb(kind: str, source: str, slides: int, folder: Path) -> tuple[Run, Path]:
    """One run on two nodes; returns what came of it and where its results lie."""
    run, out = Run(kind), folder / kind
    with cluster(settings=TUNED) as nodes:
        words = command(source, out, "--engine", "ray", "--address", nodes.address)
        started = time.monotonic()
        program = nodes.program(*words, env={"CLINICSCOPE_HOME": str(folder / "home")})
        watch = _Watch(out, program, started + MOST_S)
        if act := KINDS[kind]:
            watch.until(lambda done: done >= slides * WHEN and bool(busy(nodes)))
            run.disturbed.append(act(nodes))
            run.disturbed_after_s = round(time.monotonic() - started, 1)
            run.slides_before = slides_done(out)
        disturbed = time.monotonic()
        if kind == "cut-and-back":
            watch.until(lambda _: time.monotonic() > disturbed + BACK_S)
            nodes.worker.connect()
            run.disturbed.append(f"connected it again after {time.monotonic() - disturbed:.1f} s")
        watch.until(lambda _: False)
        run.seconds = round(time.monotonic() - started, 1)
        run.ended_after_s = round(time.monotonic() - disturbed, 1) if act else 0.0
        run.stood_s = round(watch.stood_s, 1)
        run.exit_code = _ended(program, run)
        time.sleep(AFTER_S if act else 0)
    return run, out


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
    out, started = folder / "reference", time.monotonic()
    env = os.environ | {"CLINICSCOPE_HOME": str(folder / "home")}
    subprocess.run(command(source, out), check=True, env=env, capture_output=True)
    return read_output(out), round(time.monotonic() - started, 1)


def try_all(
    slides: int, kinds: list[str], folder: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """All runs: the record, without what is of the machine."""
    source = f"simulated:slides={slides}&fields={FIELDS}&seed=12"
    wanted, seconds = reference(source, folder)
    say(f"one process: {seconds} s, {wanted.rows}")
    runs = []
    for kind in kinds:
        run, out = disturb(kind, source, slides, folder)
        judge(run, out, wanted, slides)
        runs.append(run)
        say(f"{kind}: {'identical' if not run.faults else run.faults}, {run.seconds} s")
    return {
        "source": source,
        "settings": TUNED,
        "one_process": {
            "seconds": seconds,
            "rows": wanted.rows,
            "files": len(wanted.files),
            "sha256": wanted.sha256,
        },
        "runs": [asdict(run) for run in runs],
    }


def main() -> int:
    """The command; 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slides", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # So that machines and folders are cleared away then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        record = try_all(options.slides, options.kinds, Path(folder), _print)
    record = facts("tests.scale.two_nodes", sys.argv[1:]) | record
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    _print(json.dumps(record, indent=1))
    return 1 if any(run["faults"] for run in record["runs"]) else 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
