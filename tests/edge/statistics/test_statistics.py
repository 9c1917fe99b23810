"""Figures of weeks against what was made up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import DataError
from edge.contract.types import FieldQuality, FieldResult
from edge.protocol import default_protocol
from edge.reports.monthly.counts import read_month
from edge.reports.monthly.plots import LEFT, RIGHT
from edge.signing import sign
from edge.statistics.counts import Counts, Outcomes, cause, count, sites
from edge.statistics.kept import Figures
from edge.statistics.plots import age_plot, outcome_plot
from edge.statistics.readers import agreement_of
from edge.statistics.wanted import Wanted, latest
from edge.store.audit import Audit
from edge.store.correcting import correct_specimen
from edge.store.outbox import Outbox
from edge.store.records import THICK, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from tests.support.clinic_specimens import store_specimen

PROTOCOL = default_protocol()
MONDAY = date(2026, 11, 2)
SPAN = Wanted(MONDAY, date(2026, 11, 15))
PATIENTS = (
    Patient("P-1", "0-4", "female", "Ward"),
    Patient("P-2", "15+", "male", "Ward"),
    Patient("P-3", "unknown", "unknown", ""),
)


class Clock:
    now = "2026-11-02T00:00:00+00:00"

    def __call__(self) -> str:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    found = Store(tmp_path / "home", now=clock)
    for patient in PATIENTS:
        Register(found).add_patient(patient)
    yield found
    found.close()


def specimen(store: Store, day: str, patient: str | None, label: str | None, **more: Any) -> str:
    """One of a day, signed with this label of its cell; None leaves it unsigned."""
    store.now.now = f"{day}T12:00:00+00:00"  # type: ignore[attr-defined]
    details = SpecimenDetails(patient, site="Ward" if patient else "")
    specimen_id = store_specimen(store, 1, verdict="positive", details=details, **more)
    if label is not None:
        for cell in store.suspect_cells(specimen_id):
            Reviews(store).review_cell(cell.cell_id, label, "Ana")
        sign(store, specimen_id, "Ana", PROTOCOL)
    return specimen_id


def refuse_field(store: Store, specimen_id: str, index: int, reason: str) -> None:
    quality = FieldQuality(False, reason, 1.0, 20.0, 0.0, 0.0)
    with store.session(writes=True) as session:
        from edge.store.schema import field_row

        session.add(field_row(specimen_id, index, FieldResult("x", quality), None, None))


def fill(store: Store) -> None:
    specimen(store, "2026-11-01", "P-1", "ring")  # the Sunday before
    specimen(store, "2026-11-02", "P-1", "ring")
    specimen(store, "2026-11-08", "P-2", "uninfected")
    specimen(store, "2026-11-09", None, "ring")
    open_one = specimen(store, "2026-11-15", "P-3", None)
    specimen(store, "2026-11-16", "P-1", "ring")  # the Monday after
    refuse_field(store, open_one, 1, "the same place as in field 3: move on")
    refuse_field(store, open_one, 2, "the same place as in field 12: move on")
    refuse_field(store, open_one, 3, "too dark: raise the lamp")


def counted(store: Store, **more: Any) -> Counts:
    return count(store, Wanted(SPAN.first, SPAN.last, **more))


def test_weeks_count_signed_answers_by_age(store: Store) -> None:
    fill(store)
    found = counted(store)
    assert found.all == Outcomes(positive=2, negative=1, open=1)
    assert [week.monday for week in found.weeks] == [MONDAY, date(2026, 11, 9)]
    assert [week.all for week in found.weeks] == [Outcomes(1, 1, 0), Outcomes(1, 0, 1)]
    first, second = found.weeks
    assert first.by_age["0-4"].positive == 1 and first.by_age["15+"].negative == 1
    assert second.by_age["unknown"] == Outcomes(1, 0, 1)
    assert (found.by_age["0-4"].share.count, found.by_age["0-4"].share.of) == (1, 1)


def test_refused_fields_are_grouped_by_their_cause(store: Store) -> None:
    fill(store)
    found = counted(store)
    assert found.fields == 7 and (found.refused.count, found.refused.of) == (3, 7)
    assert [one.count for one in found.refusals] == [2, 1]
    assert found.refusals[0].reason == "the same place as in field 12: move on"
    assert cause("field 3, 1,200 cells (0.5)") == "field #, # cells (#)"


def test_figures_are_of_what_was_asked_for_alone(store: Store) -> None:
    fill(store)
    assert counted(store, age_band="0-4").all == Outcomes(1, 0, 0)
    assert counted(store, age_band="unknown").all == Outcomes(1, 0, 1)
    assert counted(store, sex="male").all == Outcomes(0, 1, 0)
    assert counted(store, site="Ward").all == Outcomes(1, 1, 1)
    assert counted(store, task="chest-xray").all == Outcomes()
    assert sites(store) == ["Ward"]
    empty = count(store, Wanted(date(2020, 1, 1), date(2020, 1, 1)))
    assert (empty.all, empty.fields, empty.refused.share) == (Outcomes(), 0, None)
    assert len(empty.weeks) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"last": date(2026, 11, 1)}, "before they begin"),
        ({"last": date(2029, 1, 1)}, "two years"),
        ({"age_band": "old"}, "age_band"),
        ({"sex": "?"}, "sex"),
        ({"task": "tea"}, "task"),
    ],
)
def test_span_that_is_none_is_refused(more: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why):
        Wanted(**({"first": MONDAY, "last": MONDAY} | more))


def test_machine_and_reader_agree_as_in_the_months_summary(store: Store) -> None:
    fill(store)
    counted_one = specimen(store, "2026-11-10", "P-1", None)
    slide = Register(store).add_slide(counted_one, THICK)
    Tallies(store).add(slide.slide_id, "Ben", parasites=100, wbc_counted=200)
    span, by_month = agreement_of(store, Wanted(date(2026, 11, 1), date(2026, 11, 30)), PROTOCOL)
    assert span == by_month["2026-11"] == read_month(store, "2026-11", PROTOCOL).agreement
    assert (span.specimens, span.both_positive, span.machine_alone) == (6, 5, 1)


def test_corrected_machines_result_is_no_readers(store: Store) -> None:
    specimen_id = specimen(store, "2026-11-02", "P-1", None)
    Outbox(store).add("hub", "fhir", specimen_id, 1, b"{}")
    record = store.specimen(specimen_id)
    details = SpecimenDetails("P-2", site=record.site)
    correct_specimen(store, specimen_id, "Ana", "mixed up", details, PATIENTS[1])
    assert len(Results(store).history(specimen_id)) == 2
    assert agreement_of(store, SPAN, PROTOCOL)[0].specimens == 0
    assert read_month(store, "2026-11", PROTOCOL).agreement.specimens == 0


def test_plots_show_each_week_within_their_box(store: Store) -> None:
    fill(store)
    weeks = count(store, Wanted(date(2026, 1, 1), date(2026, 12, 31))).weeks
    for plot in (outcome_plot(weeks, str), age_plot(weeks, str)):
        assert all(one.x >= LEFT and one.x + one.width <= RIGHT for one in plot.blocks)
        assert 2 <= len(plot.labels) <= 6 and plot.labels[-1].text == str(weeks[-1].monday)
    tones = {one.tone for one in age_plot(weeks, str).blocks}
    assert tones == {"age-0", "age-3"}


def test_usual_span_is_of_whole_weeks() -> None:
    assert latest(date(2026, 11, 26), 2) == (date(2026, 11, 16), date(2026, 11, 26))
    assert latest(MONDAY, 1) == (MONDAY, MONDAY)


def test_figures_are_kept_until_something_changes(store: Store) -> None:
    fill(store)
    figures = Figures()
    first = figures.of(store, SPAN, PROTOCOL)
    Audit(store).write("Ana", "specimen.seen", "x", {})
    assert figures.of(store, SPAN, PROTOCOL) is first
    specimen(store, "2026-11-10", "P-1", "ring")
    second = figures.of(store, SPAN, PROTOCOL)
    assert second[0].all.positive == first[0].all.positive + 1
    for day in range(1, 20):
        figures.of(store, Wanted(date(2026, 10, day), MONDAY), PROTOCOL)
    assert figures.of(store, SPAN, PROTOCOL) is not second
