"""A month's summary: counts against what was made up, plots, PDF and command."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.agreement import share_of
from edge.cli import main
from edge.contract.errors import DataError
from edge.protocol import default_protocol
from edge.reports.monthly.counts import Day, Group, month_bounds, read_month
from edge.reports.monthly.lines import agreement_rows, count_rows
from edge.reports.monthly.pdf import render_month
from edge.reports.monthly.plots import BOTTOM, TOP, day_plot, share_rows
from edge.signing import amend, sign
from edge.store.records import Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.review import Reviews
from edge.store.store import Store
from tests.support.clinic_specimens import store_specimen

PROTOCOL = default_protocol()
HOSTILE = "<script>alert(1)</script>"


class Clock:
    """Says what time it is told to."""

    now = "2026-11-01T00:00:00+00:00"

    def __call__(self) -> str:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    found = Store(tmp_path / "home", now=clock)
    yield found
    found.close()


def specimen(store: Store, label: str | None, patient: Patient | None = None) -> str:
    """One signed with this label of its cells; None leaves it unsigned."""
    details = None
    if patient is not None:
        Register(store).add_patient(patient)
        details = SpecimenDetails(patient_id=patient.patient_id, site=patient.site)
    specimen_id = store_specimen(store, 1, verdict="positive", details=details)
    if label is not None:
        for cell in store.suspect_cells(specimen_id):
            Reviews(store).review_cell(cell.cell_id, label, "Ana")
        sign(store, specimen_id, "Ana", PROTOCOL)
    return specimen_id


def fill(store: Store, clock: Clock) -> None:
    clock.now = "2026-10-31T23:59:59+00:00"
    specimen(store, "ring")
    clock.now = "2026-11-01T00:00:00+00:00"
    specimen(store, "ring", Patient("P-1", "0-4", "female", HOSTILE))
    specimen(store, "uninfected", Patient("P-2", "0-4", "male", "Ward"))
    clock.now = "2026-11-30T23:59:59+00:00"
    specimen(store, "uninfected")
    specimen(store, None)
    amended = specimen(store, "ring")
    amend(store, amended, "Ben", "wrong slide", "inconclusive", PROTOCOL)
    clock.now = "2026-12-01T00:00:00+00:00"
    specimen(store, "ring")


def test_month_counts_signed_results_of_its_days_alone(store: Store, clock: Clock) -> None:
    fill(store, clock)
    month = read_month(store, "2026-11", PROTOCOL)
    assert (month.specimens, month.preliminary) == (5, 1)
    assert month.signed == {"positive": 1, "negative": 2, "inconclusive": 1, "refused": 0}
    assert (month.positive.count, month.positive.of) == (1, 3)
    assert month.days[0] == Day(1, 1, 1, 0) and month.days[29] == Day(30, 0, 1, 2)
    assert len(month.days) == 30
    ages = {group.name: (group.positive.count, group.positive.of) for group in month.by_age}
    assert ages == {"0-4": (1, 2), "unknown": (0, 1)}
    assert {group.name for group in month.by_site} == {HOSTILE, "Ward", "not named"}
    assert (month.fields_read, month.fields_refused) == (60, 5)
    agreement = month.agreement
    assert (agreement.specimens, agreement.both_positive, agreement.machine_alone) == (4, 1, 2)
    rows = dict(count_rows(month))
    assert rows["Positive share"].startswith("33 % (1 to 91 %) of 3")
    assert rows["Fields refused"] == "5 of 65 (7.7 %)"
    assert dict(agreement_rows(month))["Machine alone positive"] == "2"
    data = render_month(month, store.now())
    assert data.startswith(b"%PDF-")


def test_empty_month_has_no_share(store: Store) -> None:
    month = read_month(store, "2024-02", PROTOCOL)
    assert (month.specimens, month.positive.share, len(month.days)) == (0, None, 29)
    assert agreement_rows(month) == () and dict(count_rows(month))["Positive share"] == "–"
    assert render_month(month, store.now()).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "26-11", "2026-11-01", HOSTILE, "", "٢٠٢٦-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="write it as 2026-11"):
        month_bounds(text)


def test_december_ends_with_the_year() -> None:
    assert month_bounds("2026-12") == ("2026-12-01", "2027-01-01")


@pytest.mark.parametrize("most", [0, 1, 7, 31, 499, 12_345])
def test_bars_stay_within_their_plot(most: int) -> None:
    plot = day_plot([Day(1, most, 0, 0), Day(2, 0, most // 2, most // 2)])
    assert all(block.y >= TOP and block.y + block.height <= BOTTOM + 0.2 for block in plot.blocks)
    assert 2 <= len(plot.counts) <= 7
    stacked = [block for block in plot.blocks if block.x > 100]
    for under, over in pairwise(stacked):
        assert over.y + over.height == pytest.approx(under.y, abs=0.2)


def test_shares_lie_in_order() -> None:
    (row,) = share_rows([Group("a", share_of(3, 10)), Group("b", share_of(0, 0))])
    assert row.low < row.estimate < row.high and row.told == "3 / 10"


def test_command_writes_a_month(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    fill(store, clock)
    monkeypatch.setenv("CLINICSCOPE_HOME", str(store.home))
    out = tmp_path / "month.pdf"
    assert main(["summary", "2026-11", "--out", str(out)]) == 0
    assert "5 specimens, 1 positive" in capsys.readouterr().out
    assert out.read_bytes().startswith(b"%PDF-")
    assert main(["summary", "2026-13", "--out", str(out)]) == 3
    assert main(["summary", "2026-11", "--out", str(tmp_path / "a.html")]) == 2
