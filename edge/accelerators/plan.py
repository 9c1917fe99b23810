"""In which order accelerators are tried: what the site asks for, what is there, the processor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.accelerators.opening import Way
from edge.accelerators.probing import (
    BUILDING,
    CPU,
    Accelerator,
    automatic,
    keys_of,
    probe_one,
)
from edge.accelerators.settings import AcceleratorSettings
from edge.runtimes.base import RUNTIMES


@dataclass(frozen=True)
class Step:
    """One accelerator to try.

    Attributes:
        key: for logs and records.
        way: None where it is absent.
        why: why it is absent.
        asked: the site named it, so that going on without it is a fallback; and it is used
            whatever its speed.
        builds: it builds an engine first.
    """

    key: str
    way: Way | None
    why: str = ""
    asked: bool = False
    builds: bool = False


def plan(
    settings: AcceleratorSettings, runtimes: Sequence[str], threads: int, home: Path | None
) -> list[Step]:
    """All that may be tried, in order, the processor on each runtime last.

    Args:
        runtimes: that the site allows, in order; empty allows all.
        threads: of the processor; 0 are found by measurement.

    Raises:
        ConfigError: an accelerator has an unknown name.
    """
    allowed = runtimes or tuple(RUNTIMES)
    steps: list[Step] = []
    for name in settings.names:
        steps += _asked(name, settings, allowed, threads, home)
    if not settings.names:
        for key in automatic():
            found = probe_one(key, settings, home)
            if found.present and found.runtime in allowed:
                steps.append(_step(found, threads, asked=False))
    named = {step.key for step in steps}
    for runtime in allowed:
        if f"{runtime}/{CPU}" not in named:
            way = Way(runtime, threads) if runtime in RUNTIMES else None
            why = "" if way else f"unknown; this program knows {', '.join(RUNTIMES)}"
            steps.append(Step(runtime, way, why, asked=bool(runtimes)))
    return steps


def _asked(
    name: str,
    settings: AcceleratorSettings,
    allowed: Sequence[str],
    threads: int,
    home: Path | None,
) -> list[Step]:
    """What one name means: all present ones, or the first absent one with its reason."""
    keys = keys_of(name)
    if name == CPU:
        return []  # which runtime is not said, and the processor comes last anyway
    found = [probe_one(key, settings, home) for key in keys if key.partition("/")[0] in allowed]
    if not found:
        why = f"runs on {', '.join(keys)}, and only {', '.join(allowed)} may be used"
        return [Step(name, None, why, asked=True)]
    present = [_step(one, threads, asked=True) for one in found if one.present]
    return present or [Step(found[0].key, None, found[0].why, asked=True)]


def _step(found: Accelerator, threads: int, *, asked: bool) -> Step:
    way = Way(found.runtime, threads, found.device)
    return Step(found.key, way, "", asked, found.name in BUILDING)
