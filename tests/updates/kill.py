"""Kills a device in the midst of a bundle's update, and alters updates, again and again.

    python -m tests.updates.kill [--times 100] [--flips 2000] [--seed 1] [--json RECORD]

Half of the kills (SIGKILL) find a device that installs a signed bundle, the other half one that
takes a failing bundle back. They come at random instants, and then before each single change of a
file, folder or name, from the first to the last (`--no-steps` leaves these out). After each the
device is started as always: it must screen with the whole old bundle or the whole new one, know
which, and have nothing left lying about. Then the update is given to it once more and must come
through. A flip turns one bit of a signed update; it may be taken only where it unpacks to the very
same content. Exit code 1 where anything went wrong.

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
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from edge.config import DeviceConfig
from edge.contract.bundle import MAX_BUNDLE_BYTES, open_bundle
from edge.contract.errors import ClinicScopeError, OldVersionError
from edge.contract.labels import MALARIA_CELLS
from edge.installed import list_bundles, load_screener
from edge.updates.floors import floor_of
from edge.updates.observe import settle_trials
from edge.updates.signature import BUNDLE, check_signature
from edge.updates.source import UpdateSource, read_envelope, unpack
from edge.updates.stage import ASIDE_DIR, install_bundle
from tests.support.signed_updates import Clinic, make_bundle, make_clinic, sign_bundle, zipped

CONFIG = DeviceConfig(threads=1)
SHIPPED_VERSION = 5
# A device is thrown away after so many updates.
LIVES = 20


@dataclass
class Figures:
    """What the kills and the altered updates cost.

    Attributes:
        kills: by what they found at work, at random instants.
        steps: the same, one before each change on the disk.
        found: by which bundle was in use at the next start.
        too_late: those that came when the work was done; they are no kills.
        bricks: what a start after a kill found wrong.
        taken_same: altered updates that unpack to what was signed.
        wrong_accepts: altered updates that were taken with another content.
    """

    seed: int
    kills: dict[str, int] = field(default_factory=lambda: {"install": 0, "take back": 0})
    steps: dict[str, int] = field(default_factory=lambda: {"install": 0, "take back": 0})
    found: dict[str, int] = field(default_factory=lambda: {"old": 0, "new": 0})
    too_late: int = 0
    bricks: list[str] = field(default_factory=list)
    flips: int = 0
    taken_same: int = 0
    wrong_accepts: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing went wrong."""
        return not self.bricks and not self.wrong_accepts


def kill_often(
    times: int, seed: int, folder: Path, told: Callable[[str], object] = print
) -> Figures:
    """Kills so many times; see this module."""
    _import_all()
    figures, chance = Figures(seed), random.Random(seed)
    clinic, spans = make_clinic(folder), dict[str, float]()
    version = _measure(clinic, spans, SHIPPED_VERSION)
    while sum(figures.kills.values()) < times:
        if version >= SHIPPED_VERSION + LIVES:
            shutil.rmtree(folder)
            folder.mkdir()
            clinic, version = make_clinic(folder), SHIPPED_VERSION
        kind = min(figures.kills, key=lambda one: figures.kills[one])
        version = _round(kind, clinic, version, chance, spans, figures)
        done = sum(figures.kills.values())
        told(f"{done} kills, {figures.found}, bricks: {len(figures.bricks)}")
    return figures


def _import_all() -> None:
    """A child that imports for a second would mostly be killed at that."""
    for name in ("ai_edge_litert.interpreter", "alembic.command", "cryptography.x509"):
        import_module(name)


def _measure(clinic: Clinic, spans: dict[str, float], version: int) -> int:
    """How long each work takes when nobody disturbs it."""
    path = clinic.bundle(version + 1)
    spans["install"] = _timed(lambda: _install(clinic, path))
    _spoil(clinic, version + 1)
    spans["take back"] = _timed(lambda: _start(clinic))
    return version + 1


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    _wait(_fork(work))
    return time.monotonic() - started


