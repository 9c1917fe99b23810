"""Which slides an archive holds, found lazily and in the order of their ids.

A folder, at any depth, that directly holds field images is a slide. Hidden files and folders and
links to folders are left out, as `screen` leaves them out; videos are not read.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from edge.archive.camera import ArchiveCamera
from edge.archive.failures import Failure
from edge.archive.places import Entry, Place, join, open_place, why
from edge.cameras.base import Camera
from edge.contract.errors import DataError, SourceError
from edge.contract.images import IMAGE_SUFFIXES

TOP = "."
# Folders of a store are listed so many ahead: each takes an answer over the network.
AHEAD = 16


@dataclass(frozen=True)
class Slide:
    """A slide as it was found.

    Attributes:
        slide_id: path below SOURCE.
        fingerprint: of its fields' names, sizes and versions, hexadecimal.
    """

    slide_id: str
    fingerprint: str


class Source(ABC):
    """An archive of slides.

    Attributes:
        text: to open it again on another machine.
        grows: slides and fields may come while it is read.
        failures: folders that could not be listed in the last walk.
    """

    text: str
    grows = True

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    @abstractmethod
    def slides(self) -> Iterator[Slide]:
        """All slides, by id. Raises SourceError where the archive itself cannot be listed."""

    def missing(self) -> bool:
        """Whether this machine does not see the archive at all."""
        return False

    @abstractmethod
    def look(self, slide_id: str) -> Slide:
        """The slide as it is now. Raises OSError, DataError."""

    @abstractmethod
    def open(self, slide_id: str) -> tuple[Slide, Camera]:
        """The slide as it is now, and its fields, each captured once. Raises OSError, DataError."""


class FolderSource(Source):
    """Slides in folders below a place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._place: Place = open_place(text)
        self.text = self._place.url

    def slides(self) -> Iterator[Slide]:
        """See `Source.slides`; one folder of each level is held at a time."""
        self.failures = []
        try:
            top = self._place.entries()
        except OSError as error:
            raise SourceError(
                f"{self.text} cannot be listed ({why(error)}); give a folder or a URL of slides"
            ) from error
        fields = fields_of(top)
        first = [Slide(TOP, fingerprint_of(fields))] if fields else []
        with ThreadPoolExecutor(AHEAD) as listing:
            below = self._below("", self._folders("", top), listing)
            yield from heapq.merge(first, below, key=lambda slide: slide.slide_id)

    def _below(
        self, folder: str, names: Sequence[str], listing: ThreadPoolExecutor
    ) -> Iterator[Slide]:
        """Slides below a folder. "a" comes before "a-b", and that before "a/b", as text sorts."""
        turns = sorted([*names, *(f"{name}/" for name in names)])
        waiting = deque(turn for turn in turns if not turn.endswith("/"))
        coming: deque[Future[list[Entry]]] = deque()
        deeper: dict[str, list[str]] = {}
        for turn in turns:
            path = join(folder, turn.rstrip("/"))
            if turn.endswith("/"):
                if found := deeper.pop(path, None):
                    yield from self._below(path, found, listing)
                continue
            while waiting and len(coming) < (1 if self._place.local else AHEAD):
                coming.append(listing.submit(self._place.entries, join(folder, waiting.popleft())))
            entries = self._listed(path, coming.popleft())
            deeper[path] = self._folders(path, entries)
            if fields := fields_of(entries):
                yield Slide(path, fingerprint_of(fields))

    def _listed(self, path: str, coming: Future[list[Entry]]) -> list[Entry]:
        try:
            return coming.result()
        except OSError as error:
            todo = "check its permissions and the connection, then run again"
            self.failures.append(Failure(path, "folder cannot be listed", why(error), todo))
            return []

    def _folders(self, path: str, entries: Sequence[Entry]) -> list[str]:
        """Names of the folders among what a folder holds."""
        names = [one.name for one in entries if one.is_folder and not one.name.startswith(".")]
        for name in names:
            if not _is_text(name):
                shown = ascii(join(path, name))
                self.failures.append(Failure(shown, "no name", "not UTF-8 text", "rename it"))
        return [name for name in names if _is_text(name)]

    def look(self, slide_id: str) -> Slide:
        """See `Source.look`."""
        return Slide(slide_id, fingerprint_of(self._fields(slide_id)))

    def open(self, slide_id: str) -> tuple[Slide, Camera]:
        """See `Source.open`."""
        fields = self._fields(slide_id)
        camera = ArchiveCamera(self._place, _folder(slide_id), fields)
        return Slide(slide_id, fingerprint_of(fields)), camera

    def missing(self) -> bool:
        """See `Source.missing`; a URL is the same everywhere."""
        return self._place.local is not None and not self._place.local.is_dir()

    def _fields(self, slide_id: str) -> list[Entry]:
        fields = fields_of(self._place.entries(_folder(slide_id)))
        if not fields:
            raise FileNotFoundError(errno.ENOENT, "the slide holds no field any more", slide_id)
        for field in fields:
            if not _is_text(field.name):
                raise DataError(f"the name of field {field.name!a} is no UTF-8 text; rename it")
        return fields


def _folder(slide_id: str) -> str:
    return "" if slide_id == TOP else slide_id


def _is_text(name: str) -> bool:
    """False of a name of bytes that no table can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def fields_of(entries: Sequence[Entry]) -> list[Entry]:
    """The field images among what a folder holds, in the order in which they are read."""
    return [
        one
        for one in entries
        if not one.is_folder
        and not one.name.startswith(".")
        and PurePosixPath(one.name).suffix.lower() in IMAGE_SUFFIXES
    ]


def fingerprint_of(fields: Sequence[Entry]) -> str:
    """Changes when a field comes, goes or is altered."""
    facts = [[one.name, one.size_bytes, one.version] for one in fields]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
