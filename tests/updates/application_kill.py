"""Kills updates of the program again and again, and looks whether the device still has one.

    python -m tests.updates.application_kill [--times 100] [--seed 1] [--json RECORD]

Each round brings the next version and kills the update, with all its child processes (SIGKILL), at
a random instant; what came into force on trial is then found good or taken back, and that is
killed, too. Then the switch, finding good and taking back are killed before each single change of a
file, folder or name. After each kill comes what a start does: guard, version in force, records.
Beside, an older version and one of a stranger's key are offered. Exit code 1 where a device had no
program that runs, lost its records, or took what it must not.

The versions are small, and real: wheels, environments, pip, links. The seed fixes the delays; where
they find the process depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.errors import UpdateError
from edge.store.migrate import known_revisions
from edge.store.store import DATABASE_FILE, Store
from edge.updates.application import InstalledVersion
from edge.updates.apply import Device, apply_update, put_in_force
from edge.updates.go_back import go_back
from edge.updates.kept_records import revision_of
from edge.updates.keys import SecretKey, format_public, make_key
from edge.updates.trial import read_trial
from edge.updates.watch import find_good
from tests.support.tiny_application import make_device, make_update, put_first_version

ROOT = Path(__file__).parents[2]
GUARD = ROOT / "firmware_config" / "update" / "update-guard"
# A kill comes within so many times the seconds that the same step took unhindered.
BEYOND = 1.15
NEWER = "9999"
# What is killed before each of its changes, too; making an environment is pip's.
STEPPED = ("switch", "good", "back")


@dataclass
class Figures:
    """What the kills cost.

    Attributes:
        kills: at random instants, by what they found at work.
        steps: before each change of a file, folder or name, by the same.
        found: which version was in force after a kill, by step.
        bricks: no version in force that runs, or records that it cannot read, in words.
        wrong: updates that were taken and must not be.
        offered: how many of those were offered.
    """

    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    bricks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    offered: int = 0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Nothing went wrong."""
        return not (self.bricks or self.wrong)


