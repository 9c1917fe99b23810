"""Counts, intervals and verdicts; above all, what can never be negative."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.analysis.quality import NOT_A_SMEAR, OUT_OF_FOCUS, STAIN_UNKNOWN, THICK_SMEAR
from edge.contract.bundle import open_bundle
from edge.contract.errors import ConfigError
from edge.contract.labels import DEBRIS, GAMETOCYTE, PARASITISED, RING, STAGES, UNINFECTED
from edge.contract.manifest import ErrorRate
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult, RanOn
from edge.protocol import Interval, Protocol, corrected_interval, decide, summarise
from edge.screening.screener import refused_field
from edge.tally import Tally, tally_fields
from tests.conftest import SHIPPED
from tests.edge.runtimes.drawn_bundles import draw_point

SENSITIVITY = ErrorRate(0.9, 2000, 40, 500.0)
SPECIFICITY = ErrorRate(0.995, 4000, 40, 1500.0)
PERFECT = ErrorRate(1.0, 10**6, 100, 1e9)


def interval(positive: int, count: int) -> Interval:
    return corrected_interval(positive, count, SENSITIVITY, SPECIFICITY)


def verdict(positive: int, count: int, read: int = 40, refused: int = 0) -> str:
    found = interval(positive, count) if count else None
    tally = Tally(count, positive, read, refused, ("out of focus",) * refused)
    return decide(tally, found, Protocol())[0]


def test_perfect_classifier_gives_the_plain_fraction_with_exact_limits() -> None:
    found = corrected_interval(50, 1000, PERFECT, PERFECT)
    assert found.estimate == pytest.approx(0.05)
    # Clopper-Pearson for 50 of 1000 is .0373 to .0654; the lower end is a little nearer.
    assert found.low == pytest.approx(0.0379, abs=2e-4)
    assert found.high == pytest.approx(0.0654, abs=1e-4)


def test_correction_undoes_the_classifiers_errors() -> None:
    observed = round(5000 * (0.1 * 0.9 + 0.9 * 0.005))
    assert interval(observed, 5000).estimate == pytest.approx(0.1, abs=0.001)


@settings(deadline=None)
@given(count=st.integers(1, 20_000), share=st.floats(0, 1))
def test_interval_holds_its_estimate_and_stays_between_0_and_1(count: int, share: float) -> None:
    found = interval(round(share * count), count)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@settings(deadline=None)
@given(positive=st.integers(0, 4999), count=st.integers(0, 4999))
def test_below_the_minimum_count_nothing_is_negative(positive: int, count: int) -> None:
    assert verdict(min(positive, count), count) != "negative"


def test_enough_cells_without_suspects_are_negative() -> None:
    assert verdict(0, 5000) == "negative"


def test_false_alarms_alone_are_never_positive_and_wait_for_a_person() -> None:
    assert verdict(25, 5000) == "inconclusive"


def test_many_suspects_are_positive_also_below_the_minimum_count() -> None:
    assert verdict(100, 1000) == "positive"


@pytest.mark.parametrize("positive", [1, 2, 5])
def test_slide_with_an_unreviewed_suspect_cell_is_never_negative(positive: int) -> None:
    assert verdict(positive, 100_000) == "inconclusive"


def test_suspect_that_is_not_counted_forbids_negative_too() -> None:
    tally = Tally(5000, 0, 40, 0, uncounted_suspects=1)
    found, why = decide(tally, interval(0, 5000), Protocol())
    assert found == "inconclusive"
    assert "besides 1 not counted (cut by a field's edge or unlike any red cell)" in why


@pytest.mark.parametrize("positive", [0, 100])
def test_slide_of_mostly_no_smear_is_refused_whatever_the_rest_says(positive: int) -> None:
    found = interval(positive, 5000)
    half = Tally(5000, positive, 4, 4, (NOT_A_SMEAR,) * 4)
    assert decide(half, found, Protocol())[0] == ("positive" if positive else "negative")
    most = half.add(refused_field("photo", NOT_A_SMEAR))
    verdict, why = decide(most, found, Protocol())
    assert verdict == "refused"
    assert f"5 of 9 fields were refused: {NOT_A_SMEAR}" in why
    assert ("100 of 5,000 red cells look infected" in why) == bool(positive)
    assert ("reviewed" in why) == bool(positive)


def test_both_kinds_of_no_smear_count_together() -> None:
    mixed = Tally(5000, 0, 2, 3, (STAIN_UNKNOWN, STAIN_UNKNOWN, NOT_A_SMEAR))
    found, why = decide(mixed, interval(0, 5000), Protocol())
    assert (found, STAIN_UNKNOWN in why) == ("refused", True)


def test_thick_smear_is_not_negative_by_the_few_fields_that_passed() -> None:
    thick = Tally(5000, 0, 2, 3, (THICK_SMEAR,) * 3)
    found, why = decide(thick, interval(0, 5000), Protocol())
    assert (found, THICK_SMEAR in why) == ("refused", True)


def test_slide_of_blurred_fields_is_not_called_no_smear() -> None:
    tally = Tally(5000, 0, 4, 6, (OUT_OF_FOCUS,) * 5 + (NOT_A_SMEAR,))
    assert decide(tally, interval(0, 5000), Protocol())[0] == "negative"


@pytest.mark.parametrize(("positive", "count"), [(1, 1), (1, 5), (2, 10), (2, 30)])
def test_one_or_two_suspect_cells_are_never_positive(positive: int, count: int) -> None:
    assert interval(positive, count).low > 0
    assert verdict(positive, count, read=1) == "inconclusive"


def test_only_refused_fields_are_refused_with_the_commonest_reason() -> None:
    result, why = decide(Tally(0, 0, 0, 3, ("dark", "soft", "soft")), None, Protocol())
    assert (result, "soft" in why) == ("refused", True)


@pytest.mark.parametrize("read", [0, 5])
def test_no_cells_are_inconclusive(read: int) -> None:
    assert decide(Tally(0, 0, read, 0), None, Protocol())[0] == "inconclusive"


def test_inconclusive_says_how_many_more_fields() -> None:
    tally = Tally(1000, 1, 10, 0)
    _, why = decide(tally, interval(1, 1000), Protocol())
    assert "about 40 more fields" in why


def test_useless_classifier_is_refused() -> None:
    coin = ErrorRate(0.5, 100, 10, 100.0)
    with pytest.raises(ConfigError, match="cannot be corrected"):
        corrected_interval(5, 100, coin, coin)


@pytest.mark.parametrize(
    "settings",
    [{"minimum_rbc_count": 0}, {"minimum_positive_count": 0}, {"negative_limit_fraction": 1.0}],
)
def test_impossible_protocol_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="protocol"):
        Protocol(**settings)  # type: ignore[arg-type]


def cell(label: str, counted: bool) -> CellCall:
    return CellCall(CellBox(0, 0, 5, 5, np.ones((5, 5), bool)), label, 0.9, counted=counted)


def test_tally_counts_whole_red_cells_of_usable_fields_only() -> None:
    good = FieldQuality(True, "", 1.0, 200.0, 0.0, 0.3)
    bad = FieldQuality(False, "out of focus", 0.1, 200.0, 0.0, 0.3)
    cells = (cell(PARASITISED, True), cell(PARASITISED, False), cell(UNINFECTED, True))
    tally = tally_fields([FieldResult("a", good, cells), FieldResult("b", bad)])
    assert (tally.rbc_count, tally.positive_count, tally.uncounted_suspects) == (2, 1, 1)
    assert (tally.fields_read, tally.fields_refused, tally.reasons) == (1, 1, ("out of focus",))


def test_tally_counts_disagreements_and_what_was_refused() -> None:
    good = FieldQuality(True, "", 1.0, 200.0, 0.0, 0.3)
    cells = (
        replace(cell(UNINFECTED, True), disagrees=True),
        replace(cell(PARASITISED, False), refused="no red blood cell"),
        replace(cell(DEBRIS, False), refused="no red blood cell"),
        cell(UNINFECTED, True),
    )
    tally = tally_fields([FieldResult("a", good, cells)])
    assert (tally.rbc_count, tally.positive_count, tally.uncounted_suspects) == (2, 0, 1)
    point = draw_point()
    report = summarise(tally, Protocol(), point, RanOn("b", "0", "onnx", "cpu", False, 1)).to_json()
    assert (report["disagreement_count"], report["refused_cell_count"]) == (1, 2)


def with_stages(ring: int = 0, gametocyte: int = 0, unnamed: int = 0) -> Tally:
    counts = dict.fromkeys(STAGES, 0) | {RING: ring, GAMETOCYTE: gametocyte}
    return Tally(1000, ring + gametocyte + unnamed, 40, 0, stage_counts=counts)


def test_stages_of_whole_cells_are_counted_and_are_infected() -> None:
    good = FieldQuality(True, "", 1.0, 200.0, 0.0, 0.3)
    cells = (
        cell(RING, True),
        cell(GAMETOCYTE, True),
        cell(GAMETOCYTE, False),
        cell(PARASITISED, True),
        cell(UNINFECTED, True),
    )
    tally = tally_fields([FieldResult("a", good, cells)] * 2)
    assert (tally.rbc_count, tally.positive_count, tally.uncounted_suspects) == (8, 6, 2)
    assert tally.stage_counts == dict.fromkeys(STAGES, 0) | {RING: 2, GAMETOCYTE: 2}


def test_gametocytes_are_apart_and_count_as_infected() -> None:
    ran_on = RanOn("b", "0", "onnx", "cpu", False, 1, "s", "1")
    mixed, plain = (
        summarise(tally, Protocol(), draw_point(), ran_on)
        for tally in (with_stages(60, 30, 10), with_stages(100))
    )
    assert (mixed.positive_count, mixed.gametocyte_count) == (100, 30)
    assert mixed.stage_counts == dict.fromkeys(STAGES, 0) | {RING: 60, GAMETOCYTE: 30}
    assert mixed.parasitaemia_fraction == plain.parasitaemia_fraction
    assert mixed.to_json()["stages_bundle_id"] == "s"


def test_without_a_network_of_stages_gametocytes_are_unknown_and_not_none() -> None:
    ran_on = RanOn("b", "0", "onnx", "cpu", False, 1, stages_problem="none is installed")
    report = summarise(with_stages(unnamed=50), Protocol(), draw_point(), ran_on).to_json()
    assert (report["gametocyte_count"], report["stage_counts"]) == (None, {})
    assert report["stages_problem"] == "none is installed"


@pytest.mark.parametrize(
    ("tally", "ends"),
    [
        (with_stages(gametocyte=100), "give. All of them look like gametocytes."),
        (with_stages(90, 10), "give. 10 of them look like gametocytes."),
        (with_stages(99, 1), "give. 1 of them looks like a gametocyte."),
        (with_stages(100), "more than false alarms alone would give."),
        (with_stages(unnamed=100), "more than false alarms alone would give."),
    ],
)
def test_slide_of_any_stage_is_positive_and_says_which_are_gametocytes(
    tally: Tally, ends: str
) -> None:
    found, why = decide(tally, interval(tally.positive_count, 1000), Protocol())
    assert (found, why.endswith(ends)) == ("positive", True)


@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_no_calls_exclude_no_more_than_the_count_allows(count: int) -> None:
    found = interval(0, count)
    assert found.low == found.estimate == 0
    # The rule of three, over the sensitivity.
    assert found.high > 3 / count


def test_fewer_calls_than_expected_false_alarms_do_not_exclude_everything() -> None:
    careless = ErrorRate(0.98, 4000, 40, 1500.0)
    assert corrected_interval(3, 1094, SENSITIVITY, careless).high > 0.002


@pytest.mark.parametrize(
    ("truth", "expected"), [(0.0, "inconclusive"), (0.01, "inconclusive"), (0.03, "positive")]
)
def test_shipped_bundle_tells_three_percent_from_none(truth: float, expected: str) -> None:
    point = open_bundle(SHIPPED).manifest.field_operating_point
    se, sp = point.sensitivity_cell, point.specificity_cell
    called = round(5000 * (truth * se.rate + (1 - truth) * (1 - sp.rate)))
    found = corrected_interval(called, 5000, se, sp)
    assert decide(Tally(5000, called, 40, 0), found, Protocol())[0] == expected
    assert found.low <= truth <= found.high
