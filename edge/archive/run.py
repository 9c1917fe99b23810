"""A run over an archive: what is not done yet is given to an engine, then the tables are made.

Here, on the driver, is held what a slide is called and whether it is done, never what is in it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from edge.archive.failures import FAILURES_FILE, Failure, failures_csv
from edge.archive.found import FoundSlides
from edge.archive.leftovers import Leftovers, sort_leftovers
from edge.archive.parts import list_parts, part_path
from edge.archive.places import Place, why
from edge.archive.report import Counts, RunReport, Settings
from edge.archive.sources import Slide, Source
from edge.archive.tables import DamagedPartsError, TablesSummary, make_tables
from edge.archive.task import TOKEN_FILE, Job, Outcome, screen_slide
from edge.contract.errors import SourceError, StoreError
from edge.engine import Done, Engine
from edge.protocol import Protocol

# Before the first retry; twice as long before each further one.
RETRY_WAIT_S = 0.5
UNREADABLE = Failure(
    "", "no readable field", "none of its fields is a picture", "copy the slide again", 0
)


def _unwatched(_: Counts) -> None:
    """Nobody watches."""


@dataclass
class ArchiveRun:
    """One run; `run` does it.

    Attributes:
        watch: told of the counts whenever they change.
    """

    source: Source
    place: Place
    engine: Engine
    model: bytes
    protocol: Protocol
    program_version: str
    settings: Settings = field(default_factory=Settings)
    watch: Callable[[Counts], None] = _unwatched
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.counts = Counts()
        self._failures: dict[str, Failure] = {}
        # Slides whose fields were others when they were read than when they were found.
        self._moved: dict[str, str] = {}
        self._parts: set[str] = set()

    def run(self) -> RunReport:
        """Screens what is not done, makes the tables, and says what is left.

        Raises:
            SourceError: the archive holds no slide, or cannot be listed.
            StorageFullError, StoreError: --out cannot be written; what is done stays.
            ConfigError, BundleError, HardwareError: a machine cannot take part.
        """
        started = self.clock()
        with FoundSlides() as found:
            try:
                self._screen(found)
                tables, leftovers = self._finish(found)
            finally:
                # Also where the run ends early: what is known by then.
                with suppress(StoreError):
                    self._list_failures()
            later = self._came_later(found) if self.source.grows else []
        failures = sorted(self._failures.values(), key=lambda one: one.slide)
        took = self.clock() - started
        return RunReport(self.counts, tables, failures, leftovers.removed, later, took)

    def _screen(self, found: FoundSlides) -> None:
        token = secrets.token_hex(16)
        self.place.write(TOKEN_FILE, token.encode())
        job = Job(
            self.source.text, self.place.url, token, self.model, self.protocol, self.program_version
        )
        try:
            self._parts = self._done_before()
            again = self._pass(job, self._waiting(found), 1)
            if not found.count and not self.source.failures:
                raise SourceError(
                    f"{self.source.text} holds no PNG, JPEG, WebP or BMP image in any folder; "
                    "give the folder or URL that the slides are in"
                )
            for turn in range(self.settings.retries if again else 0):
                self.pause(RETRY_WAIT_S * 2**turn)
                again = self._pass(job, iter(again), 2 + turn)
        finally:
            with suppress(OSError):
                self.place.remove(TOKEN_FILE)

    def _done_before(self) -> set[str]:
        try:
            return list_parts(self.place)
        except OSError as error:
            raise StoreError(
                f"{self.place.url} cannot be listed ({why(error)}); check its permissions, or give "
                "another --out"
            ) from error

    def _waiting(self, found: FoundSlides) -> Iterator[Slide]:
        """Slides that are to be screened, as they are found; the others are counted."""
        for slide in self.source.slides():
            found.add(slide)
            self.counts.found += 1
            if part_path(slide) in self._parts:
                self.counts.skipped += 1
                self.watch(self.counts)
            else:
                yield slide
        self.counts.walked = True
        for failure in self.source.failures:
            self._failures[failure.slide] = failure

    def _pass(self, job: Job, slides: Iterator[Slide], tries: int) -> list[Slide]:
        """Screens slides; returns those that may be tried again."""
        again: list[Slide] = []
        given: dict[int, Slide] = {}
        for done in self.engine.stream(partial(screen_slide, job), _remembered(slides, given)):
            slide = given.pop(done.index)
            outcome = _outcome(done, slide)
            if outcome.fatal:
                raise outcome.fatal
            if outcome.failure:
                self._failures[slide.slide_id] = replace(outcome.failure, tries=tries)
                again += [slide] if outcome.may_pass else []
            else:
                self._take(slide, outcome)
            self.counts.failed = len(self._failures)
            self.watch(self.counts)
        return again

    def _take(self, slide: Slide, outcome: Outcome) -> None:
        self._failures.pop(slide.slide_id, None)
        if outcome.slide != slide:
            self._moved[slide.slide_id] = outcome.slide.fingerprint
        self._parts.add(part_path(outcome.slide))
        self.counts.screened += 1
        self.counts.fields += outcome.fields
        self.counts.cells += outcome.cells

    def _now(self, slide: Slide) -> Slide:
        return Slide(slide.slide_id, self._moved.get(slide.slide_id, slide.fingerprint))

    def _wanted(self, found: FoundSlides) -> Iterator[str]:
        """Parts of the slides found, in order."""
        for slide in found:
            if (path := part_path(self._now(slide))) in self._parts:
                yield path

    def _finish(self, found: FoundSlides) -> tuple[TablesSummary, Leftovers]:
        """The tables; what no slide found needs any more is removed or said."""
        while True:
            try:
                tables = make_tables(self.place, partial(self._wanted, found))
                break
            except DamagedPartsError as error:
                self._drop(error.paths, found)
        for slide_id in tables.unreadable:
            self._failures[slide_id] = replace(UNREADABLE, slide=slide_id)
        self.counts.failed = len(self._failures)
        unlisted = [failure.slide for failure in self.source.failures]
        leftovers = sort_leftovers(
            self.place, self._parts - set(self._wanted(found)), map(self._now, found), unlisted
        )
        for path in leftovers.replaced + (leftovers.paths if self.settings.prune else []):
            with suppress(OSError):
                self.place.remove(path)
        return tables, leftovers

    def _drop(self, paths: list[str], found: FoundSlides) -> None:
        damaged = set(paths)
        self._parts -= damaged
        for slide in found:
            if part_path(self._now(slide)) in damaged:
                self._failures[slide.slide_id] = Failure(
                    slide.slide_id,
                    "damaged result",
                    part_path(self._now(slide)),
                    "run again: it was removed and is screened anew",
                )
        for path in paths:
            with suppress(OSError):
                self.place.remove(path)

    def _came_later(self, found: FoundSlides) -> list[str]:
        """Slides that are new, or have other fields, since they were read."""
        later: list[str] = []
        before = iter(found)
        known = next(before, None)
        with suppress(SourceError):
            for slide in self.source.slides():
                while known and known.slide_id < slide.slide_id:
                    known = next(before, None)
                same = known is not None and known.slide_id == slide.slide_id
                if not same or (known and self._now(known) != slide):
                    later.append(slide.slide_id)
        return later

    def _list_failures(self) -> None:
        self.place.write(FAILURES_FILE, failures_csv(self._failures.values()))


def _remembered(slides: Iterator[Slide], given: dict[int, Slide]) -> Iterator[str]:
    """Ids of the slides, which are kept by their index for as long as they are being screened."""
    for index, slide in enumerate(slides):
        given[index] = slide
        yield slide.slide_id


def _outcome(done: Done[Outcome], slide: Slide) -> Outcome:
    """What came of a slide, also where nothing came back."""
    if done.error is None:
        return done.result()
    todo = "run again; see whether the slide's fields are larger than a worker's memory allows"
    failure = Failure(slide.slide_id, "lost with its worker", str(done.error), todo)
    return Outcome(slide, failure=failure)
