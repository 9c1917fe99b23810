"""From preliminary to final: what persons said of a specimen, and what of it may be signed.

Owns the rules of a signature. Positive rests on a parasite that a person saw; negative needs every
suspect cell judged, and is never signed of a slide that was not read to its end or was refused. Of
chest X-rays every picture is read by a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.contract.errors import ConfigError, ConflictError, DataError
from edge.contract.types import SlideReport
from edge.protocol import (
    Protocol,
    judged_cells,
    load_protocol,
    load_thick_protocol,
    summarise_reviewed,
)
from edge.store.records import (
    CHEST_XRAY,
    DONE,
    PRELIMINARY,
    RUNNING,
    STOPPED,
    FieldRecord,
    PersonTally,
    Result,
    Review,
    Slide,
    SpecimenRecord,
    SuspectCellRecord,
)
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from edge.xray.findings import summarise_readings

_ALL = 2**31
_NOT_READ = "The device did not read this specimen to its end, so it is not called negative."


@dataclass(frozen=True)
class SpecimenReview:
    """A specimen with all that persons said of it.

    Attributes:
        cells: those that one network at least suspects, largest doubt first.
        reviews: the newest one of each reviewed cell, by cell.
        report: what a signature would make final; None where there is nothing to sign.
        problem: why there is nothing to sign; empty otherwise.
        history: all versions of the result, oldest first.
        fields: by index.
    """

    specimen: SpecimenRecord
    cells: tuple[SuspectCellRecord, ...]
    reviews: dict[int, Review]
    slides: tuple[Slide, ...]
    tallies: tuple[PersonTally, ...]
    report: SlideReport | None
    problem: str
    history: tuple[Result, ...]
    fields: tuple[FieldRecord, ...] = ()

    @property
    def result(self) -> Result | None:
        """The version in force."""
        return self.history[-1] if self.history else None

    @property
    def signed(self) -> bool:
        """A named person signed it."""
        return self.result is not None and self.result.status != PRELIMINARY

    @property
    def waiting(self) -> tuple[SuspectCellRecord, ...]:
        """Suspect cells that no person has judged."""
        return tuple(cell for cell in self.cells if cell.cell_id not in self.reviews)

    @property
    def done_count(self) -> int:
        """Suspect cells that a person has judged."""
        return len(self.cells) - len(self.waiting)

    @property
    def hindrance(self) -> str:
        """Why it cannot be signed as it stands; empty where it can."""
        if self.signed:
            return "The result is signed already; amend it, with a reason."
        if self.report is None:
            return self.problem
        if self.specimen.task == CHEST_XRAY:
            return _unread(len(self.waiting))
        if self.report.verdict == "positive" and not _seen_by_person(self.report):
            return (
                "No person has seen a parasite yet. Review the suspect cells, or count the slide "
                "at the microscope."
            )
        if self.report.verdict == "negative" and self.waiting:
            return (
                f"{len(self.waiting):,} cells that one of the networks suspects wait for their "
                "review. A negative result needs every one of them judged."
            )
        return ""


def read_review(store: Store, specimen_id: str, protocol: Protocol) -> SpecimenReview:
    """All that is known of a specimen.

    Args:
        store: the clinic's records.
        specimen_id: of the specimen.
        protocol: the device's; a specimen that was counted by another one keeps that.

    Raises:
        NotFoundError: no such specimen.
    """
    # Of one moment, so that its version tells later whether anything of it has changed meanwhile.
    with store.reading():
        found = SpecimenReview(
            store.specimen(specimen_id),
            tuple(sorted(store.suspect_cells(specimen_id, _ALL), key=_doubt)),
            {review.cell_id: review for review in Reviews(store).of_specimen(specimen_id)},
            tuple(Register(store).slides_of(specimen_id)),
            tuple(Tallies(store).of_specimen(specimen_id)),
            None,
            "",
            tuple(Results(store).history(specimen_id)),
            tuple(store.fields(specimen_id)),
        )
    try:
        return replace(found, report=_report(store, found, protocol))
    except (ConfigError, ConflictError, DataError) as error:
        return replace(found, problem=str(error))


def sign(
    store: Store, specimen_id: str, by: str, protocol: Protocol, seen_version: int | None = None
) -> Result:
    """Makes final what persons made of the machine's result.

    Args:
        store: the clinic's records.
        specimen_id: of the specimen.
        by: who answers for it.
        protocol: the device's.
        seen_version: the specimen's version on the page; None asks for no check.

    Raises:
        NotFoundError: no such specimen.
        ConflictError: it may not be signed as it stands, or was changed since it was shown.
        DataError: no name.
    """
    found = read_review(store, specimen_id, protocol)
    if found.hindrance or found.report is None:
        raise ConflictError(f"specimen {specimen_id} cannot be signed: {found.hindrance}")
    _check_unchanged(found.specimen, seen_version)
    return Results(store).sign(
        specimen_id, by, report=found.report.to_json(), seen_version=found.specimen.version
    )


def amend(
    store: Store,
    specimen_id: str,
    by: str,
    reason: str,
    verdict: str,
    protocol: Protocol,
    seen_version: int | None = None,
) -> Result:
    """Changes the verdict of a signed result; its counts stay as they were signed.

    Raises:
        NotFoundError: no such specimen.
        ConflictError: it is not signed yet, was changed since it was shown, or the reviews do not
            carry a negative verdict.
        DataError: no name, no reason, or no such verdict.
    """
    found = read_review(store, specimen_id, protocol)
    _check_unchanged(found.specimen, seen_version)
    if found.result is None:
        raise ConflictError(f"specimen {specimen_id} has no result to amend")
    if verdict == "negative" and not may_be_negative(found):
        raise ConflictError(
            f"specimen {specimen_id} cannot be amended to negative: that needs a slide read to its "
            "end, every suspect cell judged and none found infected; screen the slide again"
        )
    report = found.result.report | {"verdict": verdict, "why": f"Amended by {by}: {reason}"}
    if found.specimen.task == CHEST_XRAY:
        report |= {"finding": "", "finding_score": None}  # they may be what was wrong
    return Results(store).amend(
        specimen_id, by, reason, report=report, seen_version=found.specimen.version
    )


def may_be_negative(found: SpecimenReview) -> bool:
    """What persons and the machine counted carries a negative verdict."""
    return found.report is not None and found.report.verdict == "negative" and not found.waiting


def _report(store: Store, found: SpecimenReview, protocol: Protocol) -> SlideReport:
    specimen = found.specimen
    if specimen.status == RUNNING or specimen.report is None:
        raise ConflictError("There is no result to sign yet. Wait for the end, or screen it again.")
    machine = SlideReport.from_json(specimen.report)
    if specimen.task == CHEST_XRAY:
        report = summarise_readings(machine, found.cells, found.reviews)
    else:
        report = _of_smear(store, found, machine, protocol)
    # An older record says so by its status alone.
    broke_off = specimen.status not in (DONE, STOPPED) or not machine.finished
    if report.verdict == "negative" and broke_off:
        return replace(report, verdict="inconclusive", why=f"{_NOT_READ} {report.why}")
    return report


def _of_smear(
    store: Store, found: SpecimenReview, machine: SlideReport, protocol: Protocol
) -> SlideReport:
    rule = _protocol_of(machine, protocol, store)
    reviews = sorted(found.reviews.values(), key=lambda review: review.review_id)
    return summarise_reviewed(
        machine,
        judged_cells(found.cells, found.fields, reviews),
        found.tallies,
        rule,
        load_thick_protocol(rule.thick, store.home),
    )


def _protocol_of(report: SlideReport, device: Protocol, store: Store) -> Protocol:
    """The protocol that a report was counted by; an older record names no version of it."""
    label = f"{report.protocol}@{report.protocol_version}"
    if label == device.label or not report.protocol or not report.protocol_version:
        return device
    return load_protocol(label, store.home)


def _unread(waiting: int) -> str:
    """An X-ray's result rests on a person's reading, whatever the network found."""
    if not waiting:
        return ""
    return f"{waiting} of the pictures wait for their reading. Every one of them must be read."


def _seen_by_person(report: SlideReport) -> bool:
    counted = any(count["parasites"] + count["gametocytes"] for count in report.person_counts)
    return counted or report.confirmed_count > 0


def _check_unchanged(specimen: SpecimenRecord, seen_version: int | None) -> None:
    if seen_version is not None and seen_version != specimen.version:
        raise ConflictError(
            f"specimen {specimen.specimen_id} was changed by someone else meanwhile; look at it "
            "again, then repeat your change"
        )


def _doubt(cell: SuspectCellRecord) -> tuple[bool, float, int]:
    """Largest first: where the opinions differ, then by how near the score is to the middle."""
    agreed = not cell.disagrees and not cell.refused
    return agreed, abs(cell.score - 0.5), cell.cell_id
