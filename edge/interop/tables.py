"""Results as CSV, a line a specimen, safe to open in a spreadsheet; written as it is read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from edge.interop.cases import Case

# A spreadsheet takes text that begins so for a formula (OWASP, "CSV Injection"); the full-width
# forms are those that Excel reads as the plain ones. Where a semicolon parts cells, as in half of
# Europe's Excel, a cell begins after each, quoted or not.
_FORMULA = re.compile(r"(^|[;\r\n\t]) *(?=[=+\-@\t\r\n＝＋－＠])")
_OF_REPORT = (
    "verdict",
    "why",
    "rbc_count",
    "positive_count",
    "parasitaemia_fraction",
    "ci_low",
    "ci_high",
    "density_per_ul",
    "density_low_per_ul",
    "density_high_per_ul",
    "gametocyte_count",
    "fields_read",
    "fields_refused",
    "reviewed_count",
    "confirmed_count",
    "rejected_count",
    "unreviewed_count",
    "finding",
    "finding_score",
)
_OF_RUN = ("bundle_id", "bundle_sha256", "runtime", "accelerator", "fallback", "fallback_why")
COLUMNS = (
    "specimen_id",
    "task",
    "label",
    "barcode",
    "patient_id",
    "age_band",
    "sex",
    "site",
    "operator",
    "collected_utc",
    "started_utc",
    "finished_utc",
    "status",
    "error",
    "protocol",
    "result_version",
    "result_status",
    "result_by",
    "result_utc",
    "amended_because",
    *_OF_REPORT,
    *_OF_RUN,
)


def neutral(value: Any) -> str:
    """A cell that no spreadsheet runs: what begins as a formula gets an apostrophe before it.

    Numbers stay numbers, and negative ones too; of None comes nothing.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("\x00", "")
    # A file name that is no UTF-8 has halves of characters.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _FORMULA.sub(r"\1'", text)


def csv_lines(cases: Iterable[Case]) -> Iterator[bytes]:
    """The table, UTF-8 with a byte order mark (or Excel guesses), header first."""
    yield b"\xef\xbb\xbf" + _line(list(COLUMNS))
    for case in cases:
        values = _values(case)
        yield _line([neutral(values.get(name)) for name in COLUMNS])


def _line(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _values(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = dict(vars(case.specimen))
    # What is told of the verdict is the newest result's, and nothing where there is none.
    found |= dict.fromkeys((*_OF_REPORT, *_OF_RUN))
    found["site"] = case.site
    if case.patient:
        found |= {"age_band": case.patient.age_band, "sex": case.patient.sex}
    if case.result and case.report:
        found |= {name: getattr(case.report, name) for name in _OF_REPORT}
        found |= {name: getattr(case.report.ran_on, name) for name in _OF_RUN}
        found |= {
            "result_version": case.result.version,
            "result_status": case.result.status,
            "result_by": case.result.by,
            "result_utc": case.result.at_utc,
            "amended_because": case.result.reason,
        }
    return found
