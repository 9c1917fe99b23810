"""Which finder reads the fields: by name, or any function of a frame.

A learned finder has a network for each fold, so that no field is read by one that has seen its
block; the classical one is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from edge.analysis.cells import find_cells
from edge.contract.errors import ConfigError
from edge.contract.types import CellBox, Frame

Finder = Callable[[Frame], tuple[CellBox, ...]]


@dataclass(frozen=True)
class FinderKind:
    """A finder of every fold.

    Attributes:
        for_fold: the finder that has not seen the fields of a fold.
        made_of: what tells one state of its networks from another, such as their hashes.
    """

    name: str
    for_fold: Callable[[int], Finder]
    made_of: str = ""


def classical() -> FinderKind:
    """Image processing alone, as `edge.analysis.cells` does it."""
    return FinderKind("classical", lambda _fold: find_cells)


# name -> function that gives a FinderKind.
FINDERS = {
    "classical": "compress.fields.finders:classical",
    "network": "compress.finder.fold_finders:network",
}


def open_finder(name: str) -> FinderKind:
    """A finder by name. Raises ConfigError where there is none."""
    if name not in FINDERS:
        raise ConfigError(f"no finder {name!r}; known: {', '.join(FINDERS)}")
    module, _, function = FINDERS[name].partition(":")
    kind: FinderKind = getattr(import_module(module), function)()
    return kind