def kill_at_each_step(
    figures: Figures, folder: Path, told: Callable[[str], object] = print, most: int = 1000
) -> None:
    """Kills before the first change on the disk, the second and so on, until the work ends."""
    for kind in figures.steps:
        clinic, version = make_clinic(folder / kind), SHIPPED_VERSION
        for step in range(1, most + 1):
            version += 1
            if _attempt(kind, clinic, version, figures, die_at=step) == 0:
                break
            figures.steps[kind] += 1
        told(f"{kind}: {figures.steps[kind]} steps, bricks: {len(figures.bricks)}")


def _round(
    kind: str,
    clinic: Clinic,
    version: int,
    chance: random.Random,
    spans: dict[str, float],
    figures: Figures,
) -> int:
    """One kill at random; the version that is used up."""
    after_s = chance.uniform(0.0, spans[kind])
    late = _attempt(kind, clinic, version + 1, figures, after_s=after_s) == 0
    # What came too late is no kill; the machine may be faster or slower than it was.
    figures.kills[kind] += not late
    figures.too_late += late
    spans[kind] *= 0.93 if late else 1.03
    return version + 1


def _attempt(
    kind: str,
    clinic: Clinic,
    new: int,
    figures: Figures,
    after_s: float | None = None,
    die_at: int = 0,
) -> int:
    """One kill, the start after it, and the work once more; how the killed process ended."""
    before, path = _in_use(clinic), clinic.bundle(new)
    if kind == "take back":
        _wait(_fork(lambda: _install(clinic, path)))
        _spoil(clinic, new)
    work = (lambda: _install(clinic, path)) if kind == "install" else (lambda: _start(clinic))
    child = _fork(work, die_at)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    ended = _wait(child)
    fault = _judge(clinic, {before} | ({new} if kind == "install" else set()), figures, before)
    if not fault and kind == "install":
        fault = _once_more(clinic, path, new)
    if fault:
        where = f"step {die_at}" if die_at else f"{after_s:.3f} s"
        figures.bricks.append(f"{kind} of version {new}, killed at {where}: {fault}")
    return ended


def _judge(clinic: Clinic, allowed: set[int], figures: Figures, before: int) -> str:
    """What the next start finds wrong; empty where the device screens as it should."""
    ended = _wait(_fork(lambda: _start(clinic)))
    if ended:
        return f"the start ended with {ended}"
    found = json.loads((clinic.engineer / "start.json").read_text())
    version, whole, left, floor = found["version"], found["whole"], found["left"], found["floor"]
    figures.found["old" if version == before else "new"] += 1
    for fault in (
        "" if version in allowed else f"version {version} is in use, allowed: {sorted(allowed)}",
        "" if whole else "a bundle is not whole",
        f"left lying: {left}" if left else "",
        "" if version <= max(floor, SHIPPED_VERSION) else f"floor {floor} is below what is in use",
    ):
        if fault:
            return fault
    return ""


def _once_more(clinic: Clinic, path: Path, new: int) -> str:
    ended = _wait(_fork(lambda: _install(clinic, path)))
    if ended or _in_use(clinic) != new:
        return f"given once more it did not come through ({ended})"
    return ""


def _install(clinic: Clinic, path: Path) -> None:
    with closing(clinic.store()) as store:
        try:
            install_bundle(store, CONFIG, path, clinic.asked())
        except OldVersionError as error:
            if "and in use" not in str(error):
                raise


def _start(clinic: Clinic) -> None:
    """As the service starts; leaves what it found."""
    with closing(clinic.store()) as store:
        settle_trials(store, CONFIG)
        screener = load_screener(clinic.home, CONFIG)
        used = screener.bundle.manifest.version
        screener.close()
        found = list_bundles(clinic.home)
        active = [one.version for one in found if one.active and one.task == MALARIA_CELLS]
        # The one that fails lies there, altered, though not in use.
        whole = active == [used] and not any(one.problem for one in found)
    aside = clinic.home / ASIDE_DIR
    seen = {
        "version": used,
        "whole": whole,
        "left": sorted(path.name for path in aside.iterdir()) if aside.is_dir() else [],
        "floor": floor_of(clinic.home, BUNDLE, MALARIA_CELLS).version,
    }
    (clinic.engineer / "start.json").write_text(json.dumps(seen))


