"""One slide, on whichever machine: read as `screen` reads it, its result written as one file."""

from __future__ import annotations

import logging
import platform
import time
from dataclasses import dataclass
from functools import lru_cache

from edge.archive.failures import Failure
from edge.archive.model import open_model
from edge.archive.opening import open_source
from edge.archive.parts import DamagedPartError, PartBuilder, part_path, read_facts
from edge.archive.places import Place, open_place, why
from edge.archive.sources import Slide, Source
from edge.cameras.base import Camera
from edge.contract.errors import ClinicScopeError, ConfigError, StoreError
from edge.contract.types import SlideReport
from edge.protocol import Protocol, summarise
from edge.screening.calls import field_point
from edge.screening.reading import read_fields
from edge.screening.screener import Screener
from edge.tally import Tally

TOKEN_FILE = "run.token"
# A network file system may show a new file late.
_TOKEN_TRIES, _TOKEN_WAIT_S = 5, 1.0
# A slide to which fields are added while it is read is read again, so often.
READINGS = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What all slides of a run have in common; small enough to be sent with each.

    Attributes:
        source: the archive.
        out: where results go.
        token: what the driver wrote there.
        model: see `load_model`.
        program_version: of the driver, for the record.
    """

    source: str
    out: str
    token: str
    model: bytes
    protocol: Protocol
    program_version: str


@dataclass(frozen=True)
class Outcome:
    """What came of a slide.

    Attributes:
        slide: in the state in which it was read.
        fields: read and refused ones; 0 where it failed.
        failure: None where its result is written.
        may_pass: it may go well when it is tried again.
        fatal: what is wrong with the machine or with --out, so with every slide.
    """

    slide: Slide
    fields: int = 0
    cells: int = 0
    failure: Failure | None = None
    may_pass: bool = False
    fatal: ClinicScopeError | None = None


def screen_slide(job: Job, slide_id: str) -> Outcome:
    """Screens a slide and writes its result; a slide that cannot be read fails alone."""
    unread = Slide(slide_id, "")
    try:
        source, place, screener = _prepare(job.source, job.out, job.token, job.model)
    except ClinicScopeError as error:
        return Outcome(unread, fatal=error)
    try:
        return _screen(job, source, place, screener, slide_id)
    except StoreError as error:
        return Outcome(unread, fatal=error)
    except OSError as error:
        if source.missing():
            return Outcome(unread, fatal=_unseen(source))
        return Outcome(unread, failure=_failed(slide_id, error), may_pass=True)
    except Exception as error:
        # One slide of a kind that nobody thought of must not end an archive of thousands.
        if not isinstance(error, ClinicScopeError):
            log.exception("slide %s", slide_id)
        return Outcome(unread, failure=_failed(slide_id, error))


def _failed(slide_id: str, error: Exception) -> Failure:
    if isinstance(error, OSError):
        todo = "check its permissions and the connection, then run again"
        return Failure(slide_id, "cannot be read", why(error), todo)
    if isinstance(error, ClinicScopeError):
        return Failure(slide_id, "cannot be screened", str(error), "run again")
    value = f"{type(error).__name__}: {error}"
    return Failure(slide_id, "unexpected error", value, "report it, with the slide's fields")


def _unseen(source: Source) -> ConfigError:
    return ConfigError(
        f"node {platform.node()} does not see SOURCE {source.text}; give a folder that all nodes "
        "share, or a URL, or connect it again; then give the same command"
    )


@lru_cache(maxsize=1)
def _prepare(source: str, out: str, token: str, model: bytes) -> tuple[Source, Place, Screener]:
    """Once a process and run."""
    place = open_place(out)
    _see_token(place, token)
    return open_source(source), place, open_model(model)


def _see_token(place: Place, token: str) -> None:
    """Raises ConfigError where this machine's --out is not the driver's."""
    for turn in range(_TOKEN_TRIES):
        try:
            if place.read(TOKEN_FILE).decode() == token:
                return
            found = "another run's token is there"
        except OSError as error:
            found = why(error)
        if turn + 1 < _TOKEN_TRIES:
            time.sleep(_TOKEN_WAIT_S)
    raise ConfigError(
        f"node {platform.node()} does not see what the driver wrote to {place.url} ({found}); "
        "give --out a folder that all nodes share, or a URL"
    )


def _screen(job: Job, source: Source, place: Place, screener: Screener, slide_id: str) -> Outcome:
    for _ in range(READINGS):
        slide, camera = source.open(slide_id)
        # A task whose worker died after it had written is done again.
        if found := _written(place, slide):
            return found
        try:
            built, report = _read(camera, screener, job.protocol)
        except OSError:
            if source.look(slide_id) == slide:
                raise
            continue
        if source.look(slide_id) == slide:
            place.write(part_path(slide), built.build(slide, report, job.program_version))
            return Outcome(slide, built.fields, built.cells)
    value = f"its fields changed during each of {READINGS} readings"
    todo = "wait until it is complete, then run again"
    failure = Failure(slide_id, "keeps changing", value, todo)
    return Outcome(slide, failure=failure, may_pass=True)


def _written(place: Place, slide: Slide) -> Outcome | None:
    try:
        facts = read_facts(place.read(part_path(slide)))
    except (FileNotFoundError, DamagedPartError):
        return None
    return Outcome(slide, facts.fields, facts.cells)


def _read(
    camera: Camera, screener: Screener, protocol: Protocol
) -> tuple[PartBuilder, SlideReport]:
    built, tally = PartBuilder(), Tally()
    with camera:
        for result, frame in read_fields(camera, screener):
            built.add(result, decoded=frame is not None)
            tally = tally.add(result)
    point = field_point(screener.bundle.manifest)
    return built, summarise(tally, protocol, point, screener.ran_on)
