"""Values as the words, numbers and colours that a page shows. Pure; knows no HTTP and no store.

Colour is never the only carrier: every tone comes with a word and an icon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE, is_infected
from edge.store.records import (
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    STOPPED,
)
from web_ui.stages import stage_name

NOTICE = "For research and screening support, not for diagnosis."


@dataclass(frozen=True)
class Badge:
    """A short state: its word, its tone (a CSS class) and its icon's id."""

    word: str
    tone: str
    icon: str


@dataclass(frozen=True)
class VerdictText:
    """A verdict on a page: headline, what to do next, tone and icon."""

    title: str
    advice: str
    tone: str
    icon: str


STATUS_BADGES = {
    RUNNING: Badge("Running", "busy", "pulse"),
    DONE: Badge("Finished", "plain", "flag"),
    STOPPED: Badge("Stopped early", "unsure", "stop"),
    FAILED: Badge("Failed", "fault", "cross"),
    INTERRUPTED: Badge("Interrupted", "fault", "cross"),
}
VERDICT_BADGES = {
    "positive": Badge("Parasites suspected", "positive", "alert"),
    "negative": Badge("No parasites found", "negative", "check"),
    "inconclusive": Badge("Not enough to decide", "unsure", "question"),
    "refused": Badge("Not read", "fault", "blocked"),
}
_NO_RESULT = VerdictText(
    "No result", "This is not a negative result. Screen the slide again.", "fault", "blocked"
)
_PENDING = VerdictText("Not decided yet.", "", "busy", "pulse")
_ADVICE = {
    "positive": "A trained person must confirm this before anyone is treated.",
    "negative": "This does not rule malaria out. If the signs go on, test again.",
    "inconclusive": "This is not a negative result. Read more fields, or let a trained person "
    "look at the slide.",
    "refused": "This is not a negative result. Check focus, light and stain, then screen again.",
}
# How strongly a cell stands out; the lower end of each step. Not how likely an infection is: on a
# slide with few parasites most suspect cells are false alarms, whatever their score.
_SCORE_WORDS = (
    (0.97, "very suspicious"),
    (0.8, "suspicious"),
    (0.5, "slightly suspicious"),
    (0.0, "not suspicious"),
)
_LABEL_WORDS = {
    "uninfected": "not infected",
    "parasitised": "infected",
    RING: "infected, ring",
    TROPHOZOITE: "infected, trophozoite",
    SCHIZONT: "infected, schizont",
    GAMETOCYTE: "infected, gametocyte",
    "wbc": "white cell",
    "platelet": "platelet",
    "debris": "debris",
}


def verdict_text(verdict: str | None, rbc_count: int = 0, *, reviewed: bool = False) -> VerdictText:
    """The words of a verdict; anything unknown is "No result", never a negative.

    Args:
        verdict: of the protocol; "pending" while a specimen runs.
        rbc_count: red cells that were counted.
        reviewed: it is a person's, not the machine's alone.
    """
    if verdict == "pending":
        return _PENDING
    badge = VERDICT_BADGES.get(verdict or "")
    if badge is None or verdict is None:
        return _NO_RESULT
    titles = {
        "positive": "Malaria parasites suspected",
        "negative": f"No parasites found in {number(rbc_count)} cells",
    }
    advice = _ADVICE[verdict]
    if reviewed:
        titles["positive"], titles["negative"] = "Malaria parasites seen", "No parasites found"
        advice = "" if verdict == "positive" else advice
    return VerdictText(titles.get(verdict, badge.word), advice, badge.tone, badge.icon)


def number(value: int | None) -> str:
    """A whole number with thousands separated; a dash for none."""
    return "–" if value is None else f"{value:,}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with as many digits as it deserves."""
    if fraction is None:
        return "–"
    value = 100 * fraction
    if value == 0:
        return "0 %"
    if value < 0.01:
        return "under 0.01 %"
    return f"{value:.2f} %" if value < 1 else f"{value:.1f} %"


def interval_words(estimate: float | None, low: float | None, high: float | None) -> str:
    """A parasitaemia with its 95 % interval as a sentence."""
    if estimate is None or low is None or high is None:
        return "Nothing has been counted, so nothing can be said."
    return (
        f"Between {percent(low)} and {percent(high)} of the red cells, most likely "
        f"{percent(estimate)} (95 % interval)."
    )


def score_words(score: float | None) -> str:
    """How suspicious a cell is, in a word."""
    if score is None:
        return "not scored"
    return next(word for least, word in _SCORE_WORDS if score >= least)


def label_words(label: str) -> str:
    """A cell's label in plain words."""
    return _LABEL_WORDS.get(label, label)


def opinions(label: str, disagrees: bool) -> tuple[str, str]:
    """What the first and what the second opinion says of a cell."""
    first = is_infected(label)
    words = {True: "suspect", False: "healthy"}
    return words[first], words[first != disagrees]


def found_by(label: str) -> str:
    """Which opinion alone suspects a disputed cell."""
    return f"Only the {'1st' if is_infected(label) else '2nd'} opinion"


def cause(reason: str) -> str:
    """A refusal's reason without its figures and without what to do: "too dark"."""
    return reason.partition(";")[0].partition(" (")[0]


def stage_words(stage: str) -> str:
    """A timed step of reading a field."""
    return {"novelty": "second opinion"}.get(stage, stage)


def source_words(source: str, settings: dict[str, Any]) -> str:
    """Where the fields came from."""
    kind, _, camera = source.partition(":")
    if kind == "camera" and not settings:
        return _CAMERA_WORDS.get(camera, source)
    if source.removeprefix("camera:") == "simulated":
        fraction = settings.get("parasitaemia_fraction")
        known = f", {percent(fraction)} drawn infected" if fraction is not None else ""
        return f"Simulated{known}, seed {settings.get('seed', 'default')}"
    if source == "upload":
        files = len(settings.get("sources", ()))
        return f"Upload of {files} {'file' if files == 1 else 'files'}"
    return source


_CAMERA_WORDS = {
    "picamera2": "Pi camera",
    "v4l2": "USB camera",
    "csi": "Jetson camera",
    "network": "Network camera",
    "simulated": "Simulated camera",
    "replay": "Stored fields",
}


def camera_words(name: str) -> str:
    """A registered camera for a person."""
    return _CAMERA_WORDS.get(name, name)


def when(utc: str | None) -> str:
    """An ISO 8601 time as "2 Mar 2025, 14:05 UTC"; unreadable text comes back as it is."""
    if not utc:
        return "–"
    try:
        moment = datetime.fromisoformat(utc)
    except ValueError:
        return utc
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def short_hash(sha256: str) -> str:
    """The first digits of a hash, enough to tell two bundles apart."""
    return sha256[:12]


FILTERS = {
    name.__name__: name
    for name in (
        number,
        percent,
        score_words,
        label_words,
        opinions,
        found_by,
        cause,
        stage_name,
        stage_words,
        when,
        short_hash,
        camera_words,
    )
}
