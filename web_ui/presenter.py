"""A specimen as a page shows it: the stored record, and what the service knows beyond it. Pure.

Owns one rule: only a finished or stopped specimen may carry a negative verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge.reports.interval_picture import IntervalChart, interval_chart
from edge.store.records import (
    AMENDED,
    CHEST_XRAY,
    DONE,
    FAILED,
    FINAL,
    INTERRUPTED,
    MALARIA,
    RUNNING,
    STOPPED,
    SpecimenRecord,
)
from edge.store.reopened import MAY_GO_ON
from web_ui.narrowing import Narrowing, narrowing
from web_ui.result_words import RESULT_BADGES, SEEN_BADGE
from web_ui.stages import StageLine, stage_lines
from web_ui.words import (
    STATUS_BADGES,
    VERDICT_BADGES,
    Badge,
    VerdictText,
    interval_words,
    source_words,
    verdict_text,
)
from web_ui.xray_words import xray_badge, xray_source, xray_verdict

if TYPE_CHECKING:
    from edge.screening.state import FieldNote, Progress

# What a running specimen has in place of a verdict.
PENDING = "pending"
LATEST_FIELDS = 8
_UNFINISHED_WHY = "Screening did not finish, so the counts below are not the whole slide."


@dataclass(frozen=True)
class SpecimenView:
    """What the templates read.

    Attributes:
        status: one of the store's states, as it really is now.
        report: `SlideReport.to_json()`, empty while there is none.
        verdict: positive, negative, inconclusive or refused; "pending" while it runs, "none"
            without a result.
        capture: what the service knows of a specimen that it has in hand.
        error: why it failed, empty otherwise.
        unstored: why its result, which there is, is not stored yet; empty otherwise.
    """

    record: SpecimenRecord
    status: str
    report: dict[str, Any]
    verdict: str
    why: str
    last_refusal: str = ""
    capture: Progress | None = None
    error: str = ""
    unstored: str = ""

    @property
    def running(self) -> bool:
        """True while fields are being read."""
        return self.status == RUNNING

    @property
    def badge(self) -> Badge:
        """The state in a word."""
        return STATUS_BADGES.get(self.status, Badge(self.status, "fault", "question"))

    @property
    def text(self) -> VerdictText:
        """The verdict in words."""
        if self.is_xray:
            finding = self.report.get("finding", "")
            return xray_verdict(self.verdict, finding, reviewed=self.signed)
        count = self.report.get("rbc_count", 0)
        return verdict_text(self.verdict, count, reviewed=self.signed)

    @property
    def is_xray(self) -> bool:
        """It is of chest X-rays, not of blood."""
        return self.record.task == CHEST_XRAY

    @property
    def signed(self) -> bool:
        """A named person answers for the result."""
        return self.record.result_status in (FINAL, AMENDED)

    @property
    def result_badge(self) -> Badge | None:
        """Preliminary, final or amended, in a word; None while there is no result."""
        return None if self.running else RESULT_BADGES.get(self.record.result_status)

    @property
    def source(self) -> str:
        """Where the fields came from, in words."""
        if self.is_xray:
            return xray_source(len(self.record.source_settings.get("sources", ())))
        return source_words(self.record.source, self.record.source_settings)

    @property
    def by_camera(self) -> bool:
        """The fields come from the device's own camera."""
        return self.record.source.startswith("camera:")

    @property
    def list_badge(self) -> Badge | None:
        """The verdict in a word; None where there is none yet."""
        if self.is_xray:
            return xray_badge(self.verdict, reviewed=self.signed)
        if self.signed and self.verdict == "positive":
            return SEEN_BADGE
        return VERDICT_BADGES.get(self.verdict)

    @property
    def planned_fields(self) -> int | None:
        """How many fields there are to read, None where that is open."""
        settings = self.record.source_settings
        planned = len(settings["sources"]) if "sources" in settings else settings.get("fields")
        return planned or None

    @property
    def stages(self) -> list[StageLine]:
        """What the suspect cells look like; empty where that is not known."""
        return stage_lines(self.report)

    @property
    def interval(self) -> str:
        """The parasitaemia's interval as a sentence."""
        return interval_words(*self._interval())

    @property
    def chart(self) -> IntervalChart | None:
        """The parasitaemia's interval as a picture."""
        return interval_chart(*self._interval())

    @property
    def paused(self) -> bool:
        """A person paused it."""
        return self.capture is not None and self.capture.paused

    @property
    def automatic(self) -> bool:
        """Fields are taken by themselves."""
        return self.capture is None or self.capture.automatic

    @property
    def latest_fields(self) -> list[FieldNote]:
        """The newest fields of a running specimen, newest first."""
        return list(reversed(self.capture.fields[-LATEST_FIELDS:])) if self.capture else []

    @property
    def last_counted(self) -> int | None:
        """The newest field that counts, which may be taken back."""
        fields = self.capture.fields if self.capture else ()
        return next((note.index for note in reversed(fields) if note.usable), None)

    @property
    def narrowing(self) -> Narrowing | None:
        """How the interval narrowed, as a picture."""
        if self.capture is None:
            return None
        return narrowing(self.capture.points, self.capture.report.minimum_rbc_count)

    @property
    def may_go_on(self) -> bool:
        """It ended before its time, and nobody has signed it."""
        return self.status in MAY_GO_ON and not self.signed and self.record.task == MALARIA

    def _interval(self) -> tuple[float | None, float | None, float | None]:
        low, high = self.report.get("ci_low"), self.report.get("ci_high")
        return self.report.get("parasitaemia_fraction"), low, high


def present(record: SpecimenRecord, progress: Progress | None) -> SpecimenView:
    """Joins record and progress.

    Args:
        record: as stored.
        progress: of this specimen while the service has it in hand, None otherwise.
    """
    if record.status != RUNNING:
        return _view(record, record.status, record.report or {}, record.error)
    if record.task == CHEST_XRAY:
        # In the hands of the worker of single pictures, which tells nothing until it is done.
        return _view(record, RUNNING, {}, record.error)
    if progress is None:
        # Nobody is at work on it: what a power cut leaves until the store has been recovered.
        return _view(record, INTERRUPTED, record.report or {}, record.error)
    status = RUNNING if progress.running else FAILED
    view = _view(record, status, progress.report.to_json(), progress.error)
    more = {"last_refusal": progress.last_refusal, "capture": progress}
    return SpecimenView(**(vars(view) | more))


def present_unstored(record: SpecimenRecord, why: str) -> SpecimenView:
    """A specimen whose result is there, but could not be stored yet."""
    return replace(_view(record, FAILED, {}, ""), unstored=why)


def _view(record: SpecimenRecord, status: str, report: dict[str, Any], error: str) -> SpecimenView:
    verdict, why = report.get("verdict", "none"), report.get("why", error)
    if record.result_status in (FINAL, AMENDED):
        verdict = record.verdict or "none"
    if status == RUNNING:
        return SpecimenView(record, status, report, PENDING, why, error=error)
    if verdict == "negative" and status not in (DONE, STOPPED):
        verdict, why = "inconclusive", error or _UNFINISHED_WHY
    return SpecimenView(record, status, report, verdict, why or error, error=error)
