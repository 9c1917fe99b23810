"""The words of a specimen's report, the same in HTML and PDF. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE
from edge.reports.content import CellPicture, SpecimenContent
from edge.store.records import AMENDED, DONE, FINAL, INTERRUPTED, STOPPED, Result

NOTICE = "For research and screening support, not for diagnosis."
Row = tuple[str, str]
_TITLES = {
    "positive": ("Malaria parasites suspected", "Malaria parasites seen"),
    "negative": ("No parasites found by the device", "No parasites found"),
    "inconclusive": ("Not enough to decide", "Not enough to decide"),
    "refused": ("Not read", "Not read"),
}
_ADVICE = {
    "negative": "This does not rule malaria out. If the signs go on, test again.",
    "inconclusive": "This is not a negative result.",
    "refused": "This is not a negative result.",
    "none": "This is not a negative result. Screen the slide again.",
}
_UNREAD = {STOPPED: "stopped early", INTERRUPTED: "interrupted", "failed": "failed"}
_LABELS = {
    "uninfected": "not infected",
    "parasitised": "infected",
    RING: "ring",
    TROPHOZOITE: "trophozoite",
    SCHIZONT: "schizont",
    GAMETOCYTE: "gametocyte",
    "debris": "not a cell",
}


@dataclass(frozen=True)
class Lines:
    """A report in words.

    Attributes:
        state: PRELIMINARY, FINAL or AMENDED.
        tone: "positive", "negative" or "unsure", for its colour; the title says the same.
        signature: who answers for it, or that none does yet.
        versions: what it was before, oldest first; with reasons.
    """

    title: str
    state: str
    tone: str
    why: str
    advice: str
    signature: str
    specimen: tuple[Row, ...]
    counts: tuple[Row, ...]
    persons: tuple[Row, ...]
    ran: tuple[Row, ...]
    assumptions: tuple[str, ...]
    versions: tuple[str, ...]
    made: str


def lines_of(content: SpecimenContent) -> Lines:
    """A report in words."""
    signed = content.found.signed
    verdict = content.verdict
    titles = _TITLES.get(verdict, ("No result", "No result"))
    result = content.found.result
    return Lines(
        title=titles[signed],
        state=(result.status if result else "no result").upper(),
        tone=verdict if verdict in ("positive", "negative") else "unsure",
        why=content.why,
        advice="A trained person must confirm this before anyone is treated."
        if verdict == "positive" and not signed
        else _ADVICE.get(verdict, ""),
        signature=_signature(content),
        specimen=_rows(_specimen(content)),
        counts=_rows((*_before(result), *_counts(content.report))),
        persons=_rows(_persons(content)),
        ran=_rows(_ran(content.report)),
        assumptions=tuple(content.report.get("assumptions", ())),
        versions=tuple(_versions(content)) if len(content.found.history) > 1 else (),
        made=f"Made {moment(content.made_utc)}",
    )


def moment(utc: str | None) -> str:
    """An ISO 8601 time as "2 Mar 2025, 14:05 UTC"; a date, and what is no time, as it is."""
    if not utc or "T" not in utc:
        return utc or ""
    try:
        time = datetime.fromisoformat(utc)
    except ValueError:
        return utc
    time = time.astimezone(UTC) if time.tzinfo else time
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def caption(picture: CellPicture) -> tuple[str, str]:
    """What the device and what a person says of a cell."""
    device = f"device: {_LABELS.get(picture.cell.label, picture.cell.label)}, "
    device += f"{picture.cell.score:.2f}; field {picture.cell.field_index + 1}"
    if picture.review is None:
        return device, "not reviewed"
    return device, f"{_LABELS.get(picture.review.label, picture.review.label)}: {picture.review.by}"


def _rows(found: Iterable[tuple[str, Any]]) -> tuple[Row, ...]:
    return tuple((name, str(value)) for name, value in found if value not in (None, ""))


def _specimen(content: SpecimenContent) -> Iterable[tuple[str, Any]]:
    specimen, patient = content.specimen, content.patient
    yield "Label", specimen.label
    yield "Specimen", specimen.specimen_id
    yield "Barcode", specimen.barcode
    yield "Patient", specimen.patient_id or "not registered"
    if patient:
        yield "Age, sex", f"{patient.age_band}, {patient.sex}"
    yield "Site", specimen.site
    yield "Blood drawn", moment(specimen.collected_utc)
    yield "Screened", moment(specimen.started_utc)
    yield "By", specimen.operator
    yield (
        "Slides",
        ", ".join(
            f"{slide.smear}{f' ({slide.barcode})' if slide.barcode else ''}"
            for slide in content.found.slides
        ),
    )
    if specimen.status != DONE:
        yield "Screening", _UNREAD.get(specimen.status, specimen.status)
    if specimen.source == "simulated":
        yield "Source", "SIMULATED smear, no patient's blood"


def _before(result: Result | None) -> tuple[tuple[str, Any], ...]:
    """An amendment changes the verdict alone."""
    amended = result is not None and result.status == AMENDED
    return (("Figures", "as they were signed, not amended"),) if amended else ()


def _counts(report: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    if not report:
        return
    yield "Red cells counted", f"{report['rbc_count']:,} of {report['minimum_rbc_count']:,} asked"
    yield "Of them infected", f"{report['positive_count']:,}"
    yield "Parasitaemia", _with_interval(report, "parasitaemia_fraction", "ci_low", "ci_high", _pc)
    names = ("density_per_ul", "density_low_per_ul", "density_high_per_ul")
    yield "Parasites per µL", _with_interval(report, *names, per_ul)
    stages = report.get("stage_counts") or {}
    yield "Stages", ", ".join(f"{count:,} {stage}" for stage, count in stages.items() if count)
    yield "Fields", f"{report['fields_read']:,} read, {report['fields_refused']:,} refused"
    if report.get("disagreement_count"):
        yield "Second opinion", f"differs on {report['disagreement_count']:,} cells"
    if report.get("uncounted_suspect_count"):
        yield "Suspect, not counted", f"{report['uncounted_suspect_count']:,}"


def _with_interval(
    report: dict[str, Any], value: str, low: str, high: str, words: Any
) -> str | None:
    if report.get(value) is None or report.get(low) is None:
        return None
    return f"{words(report[value])} ({words(report[low])} to {words(report[high])})"


def _pc(fraction: float) -> str:
    return f"{100 * fraction:.2f} %" if fraction < 0.01 else f"{100 * fraction:.1f} %"


def per_ul(value: float) -> str:
    """A density to three digits: a count carries no more."""
    digits = max(len(str(int(value))) - 3, 0)
    return f"{round(value, -digits):,.0f}"


def _persons(content: SpecimenContent) -> Iterable[tuple[str, Any]]:
    found = content.found
    total = len(found.cells)
    if total:
        names = sorted({review.by for review in found.reviews.values()})
        by = f" by {', '.join(names)}" if names else ""
        yield "Suspect cells reviewed", f"{found.done_count:,} of {total:,}{by}"
    if content.report.get("reviewed_count"):
        yield (
            "Infected, rejected",
            (
                f"{content.report['confirmed_count']:,} infected, "
                f"{content.report['rejected_count']:,} not"
            ),
        )
    for count in content.report.get("person_counts", ()):
        yield f"{count['by']}, {count['smear']} smear", _person_count(count)


def _person_count(count: dict[str, Any]) -> str:
    against = f"{count['rbc_counted']:,} red"
    if count["wbc_counted"]:
        against = f"{count['wbc_counted']:,} white"
    names = ("density_per_ul", "density_low_per_ul", "density_high_per_ul")
    value, low, high = (per_ul(count[name]) for name in names)
    return (
        f"{count['parasites']:,} parasites, {count['gametocytes']:,} gametocytes against "
        f"{against} cells: {value} per µL ({low} to {high}). {count['assumption']}"
    )


def _ran(report: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    if not report.get("bundle_id"):
        return
    yield "Model", f"{report['bundle_id']} ({report['bundle_sha256'][:12]})"
    yield "Ran on", f"{report['runtime']}, {report['accelerator']}"
    if report["fallback"]:
        yield "Fallback", report.get("fallback_why") or "the preferred one could not be used"
    if report.get("stages_bundle_id"):
        sha256 = report["stages_bundle_sha256"][:12]
        yield "Stages", f"{report['stages_bundle_id']} ({sha256})"
    version = report.get("protocol_version")
    yield "Protocol", f"{report['protocol']}@{version}" if version else report["protocol"]


def _signature(content: SpecimenContent) -> str:
    result = content.found.result
    if result is None or result.status not in (FINAL, AMENDED):
        return "PRELIMINARY: the device's own result. No person has signed it."
    if result.status == FINAL:
        return f"Final, signed by {result.by} at {moment(result.at_utc)}"
    return f"Amended by {result.by} at {moment(result.at_utc)}. Reason: {result.reason}"


def _versions(content: SpecimenContent) -> Iterable[str]:
    for version in content.found.history:
        reason = f": {version.reason}" if version.reason else ""
        verdict = version.report["verdict"]
        yield (
            f"{version.version}. {verdict}, {version.status}, {version.by}, "
            f"{moment(version.at_utc)}{reason}"
        )
