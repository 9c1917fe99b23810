"""What persons say and sign, as the words that a page shows, in the reader's language."""

from __future__ import annotations

from edge import figures
from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE, is_infected
from edge.protocol import PersonCount
from edge.store.records import AMENDED, FINAL, PRELIMINARY, THICK, THIN
from web_ui.language import current_language, lazy_gettext
from web_ui.language import gettext as _
from web_ui.words import VERDICT_BADGES, Badge, label_words, number, verdict_text

# A person saw them.
SEEN_BADGE = Badge(lazy_gettext("Parasites seen"), "positive", "alert")
RESULT_BADGES = {
    PRELIMINARY: Badge(lazy_gettext("Preliminary"), "unsure", "question"),
    FINAL: Badge(lazy_gettext("Final"), "negative", "check"),
    AMENDED: Badge(lazy_gettext("Amended"), "busy", "check"),
}
_ANSWER_WORDS = {
    "uninfected": lazy_gettext("Not infected"),
    "parasitised": lazy_gettext("Infected"),
    RING: lazy_gettext("Ring"),
    TROPHOZOITE: lazy_gettext("Trophozoite"),
    SCHIZONT: lazy_gettext("Schizont"),
    GAMETOCYTE: lazy_gettext("Gametocyte"),
    "debris": lazy_gettext("Not a cell"),
}
_CHOICE_WORDS = {
    "unknown": lazy_gettext("unknown"),
    "female": lazy_gettext("female"),
    "male": lazy_gettext("male"),
    "other": lazy_gettext("other"),
    THIN: lazy_gettext("thin"),
    THICK: lazy_gettext("thick"),
}


def verdict_words(verdict: str, status: str = FINAL) -> str:
    """A verdict in a few words; of the machine where its result is preliminary."""
    if status == PRELIMINARY and verdict in VERDICT_BADGES:
        return str(VERDICT_BADGES[verdict].word)
    return str(verdict_text(verdict, reviewed=True).title)


def result_badge(status: str) -> Badge:
    """Whether a result is the machine's, signed, or changed after that."""
    return RESULT_BADGES.get(status, Badge(status, "fault", "question"))


def per_ul(value: float | None) -> str:
    """A density to three digits: a count carries no more."""
    return figures.per_ul(value, current_language())


def answer_words(label: str) -> str:
    """What a person said of a cell, short."""
    return str(_ANSWER_WORDS.get(label, label_words(label)))


def choice_words(value: str) -> str:
    """An age band, a sex or a kind of smear; what is no word stays as it is."""
    return str(_CHOICE_WORDS.get(value, value))


def count_words(count: PersonCount) -> str:
    """What a person counted, and against what."""
    values = {"parasites": number(count.parasites), "gametocytes": number(count.gametocytes)}
    if count.smear == THICK:
        return _(
            "%(parasites)s parasites, %(gametocytes)s gametocytes against %(cells)s white cells, "
            "thick smear",
            cells=number(count.wbc_counted),
            **values,
        )
    return _(
        "%(parasites)s parasites, %(gametocytes)s gametocytes against %(cells)s red cells, thin "
        "smear",
        cells=number(count.rbc_counted),
        **values,
    )


FILTERS = {
    name.__name__: name
    for name in (
        verdict_words,
        result_badge,
        per_ul,
        answer_words,
        choice_words,
        count_words,
        is_infected,
    )
}
