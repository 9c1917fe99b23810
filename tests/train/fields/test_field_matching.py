"""Pairs of found and true cells, and which of both count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hand_made_fields import boxes_at, reading_at, truth_at
from train.fields.matching import assign, at_border, iou, match_objects, match_red_cells

FREE = [(100, 100), (200, 100), (300, 100)]


def test_overlap_is_intersection_over_union() -> None:
    first, second = boxes_at([(0, 0)]), boxes_at([(0, 0), (20, 0), (40, 0)])
    assert iou(first, second).tolist() == [[1.0, pytest.approx(800 / 2400), 0.0]]


def test_most_pairs_come_before_the_best_pair() -> None:
    # Greedily the first would take .9 and leave the second alone.
    assert assign(np.array([[0.9, 0.6], [0.55, 0.0]])).tolist() == [[0, 1], [1, 0]]
    assert assign(np.zeros((0, 3))).shape == (0, 2)


def test_found_and_true_cells_pair_at_half_overlap() -> None:
    # Shifted by 13 px of 40 the boxes overlap by .509, by 14 px by .481.
    matched = match_red_cells(truth_at(FREE), reading_at([(113, 100), (214, 100), (500, 300)]))
    assert matched.hits.tolist() == [[0, 0]]
    assert matched.true_counts.all()
    assert matched.found_counts.all()


def test_cells_at_the_border_are_neither_hit_nor_miss_nor_false() -> None:
    truth = truth_at([(0, 100), (601, 200), (300, 100), (100, 1)])
    # One at the border is found, one is not; a third is found where there is no truth.
    reading = reading_at([(1, 100), (300, 100), (0, 400)], border=[True, False, True])
    fair, strict = match_red_cells(truth, reading), match_red_cells(truth, reading, strict=True)
    assert fair.true_counts.tolist() == [False, False, True, False]
    assert fair.found_counts.tolist() == [False, True, False]
    assert fair.hits.tolist() == [[2, 1]]
    assert len(strict.hits) == 2
    assert strict.true_counts.sum() == 4
    assert strict.found_counts.sum() == 3


def test_found_cell_at_the_border_takes_its_true_one_out() -> None:
    # The truth ends 5 px inside the frame, what was found reaches its edge.
    matched = match_red_cells(truth_at([(5, 100)]), reading_at([(0, 100)]))
    assert not matched.true_counts.any()
    assert not matched.found_counts.any()


def test_unsure_cells_are_left_out_with_what_was_found_of_them() -> None:
    truth = truth_at(FREE, unsure=[True, True, False])
    matched = match_red_cells(truth, reading_at([(100, 100), (300, 100)]))
    assert matched.true_counts.tolist() == [False, False, True]
    assert matched.found_counts.tolist() == [False, True]


def test_only_red_cells_pair() -> None:
    truth = truth_at(FREE, ["uninfected", "wbc", "ring"])
    reading = reading_at(FREE, kinds=["rbc", "rbc", "wbc"])
    matched = match_red_cells(truth, reading)
    assert matched.hits.tolist() == [[0, 0]]
    assert matched.found_counts.tolist() == [True, True, False]
    white = match_objects(truth, reading, truth.labels == "wbc", reading.kinds == "wbc")
    assert len(white.hits) == 0


def test_centres_pair_within_half_a_cell() -> None:
    truth = replace(truth_at(FREE), boxes_px=None)
    matched = match_red_cells(truth, reading_at([(120, 100), (222, 100), (300, 115)]))
    assert matched.hits.tolist() == [[0, 0], [2, 2]]


def test_point_within_half_a_cell_of_the_edge_does_not_count() -> None:
    truth = replace(truth_at([(1, 100), (300, 100)]), boxes_px=None)
    assert match_red_cells(truth, reading_at([])).true_counts.tolist() == [False, True]


def test_every_edge_of_the_frame_is_a_border() -> None:
    boxes = boxes_at([(2, 100), (100, 2), (598, 100), (100, 438), (3, 3), (597, 437)])
    found = at_border(boxes, reading_at([]))
    assert found.tolist() == [True, True, True, True, False, False]


_places = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 440)), min_size=0, max_size=12)


@settings(deadline=None, max_examples=60)
@given(true=_places, found=_places)
def test_pairs_are_one_to_one_and_overlap(true: list, found: list) -> None:
    truth, reading = truth_at(true), reading_at(found)
    for strict in (True, False):
        matched = match_red_cells(truth, reading, strict=strict)
        pairs = matched.hits
        assert len(set(pairs[:, 0])) == len(pairs) == len(set(pairs[:, 1]))
        for row, column in pairs:
            overlap = iou(reading.boxes_px[column : column + 1], boxes_at(true)[row : row + 1])
            assert overlap[0, 0] >= 0.5
        # A hit counts on both sides, or on neither.
        assert matched.found_counts[pairs[:, 1]].all()
