"""The words of a specimen's report in a language, the same in HTML and PDF. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge import figures
from edge.contract.labels import STAGES
from edge.language import ENGLISH, language_of, mark, translate
from edge.reports.content import CellPicture, SpecimenContent
from edge.reports.wording import Wording, label_words, wording_of, xray_rows
from edge.retelling import retell
from edge.store.records import (
    AMENDED,
    CHEST_XRAY,
    DEVICE,
    DONE,
    FAILED,
    FINAL,
    INTERRUPTED,
    PRELIMINARY,
    STOPPED,
    THICK,
    THIN,
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
_UNREAD = {
    STOPPED: mark("stopped early"),
    INTERRUPTED: mark("interrupted"),
    FAILED: mark("failed"),
}
_SMEARS = {THIN: mark("thin"), THICK: mark("thick")}
_SEXES = {
    "female": mark("female"),
    "male": mark("male"),
    "other": mark("other"),
    "unknown": mark("sex not known"),
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
        nothing = say("No result")
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
            specimen=_rows(self._specimen()),
            counts=_rows((*self._before(result), *self._counts())),
            persons=_rows(self._persons()),
            ran=_rows(self._ran()),
            assumptions=tuple(self._retold(self._report.get("assumptions", ()))),
            versions=tuple(self._versions()) if len(content.found.history) > 1 else (),
            made=say("Made %(time)s", time=self._moment(content.made_utc)),
            unread=not_reviewed(self._language),
        )

    def _say(self, text: str, **values: object) -> str:
        return translate(text, self._language, **values)

    def _moment(self, utc: str | None) -> str:
        return moment(utc, self._language)

    def _number(self, value: int) -> str:
        return figures.number(value, self._language)

    def _retold(self, sentences: Iterable[str]) -> list[str]:
        return [retell(sentence, self._language) for sentence in sentences]

    def _specimen(self) -> Iterable[tuple[str, Any]]:
        say, specimen, patient = self._say, self._content.specimen, self._content.patient
        yield say("Label"), specimen.label
        yield say("Specimen"), specimen.specimen_id
        yield say("Barcode"), specimen.barcode
        yield say("Patient"), specimen.patient_id or say("not registered")
        if patient:
            age = say("age not known") if patient.age_band == "unknown" else patient.age_band
            yield say("Age, sex"), f"{age}, {say(_SEXES[patient.sex])}"
        yield say("Site"), specimen.site
        is_xray = specimen.task == CHEST_XRAY
        taken = say("X-ray taken") if is_xray else say("Blood drawn")
        yield taken, self._moment(specimen.collected_utc)
        yield say("Screened"), self._moment(specimen.started_utc)
        yield say("By"), specimen.operator
        yield say("Slides"), ", ".join(self._slides())
        if specimen.status != DONE:
            yield say("Screening"), say(_UNREAD.get(specimen.status, specimen.status))
        if specimen.source == "simulated":
            yield say("Source"), say("SIMULATED smear, no patient's blood")

    def _slides(self) -> Iterable[str]:
        for slide in self._content.found.slides:
            smear = self._say(_SMEARS[slide.smear])
            yield f"{smear} ({slide.barcode})" if slide.barcode else smear

    def _before(self, result: Result | None) -> Iterable[tuple[str, Any]]:
        """An amendment changes the verdict alone."""
        if result is not None and result.status == AMENDED:
            yield self._say("Figures"), self._say("as they were signed, not amended")

    def _counts(self) -> Iterable[tuple[str, Any]]:
        say, number, report = self._say, self._number, self._report
        if not report:
            return
        if self._content.specimen.task == CHEST_XRAY:
            yield from xray_rows(report, self._language)
            return
        yield (
            say("Red cells counted"),
            say(
                "%(count)s of %(asked)s asked",
                count=number(report["rbc_count"]),
                asked=number(report["minimum_rbc_count"]),
            ),
        )
        yield say("Of them infected"), number(report["positive_count"])
        names = ("parasitaemia_fraction", "ci_low", "ci_high")
        yield say("Parasitaemia"), self._with_interval(report, names, figures.percent)
        names = ("density_per_ul", "density_low_per_ul", "density_high_per_ul")
        yield say("Parasites per µL"), self._with_interval(report, names, figures.per_ul)
        yield say("Stages"), ", ".join(self._stages())
        yield (
            say("Fields"),
            say(
                "%(read)s read, %(refused)s refused",
                read=number(report["fields_read"]),
                refused=number(report["fields_refused"]),
            ),
        )
        if report.get("disagreement_count"):
            count = number(report["disagreement_count"])
            yield say("Second opinion"), say("differs on %(count)s cells", count=count)
        if report.get("uncounted_suspect_count"):
            yield say("Suspect, not counted"), number(report["uncounted_suspect_count"])

    def _stages(self) -> Iterable[str]:
        counts = self._report.get("stage_counts") or {}
        for stage in STAGES:
            if counts.get(stage):
                yield f"{self._number(counts[stage])} {label_words(stage, self._language)}"

    def _with_interval(
        self, values: dict[str, Any], names: tuple[str, str, str], words: Any
    ) -> str | None:
        value, low, high = (values.get(name) for name in names)
        if value is None or low is None:
            return None
        told = {"value": value, "low": low, "high": high}
        words_of = {name: words(one, self._language) for name, one in told.items()}
        return self._say("%(value)s (%(low)s to %(high)s)", **words_of)

    def _persons(self) -> Iterable[tuple[str, Any]]:
        say, found, report = self._say, self._content.found, self._report
        if found.cells:
            told = say(
                "%(done)s of %(total)s",
                done=self._number(found.done_count),
                total=self._number(len(found.cells)),
            )
            names = ", ".join(sorted({review.by for review in found.reviews.values()}))
            by = say("%(told)s by %(names)s", told=told, names=names) if names else told
            is_xray = found.specimen.task == CHEST_XRAY
            yield say("Pictures read") if is_xray else say("Suspect cells reviewed"), by
        if report.get("reviewed_count") and found.specimen.task != CHEST_XRAY:
            yield (
                say("Infected, rejected"),
                say(
                    "%(confirmed)s infected, %(rejected)s not",
                    confirmed=self._number(report["confirmed_count"]),
                    rejected=self._number(report["rejected_count"]),
                ),
            )
        for count in report.get("person_counts", ()):
            smear = say(_SMEARS.get(count["smear"], count["smear"]))
            name = say("%(name)s, %(smear)s smear", name=count["by"], smear=smear)
            yield name, self._person_count(count)

    def _person_count(self, count: dict[str, Any]) -> str:
        number, thick = self._number, bool(count["wbc_counted"])
        text = mark(
            "%(parasites)s parasites, %(gametocytes)s gametocytes against %(cells)s red cells: "
            "%(density)s per µL (%(low)s to %(high)s)."
        )
        if thick:
            text = mark(
                "%(parasites)s parasites, %(gametocytes)s gametocytes against %(cells)s white "
                "cells: %(density)s per µL (%(low)s to %(high)s)."
            )
        names = ("density_per_ul", "density_low_per_ul", "density_high_per_ul")
        density, low, high = (figures.per_ul(count[name], self._language) for name in names)
        told = self._say(
            text,
            parasites=number(count["parasites"]),
            gametocytes=number(count["gametocytes"]),
            cells=number(count["wbc_counted"] if thick else count["rbc_counted"]),
            density=density,
            low=low,
            high=high,
        )
        return f"{told} {retell(count['assumption'], self._language)}"

    def _ran(self) -> Iterable[tuple[str, Any]]:
        say, report = self._say, self._report
        if not report.get("bundle_id"):
            return
        yield say("Model"), f"{report['bundle_id']} ({report['bundle_sha256'][:12]})"
        yield say("Ran on"), f"{report['runtime']}, {report['accelerator']}"
        if report["fallback"]:
            why = report.get("fallback_why")
            other = say("the preferred one could not be used")
            yield say("Fallback"), retell(why, self._language) if why else other
        if report.get("stages_bundle_id"):
            sha256 = report["stages_bundle_sha256"][:12]
            yield say("Stages"), f"{report['stages_bundle_id']} ({sha256})"
        version = report.get("protocol_version")
        name = f"{report['protocol']}@{version}" if version else report["protocol"]
        yield say("Protocol"), name

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
