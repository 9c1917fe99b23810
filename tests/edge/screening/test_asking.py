"""Which cells get a second opinion, and that what is no smear is found on a sample, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.analysis.quality import NOT_A_SMEAR
from edge.config import DeviceConfig
from edge.contract.reference import ClassLogits, LogitReference
from edge.contract.results import cell_to_json
from edge.contract.types import FieldResult
from edge.installed import prove_screener
from edge.screening.asking import SAMPLE, healthy_below, may_be_foreign, with_sample
from edge.screening.report import ReportWriter
from edge.screening.screener import Screener
from edge.tally import tally_fields
from tests.edge.store.store_samples import make_report
from tests.support.painted_field import paint_field, write_second_opinion

# Painted healthy cells have a logit of -1.3, infected ones of .9.
HOME = LogitReference("painted", ClassLogits(-1.3, 0.5, 1.0), ClassLogits(0.9, 1.0, 1.0))
HEALTHY = [""] * 50


@pytest.fixture()
def screener(tmp_path: Path) -> Screener:
    return replace(
        prove_screener(write_second_opinion(tmp_path / "bundle"), DeviceConfig()), reference=HOME
    )


def asked(result: FieldResult) -> int:
    return sum(cell.novelty is not None for cell in result.cells)


def test_limit_follows_home_and_a_lower_site_but_never_rises() -> None:
    assert healthy_below(None, 3.0) is None
    assert healthy_below(replace(HOME, novelty_weight=1.0), 3.0) is None
    assert healthy_below(HOME, 3.0) == pytest.approx(-0.8)
    assert healthy_below(HOME, 1.0, -2.0) == pytest.approx(-2.8)
    assert healthy_below(HOME, 5.0, 2.0) == pytest.approx(-0.8)
    assert healthy_below(HOME, -1.0) == -1.0


def test_sample_is_spread_over_those_not_asked() -> None:
    wanted = np.arange(100) % 10 == 0
    chosen = with_sample(wanted)
    assert chosen[wanted].all()
    more = np.flatnonzero(chosen & ~wanted)
    assert len(more) == SAMPLE
    assert (more[0], more[-1]) == (1, 99)
    assert np.diff(more).max() <= 8
    assert not wanted[1], "the argument stays as it was"
    assert with_sample(np.zeros(SAMPLE, bool)).all()
    assert with_sample(np.zeros(0, bool)).shape == (0,)


def test_each_group_of_the_sample_counts_for_its_size() -> None:
    wanted = np.arange(100) < 20
    whole = np.ones(100, bool)
    none_foreign = np.zeros(20 + SAMPLE, bool)
    assert not may_be_foreign(none_foreign, wanted, whole)
    # A fifth of all cells, and not 20 of 36.
    of_the_asked = none_foreign.copy()
    of_the_asked[:20] = True
    assert not may_be_foreign(of_the_asked, wanted, whole)
    # A quarter of the others stands for 20 of 80.
    of_the_others = of_the_asked.copy()
    of_the_others[20:24] = True
    assert may_be_foreign(of_the_others, wanted, whole)


def test_halves_alone_leave_doubt() -> None:
    wanted = np.zeros(100, bool)
    whole = ~with_sample(wanted)
    assert may_be_foreign(np.zeros(SAMPLE, bool), wanted, whole)
    assert not may_be_foreign(np.zeros(SAMPLE, bool), wanted, np.zeros(100, bool))


def test_confidently_healthy_cells_are_not_asked_but_for_a_sample(screener: Screener) -> None:
    result = screener.screen(paint_field([*HEALTHY, "i", "in", "if"]))
    assert result.quality.usable
    assert asked(result) == 3 + SAMPLE
    suspects = [cell for cell in result.cells if cell.label == "parasitised"]
    assert len(suspects) == 3
    assert all(cell.novelty is not None for cell in suspects)
    unasked = next(cell for cell in result.cells if cell.novelty is None)
    assert (unasked.label, unasked.counted, unasked.disagrees) == ("uninfected", True, False)
    assert cell_to_json(unasked)["novelty"] is None
    tally = tally_fields([result])
    # One infected alone to the classifier; one that is no red cell, so not counted.
    assert (tally.rbc_count, tally.positive_count, tally.disagreement_count) == (52, 2, 1)
    assert tally.uncounted_suspects == 1


def test_whoever_is_asked_gets_the_opinion_that_all_would_get(screener: Screener) -> None:
    frame = paint_field([*HEALTHY, "i", "in", "if", "n"])
    some, every = screener.screen(frame), replace(screener, reference=None).screen(frame)
    assert asked(every) == len(every.cells) > asked(some)
    for one, other in zip(some.cells, every.cells, strict=True):
        if one.novelty is not None:
            assert one.novelty == pytest.approx(other.novelty, abs=1e-6)
            assert (one.refused, one.disagrees) == (other.refused, other.disagrees)


@pytest.mark.parametrize(("foreign", "usable"), [(5, True), (25, True), (26, False)])
def test_all_are_asked_where_a_sample_may_be_no_smear(
    screener: Screener, foreign: int, usable: bool
) -> None:
    cells = [""] * 50
    for at in range(foreign):
        # Spread like any sample, so that the estimate is near the truth.
        cells[at * 50 // foreign] = "f"
    result = screener.screen(paint_field(cells))
    assert (result.quality.usable, result.quality.reason) == (usable, "" if usable else NOT_A_SMEAR)
    assert asked(result) == {5: SAMPLE, 25: 50, 26: 0}[foreign]


def test_field_held_against_its_own_median_is_asked_whole(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "median", field_median=-3.0)
    held = replace(prove_screener(bundle, DeviceConfig()), reference=HOME)
    assert asked(held.screen(paint_field(HEALTHY))) == len(HEALTHY)


def test_report_says_how_many_were_asked(screener: Screener) -> None:
    frame = paint_field([*HEALTHY, "i"])
    for one, told in ((screener, "asked about 17 of 51 red cells"), (None, "")):
        writer = ReportWriter()
        writer.add((one or replace(screener, reference=None)).screen(frame), frame)
        page = writer.render(make_report())
        assert (told or "Suspect to the second opinion alone") in page
        assert ("asked about" in page) == bool(told)
