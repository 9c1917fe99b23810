"""What is still to be read, and which refusals speak against the slide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.analysis import quality
from edge.contract.bundle import open_bundle
from edge.contract.labels import STAGES
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import RanOn, SlideReport
from edge.protocol import Interval, Protocol, enough, load_protocol, summarise
from edge.protocol.progress import progress, wanted_count
from edge.protocol.reasons import AGAINST_SLIDE, against_slide
from edge.screening.calls import field_point
from edge.tally import Tally
from tests.conftest import SHIPPED

RAN_ON = RanOn("b", "0", "onnx", "cpu", False, 1)
# Known so well that counting noise is what makes an interval wide.
SURE = OperatingPoint(
    0.5, "", "", 0.9, ErrorRate(0.95, 10**5, 99, 1e5), ErrorRate(0.9999, 10**6, 99, 1e7)
)
WHO, CDC = load_protocol("who-thin-5000"), load_protocol("cdc-thin")
# Of fields, places and the device: what a knob or another field mends.
AGAINST_PLACE = {
    quality.NOT_A_FIELD, quality.ONE_OBJECT, quality.CUT_OUT, quality.TOO_DARK,
    quality.TOO_BRIGHT, quality.COLOUR_CAST, quality.SWAPPED, quality.EMPTY, quality.CROWDED,
    quality.CLUMP, quality.COLOURLESS, quality.OUT_OF_FOCUS, quality.NO_STRUCTURE,
}  # fmt: skip


def report(
    positive: int, count: int, fields: int = 40, point: OperatingPoint = SURE
) -> SlideReport:
    return summarise(Tally(count, positive, fields, 0), WHO, point, RAN_ON)


def test_missing_fields_follow_cells_and_fields() -> None:
    assert progress(1000, 10, None, WHO).missing_fields == 40
    assert progress(1000, 10, None, WHO).why == "1,000 of 5,000 red cells are counted"
    few = progress(6000, 3, None, WHO)
    assert (few.missing_fields, few.why) == (7, "only 3 fields could be read")
    assert progress(5000, 40, None, WHO).missing_fields == 0
    assert progress(0, 0, None, WHO).missing_fields == 5000


def test_low_parasitaemia_asks_for_more_where_the_protocol_says_so() -> None:
    low, high = Interval(0.002, 0.0, 0.01), Interval(0.05, 0.03, 0.08)
    assert progress(1000, 20, low, CDC).minimum_rbc_count == 2000
    assert progress(1000, 20, high, CDC).missing_fields == 0


def test_wide_interval_asks_for_more_fields_where_they_would_narrow_it() -> None:
    wide = report(4, 5000)
    assert wide.ci_high - wide.ci_low > wide.parasitaemia_fraction
    assert wide.more_fields > 0
    assert wide.more_fields_why == "the interval is wide, and more cells would narrow it"
    assert not enough(wide)
    # 20,000 red cells are the most that this protocol asks for.
    assert report(4, 5000).more_fields <= (20_000 - 5000) / (5000 / 40)
    assert report(16, 20_000, 160).more_fields == 0


def test_narrow_interval_asks_for_no_more() -> None:
    narrow = report(250, 5000)
    assert (narrow.more_fields, narrow.more_fields_why) == (0, "")
    assert enough(narrow)


def test_interval_that_is_the_classifiers_own_asks_for_no_more() -> None:
    point = field_point(open_bundle(SHIPPED).manifest)
    wide = report(60, 5000, point=point)
    assert wide.ci_high - wide.ci_low > wide.parasitaemia_fraction
    assert wide.more_fields == 0
    rates = point.sensitivity_cell, point.specificity_cell
    assert wanted_count(Interval(0.01, 0, 0.02), *rates) < 5000


def test_no_rates_that_differ_between_slides_ask_for_nothing() -> None:
    assert wanted_count(Interval(0.0, 0.0, 0.001), ErrorRate(0.9, 1, 1, 8.0), None) == 0


@pytest.mark.parametrize(("rbc", "fields"), [(4999, 40), (5000, 9)])
def test_below_either_minimum_it_is_not_enough_and_not_negative(rbc: int, fields: int) -> None:
    found = report(0, rbc, fields)
    assert found.verdict == "inconclusive"
    assert not enough(found)
    assert "more field" in found.why
    assert report(0, 5000, 10).verdict == "negative"


def test_every_refusal_is_against_the_slide_or_the_place() -> None:
    known = {
        value
        for name, value in vars(quality).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    } - {quality.LETTERING, quality.GREEN}
    assert known == AGAINST_PLACE | set(AGAINST_SLIDE)
    assert not AGAINST_PLACE & set(AGAINST_SLIDE)


@pytest.mark.parametrize("reason", AGAINST_SLIDE)
def test_most_fields_against_the_slide_refuse_it(reason: str) -> None:
    assert against_slide((reason,) * 5, 10) == ""
    assert against_slide((reason,) * 6, 11) == f"6 of 11 fields were refused: {reason}"
    tally = Tally(5000, 0, 40, 50, (reason,) * 50)
    assert summarise(tally, WHO, SURE, RAN_ON).verdict == "refused"


@pytest.mark.parametrize("reason", sorted(AGAINST_PLACE))
def test_fields_that_are_only_missing_do_not_refuse_it(reason: str) -> None:
    assert against_slide((reason,) * 50, 60) == ""
    assert (
        summarise(Tally(5000, 0, 40, 50, (reason,) * 50), WHO, SURE, RAN_ON).verdict == "negative"
    )


def test_density_rests_on_asexual_stages_and_says_what_it_assumes() -> None:
    told = replace(RAN_ON, stages_bundle_id="s")
    tally = Tally(5000, 100, 40, 0, stage_counts=dict.fromkeys(STAGES, 0) | {"gametocyte": 100})
    carrier, unknown = (summarise(tally, WHO, SURE, ran) for ran in (told, RAN_ON))
    assert carrier.parasitaemia_fraction > 0.015
    assert carrier.density_per_ul == 0
    assert carrier.gametocyte_count == 100
    assert unknown.density_per_ul == pytest.approx(unknown.parasitaemia_fraction * 5e6)
    assert unknown.density_low_per_ul == pytest.approx(unknown.ci_low * 5e6)
    assert unknown.density_high_per_ul == pytest.approx(unknown.ci_high * 5e6)
    assert "5,000,000 red cells per µL, which is assumed" in unknown.assumptions[0]
    assert "gametocytes are reported apart" in carrier.assumptions[1]
    assert "Stages were not told apart" in unknown.assumptions[1]
    assert "species is not claimed" in unknown.assumptions[2]


def test_nothing_counted_has_no_density() -> None:
    empty = summarise(Tally(), WHO, SURE, RAN_ON)
    assert (empty.density_per_ul, empty.mistaken_fraction) == (None, None)
    assert SlideReport.from_json(empty.to_json()) == empty


def test_calls_that_many_clean_slides_would_have_are_not_positive() -> None:
    point = field_point(open_bundle(SHIPPED).manifest)
    some, many = (summarise(Tally(5000, n, 40, 0), Protocol(), point, RAN_ON) for n in (95, 130))
    assert some.ci_low > 0 and many.ci_low > 0
    assert some.mistaken_fraction > 0.01 > many.mistaken_fraction
    assert (some.verdict, many.verdict) == ("inconclusive", "positive")
