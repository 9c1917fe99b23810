"""Values as the words, numbers and colours that a page shows, in the reader's language.

Knows no HTTP and no store. Colour is never the only carrier: every tone comes with a word and an
icon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge import figures
from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE, is_infected
from edge.store.records import (
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    STOPPED,
)
from web_ui.language import current_language, lazy_gettext, ngettext, said
from web_ui.language import gettext as _
from web_ui.stages import stage_name

NOTICE = lazy_gettext("For research and screening support, not for diagnosis.")


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
    RUNNING: Badge(lazy_gettext("Running"), "busy", "pulse"),
    DONE: Badge(lazy_gettext("Finished"), "plain", "flag"),
    STOPPED: Badge(lazy_gettext("Stopped early"), "unsure", "stop"),
    FAILED: Badge(lazy_gettext("Failed"), "fault", "cross"),
    INTERRUPTED: Badge(lazy_gettext("Interrupted"), "fault", "cross"),
}
VERDICT_BADGES = {
    "positive": Badge(lazy_gettext("Parasites suspected"), "positive", "alert"),
    "negative": Badge(lazy_gettext("No parasites found"), "negative", "check"),
    "inconclusive": Badge(lazy_gettext("Not enough to decide"), "unsure", "question"),
    "refused": Badge(lazy_gettext("Not read"), "fault", "blocked"),
}
_NO_RESULT = VerdictText(
    lazy_gettext("No result"),
    lazy_gettext("This is not a negative result. Screen the slide again."),
    "fault",
    "blocked",
)
_PENDING = VerdictText(lazy_gettext("Not decided yet."), "", "busy", "pulse")
_ADVICE = {
    "positive": lazy_gettext("A trained person must confirm this before anyone is treated."),
    "negative": lazy_gettext("This does not rule malaria out. If the signs go on, test again."),
    "inconclusive": lazy_gettext(
        "This is not a negative result. Read more fields, or let a trained person look at the "
        "slide."
    ),
    "refused": lazy_gettext(
        "This is not a negative result. Check focus, light and stain, then screen again."
    ),
}
# How strongly a cell stands out; the lower end of each step. Not how likely an infection is: on a
# slide with few parasites most suspect cells are false alarms, whatever their score.
_SCORE_WORDS = (
    (0.97, lazy_gettext("very suspicious")),
    (0.8, lazy_gettext("suspicious")),
    (0.5, lazy_gettext("slightly suspicious")),
    (0.0, lazy_gettext("not suspicious")),
)
_LABEL_WORDS = {
    "uninfected": lazy_gettext("not infected"),
    "parasitised": lazy_gettext("infected"),
    RING: lazy_gettext("infected, ring"),
    TROPHOZOITE: lazy_gettext("infected, trophozoite"),
    SCHIZONT: lazy_gettext("infected, schizont"),
    GAMETOCYTE: lazy_gettext("infected, gametocyte"),
    "wbc": lazy_gettext("white cell"),
    "platelet": lazy_gettext("platelet"),
    "debris": lazy_gettext("debris"),
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
        "positive": _("Malaria parasites suspected"),
        "negative": _("No parasites found in %(count)s cells", count=number(rbc_count)),
    }
    advice = _ADVICE[verdict]
    if reviewed:
        titles["positive"], titles["negative"] = _("Malaria parasites seen"), badge.word
        advice = "" if verdict == "positive" else advice
    return VerdictText(titles.get(verdict, badge.word), advice, badge.tone, badge.icon)


def number(value: int | None) -> str:
    """A whole number with thousands separated; a dash for none."""
    return figures.number(value, current_language())


def decimal(value: float | None, digits: int = 1) -> str:
    """A number with so many digits behind the point; a dash for none."""
    return figures.NONE if value is None else figures.decimal(value, digits, current_language())


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with as many digits as it deserves."""
    return figures.percent(fraction, current_language())


def interval_words(estimate: float | None, low: float | None, high: float | None) -> str:
    """A parasitaemia with its 95 % interval as a sentence."""
    if estimate is None or low is None or high is None:
        return _("Nothing has been counted, so nothing can be said.")
    return _(
        "Between %(low)s and %(high)s of the red cells, most likely %(estimate)s (95 %% interval).",
        low=percent(low),
        high=percent(high),
        estimate=percent(estimate),
    )


def score_words(score: float | None) -> str:
    """How suspicious a cell is, in a word."""
    if score is None:
        return _("not scored")
    return str(next(word for least, word in _SCORE_WORDS if score >= least))


def label_words(label: str) -> str:
    """A cell's label in plain words."""
    return str(_LABEL_WORDS.get(label, label))


def opinions(label: str, disagrees: bool) -> tuple[bool, bool]:
    """Whether the first and whether the second opinion suspects a cell."""
    first = is_infected(label)
    return first, first != disagrees


def found_by(label: str) -> str:
    """Which opinion alone suspects a disputed cell."""
    return _("Only the 1st opinion") if is_infected(label) else _("Only the 2nd opinion")


def cause(reason: str) -> str:
    """A refusal's reason without its figures and without what to do: "too dark"."""
    return reason.partition(";")[0].partition(" (")[0]


_STAGE_WORDS = {
    "quality": lazy_gettext("quality"),
    "cells": lazy_gettext("cells"),
    "preprocess": lazy_gettext("preparing the cells"),
    "infer": lazy_gettext("network"),
    "novelty": lazy_gettext("second opinion"),
    "call": lazy_gettext("decision"),
    "stages": lazy_gettext("stages"),
}


def stage_words(stage: str) -> str:
    """A timed step of reading a field."""
    return str(_STAGE_WORDS.get(stage, stage))


def source_words(source: str, settings: dict[str, Any]) -> str:
    """Where the fields came from."""
    kind, _sep, camera = source.partition(":")
    if kind == "camera" and not settings:
        return str(_CAMERA_WORDS.get(camera, source))
    if source.removeprefix("camera:") == "simulated":
        return _simulated_words(settings)
    if source == "upload":
        files = len(settings.get("sources", ()))
        return ngettext("Upload of %(num)s file", "Upload of %(num)s files", files)
    return source


def _simulated_words(settings: dict[str, Any]) -> str:
    seed = settings.get("seed", _("default"))
    fraction = settings.get("parasitaemia_fraction")
    if fraction is None:
        return _("Simulated, seed %(seed)s", seed=seed)
    share = percent(fraction)
    return _("Simulated, %(share)s drawn infected, seed %(seed)s", share=share, seed=seed)


_CAMERA_WORDS = {
    "picamera2": lazy_gettext("Pi camera"),
    "v4l2": lazy_gettext("USB camera"),
    "csi": lazy_gettext("Jetson camera"),
    "network": lazy_gettext("Network camera"),
    "simulated": lazy_gettext("Simulated camera"),
    "replay": lazy_gettext("Stored fields"),
}


def camera_words(name: str) -> str:
    """A registered camera for a person."""
    return str(_CAMERA_WORDS.get(name, name))


def when(utc: str | None) -> str:
    """An ISO 8601 time as "2 Mar 2025, 14:05 UTC"; unreadable text comes back as it is."""
    return figures.moment(utc, current_language())


def short_hash(sha256: str) -> str:
    """The first digits of a hash, enough to tell two bundles apart."""
    return sha256[:12]


FILTERS = {
    name.__name__: name
    for name in (
        number,
        decimal,
        percent,
        score_words,
        label_words,
        opinions,
        found_by,
        cause,
        said,
        stage_name,
        stage_words,
        when,
        short_hash,
        camera_words,
    )
}
