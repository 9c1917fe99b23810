"""Chest X-rays as the words that a page shows, in the reader's language. Knows no HTTP.

The scores say how far a network leans, not how likely an illness is; nothing here says so either.
"""

from __future__ import annotations

from edge.contract.labels import (
    COVID,
    CXR_COVID,
    CXR_PNEUMONIA,
    MALARIA_CELLS,
    MALARIA_STAGES,
    NORMAL,
    OTHER_FINDING,
    PNEUMONIA,
    UNREADABLE,
)
from edge.store.records import CHEST_XRAY, PRELIMINARY
from web_ui.language import lazy_gettext, ngettext
from web_ui.result_words import answer_words, verdict_words
from web_ui.words import Badge, VerdictText

XRAY_BADGES = {
    "positive": Badge(lazy_gettext("X-ray looks abnormal"), "positive", "alert"),
    "negative": Badge(lazy_gettext("Nothing found on the X-ray"), "negative", "check"),
    "inconclusive": Badge(lazy_gettext("Not sure"), "unsure", "question"),
    "refused": Badge(lazy_gettext("Not read"), "fault", "blocked"),
}
READ_BADGE = Badge(lazy_gettext("A finding, read by a person"), "positive", "alert")
_TITLES = {
    PNEUMONIA: lazy_gettext("Looks like pneumonia"),
    COVID: lazy_gettext("Looks like COVID-19"),
}
_READ_TITLES = {
    PNEUMONIA: lazy_gettext("Pneumonia, read by a person"),
    COVID: lazy_gettext("COVID-19, read by a person"),
    OTHER_FINDING: lazy_gettext("Another finding, read by a person"),
}
_READ_NEGATIVE = lazy_gettext("No finding, read by a person")
_NO_RESULT = VerdictText(
    lazy_gettext("No result"),
    lazy_gettext("This is not a normal result. Send the picture again."),
    "fault",
    "blocked",
)
_ADVICE = {
    "positive": lazy_gettext("A trained person must read the X-ray before anyone is treated."),
    "negative": lazy_gettext("This does not rule an illness out. A person must read the X-ray."),
    "inconclusive": lazy_gettext("This is not a normal result. A person must read the X-ray."),
    "refused": lazy_gettext(
        "This is not a normal result. Send a frontal chest X-ray that can be read."
    ),
}
LABEL_WORDS = {
    NORMAL: lazy_gettext("Normal"),
    PNEUMONIA: lazy_gettext("Pneumonia"),
    COVID: lazy_gettext("COVID-19"),
    OTHER_FINDING: lazy_gettext("Another finding"),
    UNREADABLE: lazy_gettext("Cannot be read"),
}
# How far a network leans to the label that it called; the lower end of each step.
_LEAN_WORDS = (
    (0.95, lazy_gettext("The network leans strongly to this.")),
    (0.8, lazy_gettext("The network leans clearly to this.")),
    (0.0, lazy_gettext("The network leans weakly to this.")),
)
TASK_WORDS = {
    MALARIA_CELLS: lazy_gettext("A red cell: infected or not"),
    MALARIA_STAGES: lazy_gettext("An infected cell: its stage"),
    CXR_PNEUMONIA: lazy_gettext("A child's chest X-ray: pneumonia or normal"),
    CXR_COVID: lazy_gettext("A chest X-ray: normal, pneumonia or COVID-19"),
}


def xray_verdict(verdict: str | None, finding: str = "", *, reviewed: bool = False) -> VerdictText:
    """The words of a verdict; anything unknown is "No result", never a normal one.

    Args:
        verdict: of the report.
        finding: what the network or the person found.
        reviewed: it is a person's, not the machine's alone.
    """
    badge = XRAY_BADGES.get(verdict or "")
    if badge is None or verdict is None:
        return _NO_RESULT
    title, advice = badge.word, _ADVICE[verdict]
    if verdict == "positive":
        title = (
            _READ_TITLES.get(finding, READ_BADGE.word) if reviewed else _TITLES.get(finding, title)
        )
    elif verdict == "negative" and reviewed:
        title = _READ_NEGATIVE
    if reviewed and verdict != "refused":
        advice = ""
    return VerdictText(title, advice, badge.tone, badge.icon)


def xray_verdict_words(verdict: str, status: str) -> str:
    """A verdict in a few words; of the machine where its result is preliminary."""
    return xray_verdict(verdict, reviewed=status != PRELIMINARY).title


def result_title(verdict: str, status: str, task: str) -> str:
    """The same for a specimen of any task."""
    return str((xray_verdict_words if task == CHEST_XRAY else verdict_words)(verdict, status))


def xray_badge(verdict: str, *, reviewed: bool) -> Badge | None:
    """For a list of specimens; None where there is no verdict yet."""
    return READ_BADGE if reviewed and verdict == "positive" else XRAY_BADGES.get(verdict)


def xray_source(count: int) -> str:
    """What a specimen of X-rays consists of."""
    return ngettext("Chest X-ray, %(num)s picture", "Chest X-ray, %(num)s pictures", count)


def xray_label_words(label: str) -> str:
    """What a network or a person says of a picture."""
    return LABEL_WORDS.get(label, label)


def lean_words(probability: float | None) -> str:
    """How far the network leans to what it called, 0 to 1, in words."""
    if probability is None:
        return ""
    return next(word for least, word in _LEAN_WORDS if probability >= least)


def call_words(label: str) -> str:
    """What a network calls a single picture, a cell or an X-ray."""
    return LABEL_WORDS.get(label) or answer_words(label)


def task_words(task: str) -> str:
    """What a network is asked of a picture."""
    return TASK_WORDS.get(task, task)


FILTERS = {
    name.__name__: name
    for name in (
        xray_verdict_words,
        xray_label_words,
        result_title,
        lean_words,
        call_words,
        task_words,
    )
}
