"""How this device stands with versions of its program, for the page, the inventory and a person."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from edge.contract.errors import ConfigError
from edge.updates.application import ROOT, Versions
from edge.updates.trial import LastUpdate, last_update, read_trial


@dataclass(frozen=True)
class Standing:
    """What is in force.

    Attributes:
        number: of its signature; 0 where it came with the device.
        before: the version to go back to; empty where there is none.
        on_trial: it goes back by itself unless the page stays well.
        last: what became of the newest update; None where there was none.
    """

    program: str
    number: int
    before: str
    on_trial: bool
    last: LastUpdate | None


def standing_of(root: Path = ROOT) -> Standing:
    """Reads what root wrote; on a machine without versions it is this program alone."""
    versions = Versions(root)
    current, before = versions.current, versions.previous
    try:
        on_trial = read_trial(versions) is not None
    except ConfigError:
        on_trial = False
    return Standing(
        current.program if current else version("clinicscope"),
        current.number if current else 0,
        before.program if before and before != current else "",
        on_trial,
        last_update(versions),
    )