class Life:
    """A device that is killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.key: SecretKey = make_key()
        self.public = folder / "key.pub"
        self.public.write_text(format_public(self.key.public))
        self.device: Device = make_device(folder / "opt", folder / "home", self.key.public)
        self.figures = Figures(seed)
        put_first_version(self.device, folder)
        with closing(Store(folder / "home")) as store:
            store.start_specimen("kept", "upload", {})
            store.recover()
        self.took_s = {"apply": 0.0, "good": 0.0, "back": 0.0}
        self.number = 0
        self.first = ""
        self.made: InstalledVersion | None = None

    def measure(self) -> None:
        """Each step once without a kill, for how long it takes."""
        for settle in ("good", "back"):
            update = self.next_update()
            self._timed("apply", update)
            self._timed(settle, update)

    def round(self) -> None:
        """A version is brought, and killed on its way."""
        update = self.next_update()
        old = self._in_force()
        self._kill("apply", update, old)
        if read_trial(self.device.versions) is None:
            apply_update(self.device, update)
        settle = self.rng.choice(("good", "back"))
        if settle == "back":
            self._migrate()
        self._kill(settle, update, old)
        if read_trial(self.device.versions) is not None:
            self._settle(settle)
        self._offer_wrong()

    def at_each_step(self, kind: str, most: int = 200) -> None:
        """Kills "switch", "good" or "back" before its first change, its second, until it ends."""
        for step in range(1, most + 1):
            if not self._step(kind, step):
                return
            self.figures.steps[kind] += 1

    def _step(self, kind: str, step: int) -> bool:
        """Whether it was killed, and had not ended before."""
        new = self._made()
        if kind != "switch":
            put_in_force(self.device, new)
        if kind == "back":
            self._migrate()
        what = f"{kind}, step {step}"
        with self._start(kind, Path(new.program), step) as child:
            killed = child.wait() == -signal.SIGKILL
        now, trial = self._next_start(what), read_trial(self.device.versions)
        allowed = {"good": {new.program}, "back": {new.program, self.first}}
        if now not in allowed.get(kind, {new.program, self.first}):
            self.figures.bricks.append(f"{what}: version {now} is in force")
        if trial is not None and kind == "good":
            find_good(self.device.versions, self.device.owner)
        if self._in_force() == new.program:
            go_back(self.device.versions, self.device.owner, "tried")
        if revision_of(self.folder / "home" / DATABASE_FILE) not in known_revisions():
            self.figures.bricks.append(f"{what}: the records did not come back")
        return killed

    def _made(self) -> InstalledVersion:
        """A version beside the one in force; made once."""
        if self.made is None:
            self.first = self._in_force()
            apply_update(self.device, self.next_update())
            go_back(self.device.versions, self.device.owner, "tried")
            self.made = self.device.versions.version_at(
                self.device.versions.path_of(f"0.2.{self.number}")
            )
        return self.made

    def next_update(self) -> Path:
        """Signed, of the next number."""
        self.number += 1
        return make_update(self.folder, self.key, f"0.2.{self.number}", self.number)

    def _timed(self, kind: str, update: Path) -> None:
        began = time.monotonic()
        self._start(kind, update).wait()
        self.took_s[kind] = time.monotonic() - began

    def _start(self, kind: str, update: Path, step: int = 0) -> subprocess.Popen[str]:
        words = [kind, self.folder / "opt", self.folder / "home", update, self.public]
        words += [step] if step else []
        return subprocess.Popen(
            [sys.executable, "-m", "tests.updates.application_victim", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            start_new_session=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def _kill(self, kind: str, update: Path, old: str) -> None:
        with self._start(kind, update) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(self.rng.uniform(0, BEYOND * self.took_s[kind]))
            # A power cut takes pip along.
            os.killpg(child.pid, signal.SIGKILL)
        self.figures.kills[kind] += 1
        now = self._next_start(f"{kind} of {update.stem}")
        self.figures.found[f"{kind}: {'old' if now == old else 'new'}"] += 1

    def _next_start(self, what: str) -> str:
        """What a start does; gives the version in force."""
        subprocess.run([str(GUARD), str(self.folder / "opt")], check=True, env=self._environment())
        try:
            now = self._in_force()
        except (OSError, subprocess.CalledProcessError) as error:
            self.figures.bricks.append(f"{what}: no program ({error})")
            return ""
        # Only a version on trial may have records that the old one cannot read.
        revision = revision_of(self.folder / "home" / DATABASE_FILE)
        if revision not in known_revisions() and read_trial(self.device.versions) is None:
            self.figures.bricks.append(f"{what}: records of {revision} with version {now}")
        self._check_records(what)
        return now

    def _check_records(self, what: str) -> None:
        with closing(sqlite3.connect(self.folder / "home" / DATABASE_FILE)) as records:
            labels = [row[0] for row in records.execute("SELECT label FROM specimens")]
            sound = records.execute("PRAGMA integrity_check").fetchone()[0]
        if labels != ["kept"] or sound != "ok":
            self.figures.bricks.append(f"{what}: records hold {labels}, {sound}")

    def _migrate(self) -> None:
        """As a newer version does at its first start."""
        with closing(sqlite3.connect(self.folder / "home" / DATABASE_FILE)) as records:
            records.execute("UPDATE alembic_version SET version_num = ?", (NEWER,))
            records.commit()

    def _settle(self, kind: str) -> None:
        if kind == "good":
            find_good(self.device.versions, self.device.owner)
        else:
            go_back(self.device.versions, self.device.owner, "tried")

    def _offer_wrong(self) -> None:
        """An older version, and one that a stranger signed."""
        last = self.number
        stranger = make_update(self.folder / "stranger", make_key(), "9.0.0", last + 1)
        old = make_update(self.folder / "old", self.key, f"0.1.{last}", 1)
        for update in (stranger, old):
            self.figures.offered += 1
            try:
                apply_update(self.device, update)
            except UpdateError:
                continue
            self.figures.wrong.append(f"{update.parent.name} {update.name}")

    def _in_force(self) -> str:
        words = [str(self.folder / "opt" / "current" / "bin" / "clinicscope"), "--version"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    def _environment(self) -> dict[str, str]:
        return {"CLINICSCOPE_HOME": str(self.folder / "home"), "PATH": os.environ["PATH"]}


def kill_often(times: int, seed: int, folder: Path, say: Callable[[str], None]) -> Figures:
    """All kills on one device; two a round."""
    began = time.monotonic()
    life = Life(folder, seed)
    life.measure()
    while sum(life.figures.kills.values()) < times and life.figures.is_clean:
        life.round()
        say(f"{sum(life.figures.kills.values())} kills, clean: {life.figures.is_clean}")
    for kind in STEPPED:
        life.at_each_step(kind)
        say(f"{kind}: {life.figures.steps[kind]} steps, clean: {life.figures.is_clean}")
    life.figures.seconds = round(time.monotonic() - began, 1)
    return life.figures


def record_of(figures: Figures) -> dict[str, Any]:
    """The record that is committed."""
    times = sum(figures.kills.values())
    return {
        "command": "python -m tests.updates.application_kill "
        f"--times {times} --seed {figures.seed}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        **vars(figures),
    }


def main() -> int:
    """The command; 0 where nothing went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_often(options.times, options.seed, Path(folder), _print)
    record = json.dumps(record_of(figures), indent=1)
    if options.json:
        options.json.write_text(record + "\n")
    _print(record)
    return 0 if figures.is_clean else 1


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
