"""The report that is signed: what people said of suspect cells, and what they counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.analysis.quality import NOT_A_SMEAR
from edge.contract.bundle import open_bundle
from edge.contract.errors import StoreError
from edge.contract.labels import (
    DEBRIS,
    GAMETOCYTE,
    PARASITISED,
    RING,
    STAGES,
    UNINFECTED,
    WBC,
)
from edge.contract.types import RanOn, SlideReport
from edge.protocol import (
    JudgedCell,
    judged_cells,
    load_protocol,
    load_thick_protocol,
    summarise,
    summarise_reviewed,
)
from edge.screening.calls import field_point
from edge.screening.reading import unfinished
from edge.store.interrupted import never_negative
from edge.store.records import FieldRecord, PersonTally, Review, SuspectCellRecord
from edge.tally import Tally
from tests.conftest import SHIPPED

WHO, THICK = load_protocol("who-thin-5000"), load_thick_protocol()
POINT = field_point(open_bundle(SHIPPED).manifest)
PLAIN = RanOn("b", "0", "onnx", "cpu", False, 1)
TOLD = replace(PLAIN, stages_bundle_id="s")


def machine(
    positive: int, count: int = 5000, uncounted: int = 0, ran_on: RanOn = PLAIN, **more: Any
) -> SlideReport:
    fields = more.pop("fields", 40)
    tally = Tally(count, positive, fields, 0, uncounted_suspects=uncounted, **more)
    return summarise(tally, WHO, POINT, ran_on)


def cells(number: int, judged: str | None, *, counted: bool = True) -> list[JudgedCell]:
    return [JudgedCell(PARASITISED, counted, judged)] * number


def tally(number: int = 1, **counts: Any) -> PersonTally:
    given = {"parasites": 0, "gametocytes": 0, "wbc_counted": 0, "rbc_counted": 0} | counts
    slide, by = given.pop("slide_id", 7), given.pop("by", "R. Reader")
    return PersonTally(number, slide, "s", by, "2026-01-01T00:00:00Z", wbc_per_ul=None, **given)


def signed(report: SlideReport, judged: list[JudgedCell], *tallies: PersonTally) -> SlideReport:
    return summarise_reviewed(report, judged, tallies, WHO, THICK)


def test_healthy_slide_is_negative_once_all_suspects_are_judged() -> None:
    report = machine(27)
    assert report.verdict == "inconclusive"
    result = signed(report, cells(27, UNINFECTED))
    assert result.verdict == "negative"
    assert "None of 27 cells that were reviewed is infected" in result.why
    assert (result.parasitaemia_fraction, result.ci_low) == (0, 0)
    assert 3 / 5000 < result.ci_high < 0.002 < report.ci_high
    assert (result.reviewed_count, result.rejected_count, result.unreviewed_count) == (27, 27, 0)
    assert (result.positive_count, result.density_per_ul) == (0, 0)
    assert result.density_high_per_ul == pytest.approx(result.ci_high * 5e6)


@pytest.mark.parametrize("waiting", [0, 26])
def test_one_confirmed_parasite_makes_it_positive(waiting: int) -> None:
    judged = cells(1, RING) + cells(26 - waiting, UNINFECTED) + cells(waiting, None)
    result = signed(machine(27), judged)
    assert result.verdict == "positive"
    assert result.why.startswith("1 cell is infected, as a person confirmed")
    assert ("26 suspect cells wait" in result.why) == bool(waiting)
    assert result.ci_low > 0
    assert (result.confirmed_count, result.unreviewed_count) == (1, waiting)


def test_suspect_that_nobody_judged_forbids_negative() -> None:
    result = signed(machine(27), cells(26, UNINFECTED) + cells(1, None))
    assert result.verdict == "inconclusive"
    assert "1 suspect cells wait" in result.why


def test_suspect_that_is_missing_from_the_list_waits_too() -> None:
    report = machine(27, uncounted=2)
    assert signed(report, cells(27, UNINFECTED)).verdict == "inconclusive"
    assert signed(report, cells(26, UNINFECTED)).unreviewed_count == 3
    all_of_them = cells(27, UNINFECTED) + cells(2, DEBRIS, counted=False)
    assert signed(report, all_of_them).verdict == "negative"


def test_parasite_outside_the_count_makes_it_positive_and_is_not_counted() -> None:
    judged = cells(27, UNINFECTED) + cells(1, RING, counted=False)
    result = signed(machine(27, uncounted=1), judged)
    assert (result.verdict, result.positive_count, result.confirmed_count) == ("positive", 0, 1)
    assert result.parasitaemia_fraction == 0


def test_cell_that_only_a_person_found_makes_it_positive() -> None:
    judged = [*cells(27, UNINFECTED), JudgedCell(UNINFECTED, True, RING)]
    result = signed(machine(27), judged)
    assert (result.verdict, result.positive_count) == ("positive", 1)
    assert result.parasitaemia_fraction == pytest.approx(1 / 5000)
    assert 0 < result.ci_low < 1 / 5000 < result.ci_high


def test_what_is_no_red_cell_leaves_the_count() -> None:
    result = signed(machine(27), cells(20, UNINFECTED) + cells(4, WBC) + cells(3, DEBRIS))
    assert result.rbc_count == 4993
    assert (result.verdict, result.rbc_count < 5000) == ("inconclusive", True)
    assert "about 1 more field is needed" in result.why
    assert signed(machine(27, 5100), cells(20, UNINFECTED) + cells(7, WBC)).verdict == "negative"


def test_nothing_judged_leaves_the_machines_figures() -> None:
    report = machine(200)
    assert signed(report, cells(200, None)) == report
    assert signed(machine(0), []).verdict == "negative"


def test_machines_positive_does_not_outlive_the_review_of_all() -> None:
    report = machine(200)
    assert report.verdict == "positive"
    assert signed(report, cells(200, UNINFECTED)).verdict == "negative"
    assert signed(report, cells(10, UNINFECTED) + cells(190, None)).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (unfinished(machine(5), "camera unplugged"), "was not read to its end: Screening did not"),
        (machine(5, 4000), "4,000 red cells counted"),
        (machine(5, fields=9), "on at least 10 fields"),
        (SlideReport.from_json(never_negative(machine(5).to_json(), "power")), "not read to its"),
        (replace(machine(5), sensitivity_cell=None), "does not say how often"),
    ],
)
def test_review_does_not_mend_a_failure(report: SlideReport, why: str) -> None:
    result = signed(report, cells(5, UNINFECTED))
    assert (result.verdict, why in result.why) == ("inconclusive", True)


def test_slide_that_is_no_smear_stays_refused_but_for_a_parasite() -> None:
    report = summarise(Tally(5000, 2, 4, 9, (NOT_A_SMEAR,) * 9), WHO, POINT, PLAIN)
    result = signed(report, cells(2, UNINFECTED))
    assert (result.verdict, NOT_A_SMEAR in result.why) == ("refused", True)
    assert signed(report, cells(1, RING) + cells(1, UNINFECTED)).verdict == "positive"


def test_too_few_cells_exclude_too_little() -> None:
    strict = replace(WHO, name="strict", negative_limit_fraction=0.0005)
    result = summarise_reviewed(machine(1), cells(1, UNINFECTED), [], strict, THICK)
    assert (result.verdict, "cannot be excluded: read more" in result.why) == ("inconclusive", True)


def test_gametocytes_are_apart_after_review_too() -> None:
    counts = dict.fromkeys(STAGES, 0) | {RING: 4}
    report = machine(4, ran_on=TOLD, stage_counts=counts)
    judged = [JudgedCell(RING, True, GAMETOCYTE)] * 3 + [JudgedCell(RING, True, RING)]
    result = signed(report, judged)
    assert (result.positive_count, result.gametocyte_count) == (4, 3)
    assert result.stage_counts == dict.fromkeys(STAGES, 0) | {RING: 1, GAMETOCYTE: 3}
    assert result.density_per_ul < result.parasitaemia_fraction * 5e6 / 2
    carrier = signed(report, [JudgedCell(RING, True, GAMETOCYTE)] * 4)
    assert carrier.why.endswith("all are gametocytes.")
    assert carrier.density_per_ul == 0


def test_reviewer_who_names_stages_tells_them_apart() -> None:
    result = signed(machine(2), cells(1, GAMETOCYTE) + cells(1, PARASITISED))
    assert result.gametocyte_count == 1
    assert signed(machine(2), cells(2, PARASITISED)).gametocyte_count is None


def test_partial_review_holds_both_ends() -> None:
    report = machine(40)
    part = signed(report, cells(2, RING) + cells(10, UNINFECTED) + cells(28, None))
    none = signed(report, cells(2, RING) + cells(38, UNINFECTED))
    every = signed(report, cells(30, RING) + cells(10, UNINFECTED))
    assert part.ci_low == pytest.approx(none.ci_low)
    assert part.ci_high == pytest.approx(every.ci_high)
    assert none.parasitaemia_fraction < part.parasitaemia_fraction < every.parasitaemia_fraction


def test_thick_count_that_sees_a_parasite_makes_it_positive() -> None:
    result = signed(machine(0), [], tally(parasites=3, gametocytes=1, wbc_counted=200))
    assert result.verdict == "positive"
    assert "3 asexual parasites and 1 gametocytes against 200 white cells" in result.why
    assert "300 more cells are to be counted against" in result.why
    (count,) = result.person_counts
    assert count["density_per_ul"] == pytest.approx(120)
    assert count["protocol"] == "who-thick@1"
    assert result.rbc_count == 5000


def test_complete_count_by_a_person_stands_where_the_machine_read_too_little() -> None:
    report = machine(0, 300, fields=3)
    assert signed(report, [], tally(wbc_counted=400)).verdict == "inconclusive"
    result = signed(report, [], tally(wbc_counted=500))
    assert (result.verdict, "By the machine alone: 300 red cells" in result.why) == (
        "negative",
        True,
    )
    assert "above 59 per µL is excluded" in result.why
    assert signed(machine(0, 300), [], tally(rbc_counted=5000)).verdict == "negative"


def test_persons_count_does_not_mend_a_failure() -> None:
    broken = unfinished(machine(0), "camera unplugged")
    assert signed(broken, [], tally(wbc_counted=500)).verdict == "inconclusive"
    refused = summarise(Tally(5000, 0, 4, 9, (NOT_A_SMEAR,) * 9), WHO, POINT, PLAIN)
    assert signed(refused, [], tally(wbc_counted=500)).verdict == "refused"
    assert signed(refused, [], tally(parasites=1, wbc_counted=500)).verdict == "positive"


def test_persons_count_does_not_outvote_a_suspect_cell() -> None:
    report = machine(1)
    assert signed(report, cells(1, None), tally(wbc_counted=500)).verdict == "inconclusive"
    assert signed(report, cells(1, RING), tally(wbc_counted=500)).verdict == "positive"
    assert signed(machine(200), cells(200, None), tally(wbc_counted=500)).verdict == "positive"


def test_newest_count_of_each_reader_is_taken_and_all_readers_are_heard() -> None:
    wrong, right = tally(1, parasites=9, wbc_counted=500), tally(2, wbc_counted=500)
    result = signed(machine(0), [], right, wrong)
    assert (result.verdict, len(result.person_counts)) == ("negative", 1)
    other = tally(3, parasites=1, wbc_counted=500, by="S. Second")
    both = signed(machine(0), [], wrong, right, other)
    assert (both.verdict, len(both.person_counts)) == ("positive", 2)


@settings(deadline=None, max_examples=60)
@given(
    confirmed=st.integers(0, 5),
    rejected=st.integers(0, 60),
    waiting=st.integers(0, 60),
    uncounted=st.integers(0, 2),
    count=st.integers(200, 9000),
    fields=st.integers(1, 60),
)
def test_negative_needs_every_suspect_judged_and_the_count_reached(
    confirmed: int, rejected: int, waiting: int, uncounted: int, count: int, fields: int
) -> None:
    report = machine(confirmed + rejected + waiting, count, uncounted, fields=fields)
    judged = cells(confirmed, RING) + cells(rejected, UNINFECTED) + cells(waiting, None)
    result = signed(report, judged)
    if result.verdict == "negative":
        assert (confirmed, waiting, uncounted) == (0, 0, 0)
        assert count >= 5000 and fields >= 10
        assert result.ci_high < WHO.negative_limit_fraction
    if confirmed:
        assert result.verdict == "positive"
    assert result.ci_low <= result.parasitaemia_fraction <= result.ci_high
    assert SlideReport.from_json(result.to_json()) == result


def suspect(cell_id: int, field_index: int, left_px: int, refused: str = "") -> SuspectCellRecord:
    return SuspectCellRecord(
        cell_id, "s", field_index, left_px, 3, 9, 9, PARASITISED, 0.9, None, refused, False, None
    )


def field_record(index: int, *boxes: dict[str, Any]) -> FieldRecord:
    return FieldRecord(
        "s", index, "f", True, "", 9, 1, 0, 0, None, {}, {}, list(boxes), None, None, None
    )


def review(review_id: int, cell_id: int, label: str) -> Review:
    return Review(review_id, cell_id, "s", label, False, "R", "2026-01-01T00:00:00Z", "")


def test_stored_cells_are_joined_with_what_was_said_of_them() -> None:
    fields = [
        field_record(0, {"left_px": 10, "top_px": 3, "counted": True}),
        field_record(1, {"left_px": 10, "top_px": 3, "counted": False}),
        # As it was written before `counted` was kept.
        field_record(2, {"left_px": 10, "top_px": 3}, {"left_px": 20, "top_px": 3}),
    ]
    suspects = [
        suspect(1, 0, 10),
        suspect(2, 1, 10),
        suspect(3, 2, 10),
        suspect(4, 2, 20, "no red blood cell"),
    ]
    said = [review(1, 1, RING), review(2, 1, UNINFECTED), review(3, 4, DEBRIS)]
    found = judged_cells(suspects, fields, said)
    assert [cell.counted for cell in found] == [True, False, True, False]
    assert [cell.judged for cell in found] == [UNINFECTED, None, None, DEBRIS]


def test_report_from_before_reads_back_and_rubbish_does_not() -> None:
    flat = machine(3).to_json()
    old = {key: value for key, value in flat.items() if "density" not in key}
    assert SlideReport.from_json(old).density_per_ul is None
    with pytest.raises(StoreError, match="is no slide's report"):
        SlideReport.from_json({"verdict": "positive"})
