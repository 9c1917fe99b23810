"""The words of a month's summary in a language, the same on the page and as PDF. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from babel.dates import format_date

from edge import figures
from edge.agreement import Share
from edge.language import ENGLISH, mark, translate
from edge.reports.monthly.counts import Group, Month

Row = tuple[str, str]
_SIGNED_AS = {
    "positive": mark("Signed as positive"),
    "negative": mark("Signed as negative"),
    "inconclusive": mark("Signed as inconclusive"),
    "refused": mark("Signed as refused"),
}
_GROUPS = {
    "female": mark("female"),
    "male": mark("male"),
    "other": mark("other"),
    "unknown": mark("not known"),
    "not named": mark("not named"),
}


def month_words(month: str, language: str = ENGLISH) -> str:
    """A month (YYYY-MM) by its name."""
    first = date(int(month[:4]), int(month[5:]), 1)
    return str(format_date(first, "LLLL y", locale=figures.locale_of(language)))


def count_rows(month: Month, language: str = ENGLISH) -> tuple[Row, ...]:
    """What was screened, signed and found."""

    def row(name: str, count: int) -> Row:
        return translate(name, language), figures.number(count, language)

    return (
        row(mark("Specimens screened"), month.specimens),
        row(mark("Signed by a person"), sum(month.signed.values())),
        row(mark("Not signed yet"), month.preliminary),
        *(row(_SIGNED_AS[name], count) for name, count in month.signed.items()),
        (translate("Positive share", language), share_words(month.positive, language)),
        (translate("Fields refused", language), _refused(month, language)),
    )


def agreement_rows(month: Month, language: str = ENGLISH) -> tuple[Row, ...]:
    """How far the machine's own result and the reader's agree."""
    found = month.agreement
    if not found.specimens:
        return ()

    def row(name: str, *values: str) -> Row:
        return translate(name, language), ", ".join(values)

    def number(count: int) -> str:
        return figures.number(count, language)

    rows = [
        row(
            mark("Both positive, both negative"),
            number(found.both_positive),
            number(found.both_negative),
        ),
        row(mark("Machine alone positive"), number(found.machine_alone)),
        row(mark("Reader alone positive"), number(found.reader_alone)),
        row(mark("Without an answer of both"), number(found.unanswered)),
        row(mark("Sensitivity"), share_words(found.sensitivity, language)),
        row(mark("Specificity"), share_words(found.specificity, language)),
    ]
    kappa = (found.kappa.kappa, found.kappa.low, found.kappa.high)
    if None not in kappa:
        value, low, high = (figures.decimal(one or 0, 2, language) for one in kappa)
        text = mark("%(value)s (%(low)s to %(high)s)")
        told = translate(text, language, value=value, low=low, high=high)
        rows.append(row(mark("Kappa"), told))
    if found.density.ratio is not None:
        times = figures.decimal(found.density.ratio, 2, language)
        rows.append(
            row(
                mark("Density, machine over reader"),
                translate("%(count)s times", language, count=times),
            )
        )
    return tuple(rows)


def share_words(share: Share, language: str = ENGLISH) -> str:
    """A share with its 95 % interval."""
    if share.share is None:
        return figures.NONE
    whole = [
        figures.decimal(100 * (value or 0), 0, language)
        for value in (share.share, share.low, share.high)
    ]
    return translate(
        "%(share)s %% (%(low)s to %(high)s %%) of %(total)s",
        language,
        share=whole[0],
        low=whole[1],
        high=whole[2],
        total=figures.number(share.of, language),
    )


def named(groups: Iterable[Group], language: str = ENGLISH) -> tuple[Group, ...]:
    """Groups by their words: what was not told of a patient or a specimen, and each sex."""
    return tuple(
        replace(group, name=translate(_GROUPS.get(group.name, group.name), language))
        for group in groups
    )


def _refused(month: Month, language: str) -> str:
    fields = month.fields_read + month.fields_refused
    told = translate(
        "%(count)s of %(total)s",
        language,
        count=figures.number(month.fields_refused, language),
        total=figures.number(fields, language),
    )
    if not fields:
        return told
    return f"{told} ({figures.percent(month.fields_refused / fields, language)})"
