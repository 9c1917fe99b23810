"""What the service is asked for, and what it tells while it works: frozen snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edge.cameras.status import CameraStatus
from edge.contract.manifest import Manifest
from edge.contract.types import RanOn, SlideReport
from edge.screening.uncertain import NONE_FLAGGED, Flagged
from edge.store.records import SpecimenDetails
from edge.tally import Tally


@dataclass(frozen=True)
class SpecimenRequest:
    """A specimen to screen.

    Attributes:
        label: what is written on the slide; a pseudonym, never a name.
        source: "camera" for the device's own, "simulated", or "upload".
        settings: none for "camera"; `seed`, `parasitaemia_fraction`, `fields` for "simulated"; for
            "upload" `sources`, a list of paths of field images or videos.
        details: patient, site, operator and barcode; the service adds its protocol.
        automatic: fields are taken by themselves; otherwise a person takes each.
    """

    label: str
    source: str
    settings: dict[str, Any] = field(default_factory=dict)
    details: SpecimenDetails = field(default_factory=SpecimenDetails)
    automatic: bool = True


@dataclass(frozen=True)
class FieldNote:
    """A stored field, as far as the page follows it.

    Attributes:
        reason: why it does not count; empty where it does.
        has_image: there is a picture of it.
        tally: of this field alone.
        flagged: its cells that a reviewer is asked about.
    """

    index: int
    name: str
    reason: str
    has_image: bool
    tally: Tally
    flagged: Flagged = NONE_FLAGGED

    @property
    def usable(self) -> bool:
        """It counts."""
        return not self.reason


@dataclass(frozen=True)
class IntervalPoint:
    """The parasitaemia's 95 % interval, fractions, when so many red cells had been counted."""

    rbc_count: int
    low: float
    high: float


@dataclass(frozen=True)
class Progress:
    """The specimen at work, or the last one.

    Attributes:
        running: True until its report is stored.
        report: counts, interval and verdict as far as the fields stored by now carry them.
        last_refusal: "file: reason" of the latest refused field, empty if none.
        error: why it failed, empty otherwise.
        paused: a person paused it.
        automatic: fields are taken by themselves.
        fields: all that are stored, oldest first.
        points: how the interval narrowed.
    """

    specimen_id: str
    label: str
    running: bool
    report: SlideReport
    last_refusal: str = ""
    error: str = ""
    paused: bool = False
    automatic: bool = True
    fields: tuple[FieldNote, ...] = ()
    points: tuple[IntervalPoint, ...] = ()


@dataclass(frozen=True)
class ServiceState:
    """Whether the device may screen, what it runs on, and the specimen at work.

    Attributes:
        ready: False when the bundle or its self-test failed; then `problem` says why.
        manifest: of the bundle that screens; None when not ready.
        camera: the device's camera; None where the config names none.
    """

    ready: bool
    problem: str
    ran_on: RanOn | None
    progress: Progress | None
    manifest: Manifest | None = None
    camera: CameraStatus | None = None
