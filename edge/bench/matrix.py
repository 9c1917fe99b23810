"""Bundles, runtimes and threads crossed: one record each, every one measured in a fresh process.

What is measured stays in a folder, one file a record, and is not measured again. On Ray each has a
whole machine to itself, so that none disturbs another's timings.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.bench.compare import read_record
from edge.contract.bundle import open_bundle
from edge.contract.errors import DataError
from edge.engine import Engine
from edge.store.files import make_folder, write_durably

# Of a record beside its own parts: the machine's name.
NODE = "node"


@dataclass(frozen=True)
class Combination:
    """What one record is of.

    Attributes:
        path: of the bundle, absolute.
        runtime: empty is the first that works.
    """

    path: str
    bundle_id: str
    bundle_sha256: str
    task: str
    runtime: str
    threads: int

    def __str__(self) -> str:
        """For a person."""
        return f"{self.bundle_id}, {self.runtime or 'first runtime'}, {threads_of(self.threads)}"


@dataclass(frozen=True)
class Effort:
    """How much is measured of each; `flags` are those of an accelerator."""

    runs: int
    fields: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A combination with its record, as JSON has it, or why there is none."""

    combination: Combination
    file: str
    record: dict[str, Any] | None
    why: str = ""


def threads_of(threads: int) -> str:
    """Their number in words."""
    return f"{threads} thread{'s' if threads != 1 else ''}"


def combine(
    bundles: Sequence[Path], runtimes: Sequence[str], threads: Sequence[int]
) -> list[Combination]:
    """Every bundle with every runtime and number of threads, each once, in the order given.

    Raises:
        BundleError: a bundle cannot be opened.
    """
    known = [(path.resolve(), open_bundle(path)) for path in dict.fromkeys(bundles)]
    crossed = product(known, dict.fromkeys(runtimes or ("",)), dict.fromkeys(threads))
    return [
        Combination(
            str(path), bundle.manifest.bundle_id, bundle.sha256, bundle.manifest.task, runtime, many
        )
        for (path, bundle), runtime, many in crossed
    ]


def measure_all(
    engine: Engine,
    combinations: Sequence[Combination],
    effort: Effort,
    folder: Path,
    told: Callable[[Measured], None] = lambda _: None,
) -> list[Measured]:
    """Measures what the folder lacks.

    Args:
        told: is given each when it is there.

    Returns:
        In the order of `combinations`.

    Raises:
        DataError: the folder cannot be used.
    """
    make_folder(folder)
    found = {one: _kept(one, effort, folder) for one in combinations}
    for kept in found.values():
        if kept.record:
            told(kept)
    missing = [one for one, kept in found.items() if not kept.record]
    for done in engine.run(partial(measure_one, effort), missing, cpus=engine.node_cpus):
        one = missing[done.index]
        if done.value is not None:
            content = json.dumps(done.value, indent=1, ensure_ascii=False) + "\n"
            write_durably(folder / found[one].file, content.encode())
        found[one] = Measured(one, found[one].file, done.value, str(done.error or ""))
        told(found[one])
    return list(found.values())


def _kept(one: Combination, effort: Effort, folder: Path) -> Measured:
    """What the folder has of it; the name of a file says all that it depends on."""
    text = json.dumps([asdict(one) | {"path": ""}, asdict(effort)], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = f"{one.bundle_id}-{one.runtime or 'first'}-{one.threads}-{key}.json"
    path = folder / name
    return Measured(one, name, read_record(path) if path.is_file() else None)


def measure_one(effort: Effort, one: Combination) -> dict[str, Any]:
    """The record of one combination on this machine, from a child, with the machine's name.

    Raises:
        BundleError, DataError: the bundle is not here, or another; or the child could not, in its
            own words.
    """
    here = open_bundle(Path(one.path)).sha256
    if here != one.bundle_sha256:
        raise DataError(
            f"{one.path} on {platform.node()} is another bundle ({here[:12]}) than where the "
            f"matrix was asked for ({one.bundle_sha256[:12]}); put the same one on every machine"
        )
    with TemporaryDirectory() as folder:
        out = Path(folder) / "record.json"
        done = subprocess.run(
            [sys.executable, "-m", "edge.bench.child", str(out), *_words(effort, one)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise DataError(last)
        return read_record(out) | {NODE: platform.node()}


def _words(effort: Effort, one: Combination) -> Iterator[str]:
    yield from ("--bundle", one.path, "--threads", str(one.threads))
    if one.runtime:
        yield from ("--runtime", one.runtime)
    yield from ("--runs", str(effort.runs), "--fields", str(effort.fields), *effort.flags)
