"""Figures of fields made by hand, against what a person counts."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.hand_made_fields import field_of, reading_at, truth_at
from train.fields.callers import (
    Caller,
    Field,
    Normalisation,
    call_fields,
    call_rightly,
    join,
    normalised_logits,
)
from train.fields.calling import calling_figures
from train.fields.cells import cell_figures, false_call_figures, stage_figures
from train.fields.finding import finding_figures, object_figures
from train.fields.normalise import LEAST_CELLS, LEAST_SPREAD, less_median, over_spread
from train.fields.tallies import Tallies
from train.fields.thresholds import as_logit, best_f1_threshold, field_point, normalised_scores
from train.scores import Scores

PLACES = [(100, 100), (200, 100), (300, 100), (400, 100)]
LABELS = ["uninfected", "ring", "uninfected", "gametocyte"]
STAGED = [[0, 0, 0, 0], [9, 0, 0, 0], [0, 0, 0, 0], [9, 0, 0, 0]]


def one_field(
    logits: list[float],
    *,
    number: int = 0,
    fold: int = 0,
    labels: list[str] | None = None,
    found: int = 4,
) -> Field:
    name = f"{number}.jpg"
    truth = truth_at(PLACES, labels or LABELS, name=name, group=f"block{number}")
    reading = reading_at(
        PLACES[:found],
        name=name,
        fold=fold,
        logits={"cells": logits[:found], "stages": STAGED[:found]},
    )
    return field_of(truth, reading)


def caller(threshold: float = 0.0, **changes: object) -> Caller:
    return Caller("test", "cells", {0: threshold, 1: threshold}, stages="stages", **changes)


def test_recall_precision_and_count_error() -> None:
    three = field_of(truth_at(PLACES), reading_at([*PLACES[:2], (500, 300)]))
    figures = finding_figures([three], [True])
    assert figures["recall"].value == 0.5
    assert figures["precision"].value == pytest.approx(2 / 3)
    assert figures["count_error_median"].value == 0.25
    assert figures["refused"].value == 0
    # The third lies where no true box is near.
    assert figures["precision_where_boxed"].value == 1


def test_refused_field_is_told_and_its_cells_are_not_found() -> None:
    whole = field_of(truth_at(PLACES), reading_at(PLACES))
    refused = field_of(
        truth_at(PLACES, name="b.jpg", group="block1"),
        reading_at([], name="b.jpg", refused="out of focus"),
    )
    figures = finding_figures([whole, refused], [True, False])
    assert figures["refused"].value == 0.5
    assert figures["recall"].value == 0.5
    assert figures["precision"].value == 1
    assert figures["count_error_mean"].value == 0.5
    assert figures["recall_read"].value == 1
    assert figures["labelled"].value == 0.5
    assert (figures["recall_labelled"].value, figures["count_error_median_labelled"].value) == (
        1,
        0,
    )


def test_call_is_right_where_its_box_is_that_of_an_infected_cell() -> None:
    # A ring is called, a healthy cell too; the gametocyte was not found.
    field = one_field([-5, 3, 4, 0], found=3)
    figures = calling_figures([field], call_fields([field], caller()))
    assert figures["infected_precision"].value == 0.5
    assert figures["infected_recall"].value == 0.5
    assert figures["infected_f1"].value == 0.5
    assert figures["fields_caught"].value == 1
    assert figures["parasitaemia_bias_points"].value == pytest.approx(100 * (2 / 3 - 2 / 4))


def test_caller_without_fault_misses_only_what_was_not_found() -> None:
    # The gametocyte was not found; what the networks say plays no part.
    field = one_field([5, -3, 4, 0], found=3)
    figures = calling_figures([field], call_rightly([field]))
    assert figures["infected_precision"].value == 1
    assert figures["infected_recall"].value == 0.5
    truth = truth_at(PLACES[:1], ["ring"])
    reading = reading_at([PLACES[0], (500, 300)], kinds=["wbc", "rbc"])
    (said,) = call_rightly([field_of(truth, reading)])
    assert said.infected.tolist() == [False, False]
    assert np.isnan(said.logit[0])


def test_call_where_no_cell_is_true_is_false() -> None:
    truth = truth_at(PLACES[:1], ["ring"])
    reading = reading_at([PLACES[0], (500, 300)], logits={"cells": [2, 2], "stages": STAGED[:2]})
    field = field_of(truth, reading)
    figures = calling_figures([field], call_fields([field], caller()))
    assert (figures["infected_recall"].value, figures["infected_precision"].value) == (1, 0.5)


def test_clean_field_is_flagged_by_one_call_and_infected_one_is_missed_without() -> None:
    healthy = ["uninfected"] * 4
    fields = [
        one_field([1, -1, -1, -1], number=0, labels=healthy),
        one_field([-1, -1, -1, -1], number=1, labels=healthy),
        one_field([-1, -1, -1, -1], number=2),
        one_field([-1, 1, -1, -1], number=3),
    ]
    figures = calling_figures(fields, call_fields(fields, caller()))
    assert figures["clean_flagged"].value == 0.5
    assert figures["fields_caught"].value == 0.5
    assert (figures["clean_flagged"].n, figures["fields_caught"].n) == (2, 2)


def test_parasitaemia_follows_the_truth_block_by_block() -> None:
    labels = [["uninfected"] * (4 - n) + ["ring"] * n for n in range(4)]
    right = [
        one_field([2.0 if word == "ring" else -2.0 for word in own], number=n, labels=own)
        for n, own in enumerate(labels)
    ]
    figures = calling_figures(right, call_fields(right, caller()))
    assert figures["parasitaemia_r"].value == pytest.approx(1)
    assert figures["parasitaemia_bias_points"].value == pytest.approx(0)


def test_stage_recall_is_of_cells_found_and_called_and_of_all() -> None:
    # The gametocyte is taken for a ring; in the second field the ring is not called.
    fields = [one_field([-1, 1, -1, 1]), one_field([-1, -1, -1, 1], number=1)]
    figures = stage_figures(fields, call_fields(fields, caller()))
    assert figures["recall_ring"].value == 1
    assert figures["recall_ring_of_all"].value == 0.5
    assert figures["recall_gametocyte"].value == 0
    assert figures["recall_ring"].n == 1


def test_false_calls_are_told_per_thousand_counted_cells() -> None:
    fields = [one_field([1, -1, -1, -1]), one_field([-1, -1, -1, -1], number=1)]
    figures = false_call_figures(fields, call_fields(fields, caller()))
    assert figures["false_calls_per_1000"].value == 125
    assert figures["clean_flagged"].value == 0.5


def test_cells_that_were_not_found_are_no_part_of_the_auc_but_of_sensitivity_of_all() -> None:
    field = one_field([-2, 3, -1, 0], found=3)
    figures = cell_figures([field], call_fields([field], caller()))
    assert figures["auc"].value == 1
    assert figures["sensitivity"].value == 1
    assert figures["sensitivity_of_all"].value == 0.5
    assert figures["specificity"].value == 1


def test_white_cells_and_platelets_are_found_as_such() -> None:
    truth = truth_at(PLACES, ["wbc", "wbc", "platelet", "uninfected"])
    reading = reading_at(PLACES, kinds=["wbc", "rbc", "platelet", "wbc"])
    figures = object_figures([field_of(truth, reading)])
    assert figures["wbc_recall"].value == 0.5
    assert figures["wbc_precision"].value == 0.5
    assert figures["platelet_recall"].value == 1


def test_best_f1_threshold_parts_the_two_and_counts_missed_cells() -> None:
    field = one_field([0, 5, 1, 4])
    assert best_f1_threshold([field], [field.reading.logits["cells"]]) == 2.5
    none = one_field([0, 5, 1, 4], labels=["uninfected"] * 4)
    with pytest.raises(DataError, match="no infected cell was found"):
        best_f1_threshold([none], [none.reading.logits["cells"]])


def test_normalisation_sees_a_field_or_all_of_a_slide() -> None:
    def less_median(logits: np.ndarray, whole: np.ndarray) -> np.ndarray:
        assert whole.all()
        return logits - np.median(logits)

    fields = [one_field([0, 1, 2, 3]), one_field([10, 11, 12, 13])]
    each = normalised_logits(fields, "cells", Normalisation("less", "field", less_median))
    both = normalised_logits(fields, "cells", Normalisation("less", "slide", less_median))
    # The two have one name here, so that a field of that name is one.
    assert np.array_equal(np.concatenate(each), np.concatenate(both))
    other = [fields[0], one_field([10, 11, 12, 13], number=1)]
    apart = normalised_logits(other, "cells", Normalisation("less", "slide", less_median))
    assert apart[0].tolist() == apart[1].tolist() == [-1.5, -0.5, 0.5, 1.5]
    with pytest.raises(ConfigError, match="known: field, slide"):
        Normalisation("less", "patient", less_median)


def test_normalisations_by_median_and_by_spread() -> None:
    whole = np.ones(21, bool)
    healthy = np.arange(-10.0, 11.0)
    shifted = healthy * 2 + 5
    assert np.array_equal(less_median(shifted, whole), healthy * 2)
    # Scale and shift are gone; a far infected cell changes neither.
    plain, spread = over_spread(healthy, whole), over_spread(shifted, whole)
    assert spread == pytest.approx(plain)
    infected = np.append(shifted, 1e6)
    assert over_spread(infected, np.append(whole, False))[:-1] == pytest.approx(plain)
    # Cells that lie close together are not stretched, and too few are left alone.
    assert np.abs(over_spread(healthy * 1e-3, whole)).max() <= 0.02 / LEAST_SPREAD
    few = np.ones(LEAST_CELLS - 1, bool)
    for change in (less_median, over_spread):
        assert np.array_equal(change(shifted[: len(few)], few), shifted[: len(few)])


def test_what_is_no_red_cell_is_never_called() -> None:
    logits = {"cells": [np.nan, 3.0], "stages": [[np.nan] * 4, [0, 0, 0, 1]]}
    reading = reading_at(PLACES[:2], kinds=["wbc", "rbc"], logits=logits)
    (said,) = call_fields([field_of(truth_at(PLACES), reading)], caller())
    assert said.infected.tolist() == [False, True]
    assert said.stage.tolist() == [-1, 3]


def test_missing_threshold_family_or_reading_is_refused() -> None:
    field = one_field([0, 0, 0, 0], fold=4)
    with pytest.raises(ConfigError, match="test has no threshold for fold 4"):
        call_fields([field], caller())
    with pytest.raises(DataError, match=r"0\.jpg was read without x; known: cells, stages"):
        call_fields([field], Caller("test", "x", {4: 0.0}))
    with pytest.raises(DataError, match="1 fields were not read"):
        join([truth_at(PLACES)], [])


def test_threshold_of_held_out_cells_is_the_other_folds() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for fold in range(4):
        label = np.tile([0, 1], 50)
        patient = np.array([f"C{fold}{n % 5}" for n in range(100)])
        logit = (label * 4 - 2 + rng.normal(0, 0.5, 100)).astype(np.float32)
        parts.append(Scores(np.array([f"{fold}-{n}" for n in range(100)]), patient, label, logit))
    point = field_point(parts, "drawn cells")
    assert point.chosen_on == "drawn cells"
    assert point.sensitivity_cell.rate == pytest.approx(0.85, abs=0.01)
    halved = Normalisation("halved", "slide", lambda logits, _whole: logits / 2)
    changed = field_point(parts, "drawn cells", halved)
    assert as_logit(changed.threshold) == pytest.approx(as_logit(point.threshold) / 2, abs=1e-3)
    assert normalised_scores(parts[0], halved).logit[0] == parts[0].logit[0] / 2


def test_interval_comes_from_whole_blocks() -> None:
    rows = [{"right": float(n % 2), "of": 1.0} for n in range(40)]
    apart = Tallies.of(rows, [f"b{n}" for n in range(40)]).share("right", "of")
    together = Tallies.of(rows, [f"b{n % 2}" for n in range(40)]).share("right", "of")
    assert 0.3 < apart.ci_low < 0.5 < apart.ci_high < 0.7
    assert (together.ci_low, together.ci_high) == (0, 1)


def test_median_is_that_of_the_known_values() -> None:
    rows = [{"x": value} for value in (0.1, 0.2, 0.4, 0.9, float("nan"))]
    tallies = Tallies.of(rows, list("abcde"))
    assert tallies.median("x").value == pytest.approx(0.3)
    assert tallies.mean("x").value == pytest.approx(0.4)
    assert tallies.median("x").n == 4
