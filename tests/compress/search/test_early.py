"""The rule by which a trial stops before its last epoch."""

from __future__ import annotations

from compress.search.early import Course, lags

EARLIER = [
    Course((0.70, 0.90), (100.0, 1.0)),
    Course((0.72, 0.91), (100.0, 1.0)),
    Course((0.74, 0.92), (100.0, 1.0)),
]


def test_trial_clearly_below_the_median_stops() -> None:
    assert lags((0.60,), (100.0, 1.0), EARLIER)
    assert lags((0.75, 0.85), (200.0, 2.0), EARLIER)


def test_trial_near_the_median_goes_on() -> None:
    assert not lags((0.705,), (100.0, 1.0), EARLIER)
    assert not lags((0.60, 0.93), (100.0, 1.0), EARLIER)


def test_best_epoch_so_far_counts() -> None:
    assert not lags((0.95, 0.50), (100.0, 1.0), EARLIER)


def test_cheaper_trial_is_held_against_none_that_cost_more() -> None:
    assert not lags((0.50,), (99.0, 1.0), EARLIER)
    assert not lags((0.50,), (100.0, 0.9), EARLIER)


def test_too_few_earlier_trials_stop_nothing() -> None:
    assert not lags((0.50,), (100.0, 1.0), EARLIER[:2])


def test_trials_that_had_stopped_by_then_are_no_measure() -> None:
    stopped = [Course((0.7,), (100.0, 1.0))] * 3
    assert not lags((0.6, 0.6), (100.0, 1.0), stopped)
    assert lags((0.6,), (100.0, 1.0), stopped)
