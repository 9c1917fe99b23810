"""The words of a specimen's report in a language, the same in HTML and PDF. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge import figures
from edge.language import ENGLISH, language_of, mark, translate
from edge.reports.content import CellPicture, SpecimenContent
from edge.reports.rows import Rows
from edge.reports.wording import Wording, label_words, wording_of
from edge.retelling import retell
from edge.store.records import (
    AMENDED,
    DEVICE,
    FINAL,
    PRELIMINARY,
    Result,
)

NOTICE = mark("For research and screening support, not for diagnosis.")
Row = tuple[str, str]
_STATES = {
    PRELIMINARY: mark("PRELIMINARY"),
    FINAL: mark("FINAL"),
    AMENDED: mark("AMENDED"),
}
_VERDICTS = {
    "positive": mark("positive"),
    "negative": mark("negative"),
    "inconclusive": mark("inconclusive"),
    "refused": mark("refused"),
}


@dataclass(frozen=True)
class Lines:
    """A report in words.

    Attributes:
        language: code of the language that all of it is in.
        words: what the report calls things.
        state: PRELIMINARY, FINAL or AMENDED, in that language.
        tone: "positive", "negative" or "unsure", for its colour; the title says the same.
        signature: who answers for it, or that none does yet.
        versions: what it was before, oldest first; with reasons.
        unread: that no speaker has read the translation; empty where one has.
    """

    language: str
    words: Wording
    notice: str
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
    unread: str

    def say(self, text: str, **values: object) -> str:
        """A text of the report's frame in its language."""
        return translate(text, self.language, **values)


def lines_of(content: SpecimenContent, language: str = ENGLISH) -> Lines:
    """A report in words of a language."""
    return _Writer(content, language).lines()


def not_reviewed(language: str) -> str:
    """That no speaker has read a translation, in it and in English; empty where one has."""
    if language_of(language).reviewed:
        return ""
    told = mark("This translation has not yet been reviewed by a speaker.")
    return f"{translate(told, language)} (Translation not yet reviewed by a speaker.)"


def moment(utc: str | None, language: str = ENGLISH) -> str:
    """A time in words; nothing for none."""
    return figures.moment(utc, language) if utc else ""


def shown(content: SpecimenContent, lines: Lines) -> str:
    """How many of the suspect cells, or of the X-rays, are shown."""
    count, total = len(content.pictures), len(content.found.cells)
    return lines.say("%(count)s of %(total)s are shown.", count=count, total=total)


def caption(picture: CellPicture, words: Wording, language: str = ENGLISH) -> tuple[str, str]:
    """What the device and what a person says of a picture."""
    cell, review = picture.cell, picture.review
    device = translate(
        words.device,
        language,
        label=label_words(cell.label, language),
        score=figures.decimal(cell.score, 2, language),
        number=cell.field_index + 1,
    )
    if review is None:
        return device, translate("not reviewed", language)
    return device, f"{label_words(review.label, language)}: {review.by}"


class _Writer:
    """One report in one language."""

    def __init__(self, content: SpecimenContent, language: str) -> None:
        self._content, self._language = content, language
        self._report = content.report

    def lines(self) -> Lines:
        """All of it."""
        content, say = self._content, self._say
        words = wording_of(content.specimen.task, self._language)
        signed, verdict, result = content.found.signed, content.verdict, content.found.result
        advice = words.advice.get(verdict, "")
        if verdict == "positive" and not signed:
            advice = words.confirm
        nothing, rows = say("No result"), Rows(content, self._language)
        return Lines(
            language=self._language,
            words=words,
            notice=say(NOTICE),
            title=words.titles.get(verdict, (nothing, nothing))[signed],
            state=say(_STATES[result.status]) if result else say("NO RESULT"),
            tone=verdict if verdict in ("positive", "negative") else "unsure",
            why=retell(content.why, self._language),
            advice=advice,
            signature=self._signature(result),
            specimen=_rows(rows.specimen()),
            counts=_rows((*self._before(result), *rows.counts())),
            persons=_rows(rows.persons()),
            ran=_rows(rows.ran()),
            assumptions=tuple(self._retold(self._report.get("assumptions", ()))),
            versions=tuple(self._versions()) if len(content.found.history) > 1 else (),
            made=say("Made %(time)s", time=self._moment(content.made_utc)),
            unread=not_reviewed(self._language),
        )

    def _say(self, text: str, **values: object) -> str:
        return translate(text, self._language, **values)

    def _moment(self, utc: str | None) -> str:
        return moment(utc, self._language)

    def _retold(self, sentences: Iterable[str]) -> list[str]:
        return [retell(sentence, self._language) for sentence in sentences]

    def _before(self, result: Result | None) -> Iterable[tuple[str, Any]]:
        """An amendment changes the verdict alone."""
        if result is not None and result.status == AMENDED:
            yield self._say("Figures"), self._say("as they were signed, not amended")

    def _signature(self, result: Result | None) -> str:
        if result is None or result.status not in (FINAL, AMENDED):
            return self._say("PRELIMINARY: the device's own result. No person has signed it.")
        told = {"name": result.by, "time": self._moment(result.at_utc)}
        if result.status == FINAL:
            return self._say("Final, signed by %(name)s at %(time)s", **told)
        return self._say(
            "Amended by %(name)s at %(time)s. Reason: %(reason)s", reason=result.reason, **told
        )

    def _versions(self) -> Iterable[str]:
        for version in self._content.found.history:
            verdict = version.report["verdict"]
            by = self._say("the device") if version.by == DEVICE else version.by
            parts = (
                self._say(_VERDICTS.get(verdict, verdict)),
                self._say(_STATES[version.status]).lower(),
                by,
                self._moment(version.at_utc),
            )
            reason = f": {version.reason}" if version.reason else ""
            yield f"{version.version}. {', '.join(parts)}{reason}"


def _rows(found: Iterable[tuple[str, Any]]) -> tuple[Row, ...]:
    return tuple((name, str(value)) for name, value in found if value not in (None, ""))
