"""What persons say and sign, as the words that a page shows. Pure."""

from __future__ import annotations

from edge.contract.labels import GAMETOCYTE, RING, SCHIZONT, TROPHOZOITE, is_infected
from edge.store.records import AMENDED, FINAL, PRELIMINARY
from web_ui.words import VERDICT_BADGES, Badge, label_words, verdict_text

# A person saw them.
SEEN_BADGE = Badge("Parasites seen", "positive", "alert")
RESULT_BADGES = {
    PRELIMINARY: Badge("Preliminary", "unsure", "question"),
    FINAL: Badge("Final", "negative", "check"),
    AMENDED: Badge("Amended", "busy", "check"),
}
_ANSWER_WORDS = {
    "uninfected": "Not infected",
    "parasitised": "Infected",
    RING: "Ring",
    TROPHOZOITE: "Trophozoite",
    SCHIZONT: "Schizont",
    GAMETOCYTE: "Gametocyte",
    "debris": "Not a cell",
}


def verdict_words(verdict: str, status: str = FINAL) -> str:
    """A verdict in a few words; of the machine where its result is preliminary."""
    if status == PRELIMINARY and verdict in VERDICT_BADGES:
        return VERDICT_BADGES[verdict].word
    return verdict_text(verdict, reviewed=True).title


def result_badge(status: str) -> Badge:
    """Whether a result is the machine's, signed, or changed after that."""
    return RESULT_BADGES.get(status, Badge(status, "fault", "question"))


def per_ul(value: float | None) -> str:
    """A density to three digits: a count carries no more."""
    if value is None:
        return "–"
    if value < 1:
        return "0" if value == 0 else "under 1"
    digits = max(len(str(int(value))) - 3, 0)
    return f"{round(value, -digits):,.0f}"


def answer_words(label: str) -> str:
    """What a person said of a cell, short."""
    return _ANSWER_WORDS.get(label, label_words(label))


FILTERS = {
    name.__name__: name for name in (verdict_words, result_badge, per_ul, answer_words, is_infected)
}
