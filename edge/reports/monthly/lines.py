"""The words of a month's summary, the same on the page and as PDF. Pure."""

from __future__ import annotations

from edge.agreement import Share
from edge.reports.monthly.counts import Month

Row = tuple[str, str]


def count_rows(month: Month) -> tuple[Row, ...]:
    """What was screened, signed and found."""
    fields = month.fields_read + month.fields_refused
    refused = f" ({month.fields_refused / fields:.0%})" if fields else ""
    return (
        ("Specimens screened", f"{month.specimens:,}"),
        ("Signed by a person", f"{sum(month.signed.values()):,}"),
        ("Not signed yet", f"{month.preliminary:,}"),
        *((f"Signed as {name}", f"{count:,}") for name, count in month.signed.items()),
        ("Positive share", share_words(month.positive)),
        ("Fields refused", f"{month.fields_refused:,} of {fields:,}{refused}"),
    )


def agreement_rows(month: Month) -> tuple[Row, ...]:
    """How far the machine's own result and the reader's agree."""
    found = month.agreement
    if not found.specimens:
        return ()
    kappa = found.kappa
    rows: list[Row] = [
        ("Both positive, both negative", f"{found.both_positive:,}, {found.both_negative:,}"),
        ("Machine alone positive", f"{found.machine_alone:,}"),
        ("Reader alone positive", f"{found.reader_alone:,}"),
        ("Without an answer of both", f"{found.unanswered:,}"),
        ("Sensitivity", share_words(found.sensitivity)),
        ("Specificity", share_words(found.specificity)),
    ]
    if kappa.kappa is not None:
        rows.append(("Kappa", f"{kappa.kappa:.2f} ({kappa.low:.2f} to {kappa.high:.2f})"))
    if found.density.ratio is not None:
        rows.append(("Density, machine over reader", f"{found.density.ratio:.2f} times"))
    return tuple(rows)


def share_words(share: Share) -> str:
    """A share with its 95 % interval."""
    if share.share is None:
        return "–"
    low, high = 100 * (share.low or 0), 100 * (share.high or 0)
    return f"{100 * share.share:.0f} % ({low:.0f} to {high:.0f} %) of {share.of:,}"