def _in_use(clinic: Clinic) -> int:
    (version,) = (
        one.version for one in list_bundles(clinic.home) if one.active and one.task == MALARIA_CELLS
    )
    return version


def _spoil(clinic: Clinic, version: int) -> None:
    """The card loses a bit of the bundle in use, which is on trial."""
    for one in list_bundles(clinic.home):
        if one.version == version and one.task == MALARIA_CELLS:
            (Path(one.path) / "MODEL_CARD.md").write_text("spoilt")


def _fork(work: Callable[[], object], die_at: int = 0) -> int:
    """A process that has all imported; this one opens neither records nor networks."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if die_at:
            sys.addaudithook(_Death(die_at))
        work()
        code = 0
    except BaseException as error:  # It must never go on as the parent does.
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


class _Death:
    """Ends this process before its n-th change of a file, folder or name."""

    def __init__(self, step: int) -> None:
        self._left = step

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        if not _changes_disk(event, values):
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _changes_disk(event: str, values: tuple[Any, ...]) -> bool:
    if event == "open":
        return bool(values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect")


def _wait(child: int) -> int:
    """The exit code; negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def flip_often(times: int, seed: int, folder: Path, figures: Figures) -> None:
    """Turns one bit of a signed update, somewhere, so many times."""
    chance, clinic = random.Random(seed), make_clinic(folder)
    source = sign_bundle(make_bundle(clinic.engineer, 7), clinic.key)
    honest = dict(open_bundle(source).files)
    content = zipped(source).read_bytes()
    for number in range(times):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        altered = bytearray(content)
        altered[place] ^= 1 << bit
        path = folder / "altered.zip"
        path.write_bytes(altered)
        taken = _taken(clinic, path, folder / f"out-{number}")
        figures.flips += 1
        if taken is None:
            continue
        if {name: taken.get(name) for name in honest} == honest:
            figures.taken_same += 1
        else:
            figures.wrong_accepts.append(f"bit {bit} of byte {place}")


def _taken(clinic: Clinic, path: Path, into: Path) -> dict[str, bytes] | None:
    """What a device would have of it; None where it is refused."""
    try:
        with UpdateSource(path) as source:
            envelope = read_envelope(source)
            check_signature(envelope, clinic.trust())
            unpack(source, envelope, into, MAX_BUNDLE_BYTES)
            return open_bundle(into).files  # type: ignore[return-value]
    except ClinicScopeError:
        return None
    finally:
        shutil.rmtree(into, ignore_errors=True)


def record_of(figures: Figures) -> dict[str, Any]:
    """The record that is committed."""
    times = sum(figures.kills.values())
    return {
        "command": f"python -m tests.updates.kill --times {times} --flips {figures.flips} "
        f"--seed {figures.seed}{'' if any(figures.steps.values()) else ' --no-steps'}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        **vars(figures),
    }


def main() -> int:
    """The command; 0 where nothing went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-steps", action="store_true", help="Random instants alone.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in ("kills", "flips", "steps/install", "steps/take back"):
            (Path(folder) / part).mkdir(parents=True)
        figures = kill_often(options.times, options.seed, Path(folder) / "kills", _print)
        if not options.no_steps:
            kill_at_each_step(figures, Path(folder) / "steps", _print)
        flip_often(options.flips, options.seed, Path(folder) / "flips", figures)
    text = json.dumps(record_of(figures), indent=1) + "\n"
    if options.json:
        options.json.write_text(text)
    _print(text)
    return 0 if figures.is_clean else 1


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
