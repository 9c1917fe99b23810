"""What a report calls things, for a smear and for chest X-rays, in a language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge.contract.labels import (
    COVID,
    GAMETOCYTE,
    NORMAL,
    OTHER_FINDING,
    PNEUMONIA,
    RING,
    SCHIZONT,
    TROPHOZOITE,
    UNREADABLE,
)
from edge.figures import decimal
from edge.language import ENGLISH, mark, translate
from edge.retelling import retell
from edge.store.records import CHEST_XRAY

LABELS = {
    "uninfected": mark("not infected"),
    "parasitised": mark("infected"),
    RING: mark("ring"),
    TROPHOZOITE: mark("trophozoite"),
    SCHIZONT: mark("schizont"),
    GAMETOCYTE: mark("gametocyte"),
    "wbc": mark("white cell"),
    "platelet": mark("platelet"),
    "debris": mark("not a cell"),
    NORMAL: mark("normal"),
    PNEUMONIA: mark("pneumonia"),
    COVID: "COVID-19",
    OTHER_FINDING: mark("another finding"),
    UNREADABLE: mark("cannot be read"),
}


@dataclass(frozen=True)
class Wording:
    """The words of one task.

    Attributes:
        kind: of the report.
        counts: heading of what was counted or seen.
        pictures, pictures_note: heading of the evidence, and what lies below it.
        place: as a class of the page's style, what one of its pictures is.
        device: what the device says of a picture, with `label`, `score` and `number`.
        titles: by verdict, of the machine and of a person.
        advice: by verdict.
        confirm: what a machine's positive result asks for.
    """

    kind: str
    counts: str
    pictures: str
    pictures_note: str
    place: str
    device: str
    titles: Mapping[str, tuple[str, str]]
    advice: Mapping[str, str]
    confirm: str


SMEAR = Wording(
    kind=mark("Malaria smear report"),
    counts=mark("Count"),
    pictures=mark("Suspect cells"),
    pictures_note=mark("Below each, what in it spoke for an infection."),
    place="field",
    device=mark("device: %(label)s, %(score)s; field %(number)s"),
    titles={
        "positive": (mark("Malaria parasites suspected"), mark("Malaria parasites seen")),
        "negative": (mark("No parasites found by the device"), mark("No parasites found")),
        "inconclusive": (mark("Not enough to decide"), mark("Not enough to decide")),
        "refused": (mark("Not read"), mark("Not read")),
    },
    advice={
        "negative": mark("This does not rule malaria out. If the signs go on, test again."),
        "inconclusive": mark("This is not a negative result."),
        "refused": mark("This is not a negative result."),
        "none": mark("This is not a negative result. Screen the slide again."),
    },
    confirm=mark("A trained person must confirm this before anyone is treated."),
)
XRAY = Wording(
    kind=mark("Chest X-ray report"),
    counts=mark("Pictures"),
    pictures=mark("X-rays"),
    pictures_note=mark(
        "Beside each, what in it spoke for a finding to the network; no outline of it."
    ),
    place="picture",
    device=mark("device: %(label)s, %(score)s; picture %(number)s"),
    titles={
        "positive": (mark("X-ray looks abnormal"), mark("A finding was read")),
        "negative": (mark("Nothing found by the device"), mark("No finding was read")),
        "inconclusive": (mark("Not sure"), mark("Not sure")),
        "refused": (mark("Not read"), mark("Not read")),
    },
    advice={
        "negative": mark("This does not rule an illness out."),
        "inconclusive": mark("This is not a normal result."),
        "refused": mark("This is not a normal result."),
        "none": mark("This is not a normal result. Send the pictures again."),
    },
    confirm=mark("A trained person must read the X-ray before anyone is treated."),
)


def wording_of(task: str, language: str = ENGLISH) -> Wording:
    """The words for a specimen of this task; `device` stays a text with places for values."""
    words = XRAY if task == CHEST_XRAY else SMEAR

    def say(text: str) -> str:
        return translate(text, language)

    return replace(
        words,
        kind=say(words.kind),
        counts=say(words.counts),
        pictures=say(words.pictures),
        pictures_note=say(words.pictures_note),
        titles={name: (say(one), say(two)) for name, (one, two) in words.titles.items()},
        advice={name: say(text) for name, text in words.advice.items()},
        confirm=say(words.confirm),
    )


def label_words(label: str, language: str = ENGLISH) -> str:
    """A label of a cell or an X-ray."""
    return translate(LABELS[label], language) if label in LABELS else label


def xray_rows(report: Mapping[str, Any], language: str = ENGLISH) -> Iterable[tuple[str, str]]:
    """What the network says of each picture."""
    for one in report.get("radiographs", ()):
        name = translate("Picture %(number)s", language, number=one["index"] + 1)
        if one["reason"]:
            why = retell(one["reason"], language)
            yield name, translate("refused: %(why)s", language, why=why)
        else:
            yield name, _call(one, language)


def _call(one: Mapping[str, Any], language: str) -> str:
    shares = {what: decimal(one[what], 2, language) for what in ("suspicion", "low", "high")}
    text = mark("%(label)s; not normal: %(suspicion)s (%(low)s to %(high)s)")
    told = translate(text, language, label=label_words(one["label"], language), **shares)
    if not one["doubt"]:
        return told
    why = retell(one["doubt"], language)
    return f"{told}; {translate('not sure: %(why)s', language, why=why)}"
