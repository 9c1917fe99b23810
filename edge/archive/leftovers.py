"""Parts that no slide found needs: older states of slides, and slides that have gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from edge.archive.ahead import fetch_ahead
from edge.archive.parts import DamagedPartError, part_path, read_facts, slide_key
from edge.archive.places import Place
from edge.archive.sources import Slide


@dataclass(frozen=True)
class Leftovers:
    """What is left over.

    Attributes:
        replaced: parts of slides that have a newer one.
        removed: ids of slides that are not in the archive any more.
        paths: their parts.
    """

    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def sort_leftovers(
    place: Place, paths: set[str], found: Iterable[Slide], unlisted: Sequence[str]
) -> Leftovers:
    """Tells why each part is not needed.

    Args:
        paths: the parts.
        found: all slides, in the state of which there should be a part.
        unlisted: folders that could not be listed: what is below them may be there.
    """
    leftovers = Leftovers()
    if not paths:
        return leftovers
    by_key: dict[str, list[str]] = {}
    for path in sorted(paths):
        by_key.setdefault(_key(path), []).append(path)
    for slide in found:
        older = by_key.pop(slide_key(slide.slide_id), [])
        # Where the newer state could not be read, its part is wanted and not there: all is kept.
        if older and _exists(place, part_path(slide)):
            leftovers.replaced.extend(older)
    for olds, slide_id in fetch_ahead(partial(_slide_of, place), by_key.values()):
        if not any(slide_id == folder or slide_id.startswith(f"{folder}/") for folder in unlisted):
            leftovers.removed.append(slide_id)
            leftovers.paths.extend(olds)
    leftovers.removed.sort()
    return leftovers


def _key(path: str) -> str:
    return path.rpartition("/")[2].partition("-")[0]


def _exists(place: Place, path: str) -> bool:
    try:
        place.read(path)
    except OSError:
        return False
    return True


def _slide_of(place: Place, paths: Sequence[str]) -> str:
    try:
        return read_facts(place.read(paths[0])).slide_id
    except (OSError, DamagedPartError):
        return paths[0]
