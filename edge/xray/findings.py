"""What the pictures of one specimen come to: the machine's report, and a reader's. Pure.

A picture that could not be read, or a call that is not steady, is never "normal": the verdict is
then inconclusive or refused. A person's reading of a picture replaces the machine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge.contract.labels import (
    COVID,
    NORMAL,
    OTHER_FINDING,
    PNEUMONIA,
    UNREADABLE,
    XRAY_FINDINGS,
)
from edge.contract.manifest import Manifest
from edge.contract.types import RanOn, SlideReport
from edge.xray.reading import RadiographCall

if TYPE_CHECKING:
    from edge.store.records import Review, SuspectCellRecord

PROTOCOL, PROTOCOL_VERSION = "chest-xray", 1
NAMES = {
    NORMAL: "normal",
    PNEUMONIA: "pneumonia",
    COVID: "COVID-19",
    OTHER_FINDING: "another finding",
    UNREADABLE: "not readable",
}


@dataclass(frozen=True)
class ReadPicture:
    """A picture of the specimen: its call, or why it was refused."""

    index: int
    call: RadiographCall | None
    reason: str = ""

    def plain(self) -> dict[str, Any]:
        """As the report keeps it."""
        if self.call is None:
            return {"index": self.index, "label": "", "reason": self.reason}
        call = self.call
        return {
            "index": self.index,
            "label": call.label,
            "reason": "",
            "score": round(call.score, 5),
            "suspicion": round(call.suspicion, 5),
            "low": round(call.low, 5),
            "high": round(call.high, 5),
            "doubt": call.doubt,
            "finding": call.finding,
            "probabilities": {name: round(share, 5) for name, share in call.probabilities.items()},
        }


def summarise_pictures(
    pictures: Sequence[ReadPicture], manifest: Manifest, ran_on: RanOn
) -> SlideReport:
    """The machine's report of a specimen."""
    plain = [picture.plain() for picture in pictures]
    verdict, why = _decide(plain)
    strongest = _strongest(plain)
    return SlideReport(
        verdict=verdict,
        why=why,
        rbc_count=0,
        positive_count=0,
        parasitaemia_fraction=None,
        ci_low=None,
        ci_high=None,
        observed_fraction=None,
        fields_read=sum(not one["reason"] for one in plain),
        fields_refused=sum(bool(one["reason"]) for one in plain),
        minimum_rbc_count=0,
        protocol=PROTOCOL,
        protocol_version=PROTOCOL_VERSION,
        ran_on=ran_on,
        assumptions=manifest.limitations,
        finding=strongest["label"] if strongest else "",
        finding_score=strongest["suspicion"] if strongest else None,
        radiographs=tuple(plain),
    )


def summarise_readings(
    report: SlideReport, cells: Sequence[SuspectCellRecord], reviews: Mapping[int, Review]
) -> SlideReport:
    """The report to be signed: the machine's, with what persons said of its pictures.

    Args:
        report: the machine's own.
        cells: one for each picture that was called.
        reviews: the newest of each reviewed picture, by cell.
    """
    said = [reviews[cell.cell_id].label for cell in cells if cell.cell_id in reviews]
    if not said:
        return report
    verdict, why = _decide_read(said, len(cells) - len(said), report.fields_refused)
    findings = [label for label in said if label in XRAY_FINDINGS]
    by = ", ".join(sorted({review.by for review in reviews.values()}))
    return replace(
        report,
        verdict=verdict,
        why=f"Read by {by}: {why}. The device alone: {report.verdict}. {report.why}",
        finding=findings[0] if findings else said[0],
        reviewed_count=len(said),
        confirmed_count=len(findings),
        rejected_count=len(said) - len(findings),
        unreviewed_count=len(cells) - len(said),
    )


def _decide(pictures: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    read = [one for one in pictures if not one["reason"]]
    refused = len(pictures) - len(read)
    if not read:
        reason = pictures[0]["reason"] if pictures else "there is none"
        return "refused", f"No picture could be read: {reason}."
    sure = [one for one in read if not one["doubt"] and one["label"] != NORMAL]
    if sure:
        found = max(sure, key=lambda one: float(one["suspicion"]))
        return "positive", (
            f"{_pictures(len(sure), len(pictures))} by the network, most clearly "
            f"{NAMES[found['label']]} ({_spread(found)})."
        )
    doubtful = [one for one in read if one["doubt"]]
    if doubtful:
        found = max(doubtful, key=lambda one: float(one["suspicion"]))
        return "inconclusive", (
            f"The network leans to {NAMES[found['label']]} ({_spread(found)}), but "
            f"{found['doubt']}."
        )
    if refused:
        reason = next(one["reason"] for one in pictures if one["reason"])
        return "inconclusive", (
            f"{refused} of {len(pictures)} pictures could not be read: {reason}. On the others the "
            "network finds nothing."
        )
    found = max(read, key=lambda one: float(one["suspicion"]))
    return "negative", f"The network finds nothing that it knows ({_spread(found)})."


def _decide_read(said: Sequence[str], waiting: int, refused: int) -> tuple[str, str]:
    why = ", ".join(NAMES.get(one, one) for one in said)
    if any(label in XRAY_FINDINGS for label in said):
        return "positive", why
    if all(label == UNREADABLE for label in said) and not waiting:
        return "refused", why
    if waiting:
        return "inconclusive", f"{why}. {waiting} of the pictures wait for their reading"
    if refused or any(label != NORMAL for label in said):
        return "inconclusive", why
    return "negative", why


def _strongest(pictures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    read = [one for one in pictures if not one["reason"]]
    return max(read, key=lambda one: (one["label"] != NORMAL, one["suspicion"])) if read else None


def _pictures(count: int, of: int) -> str:
    return f"{count} of {of} pictures {'looks' if count == 1 else 'look'} abnormal"


def _spread(picture: Mapping[str, Any]) -> str:
    return (
        f"score {picture['suspicion']:.2f}, {picture['low']:.2f} to {picture['high']:.2f} when the "
        "picture is changed a little"
    )
