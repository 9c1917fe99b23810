"""The rows of a specimen's report in a language: names and values under one another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edge import figures
from edge.contract.labels import STAGES
from edge.language import mark, translate
from edge.reports.content import SpecimenContent
from edge.reports.wording import label_words, xray_rows
from edge.retelling import retell
from edge.store.records import (
    CHEST_XRAY,
    DONE,
    FAILED,
    INTERRUPTED,
    STOPPED,
    THICK,
    THIN,
)

Found = Iterable[tuple[str, Any]]
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


class Rows:
    """Of one report in one language; a row without a value is left out by who takes them."""

    def __init__(self, content: SpecimenContent, language: str) -> None:
        self._content, self._language = content, language
        self._report = content.report

    def specimen(self) -> Found:
        """Whose it is and what was done with it."""
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

    def counts(self) -> Found:
        """What was counted, or seen in each picture."""
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

    def persons(self) -> Found:
        """What persons said and counted."""
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

    def ran(self) -> Found:
        """What computed it."""
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

    def _say(self, text: str, **values: object) -> str:
        return translate(text, self._language, **values)

    def _moment(self, utc: str | None) -> str:
        return figures.moment(utc, self._language) if utc else ""

    def _number(self, value: int) -> str:
        return figures.number(value, self._language)
