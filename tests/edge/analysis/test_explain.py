"""Evidence: boxes where the cells are, views of the cell, heat where the map says."""

from __future__ import annotations

import numpy as np
import pytest

from edge.analysis.explain import VIEW_PX, annotate_field, cell_view, heat_view

FIELD = np.full((200, 300, 3), 220, np.uint8)


def cell(label: str, left: int = 100, top: int = 80) -> dict[str, object]:
    box = {"left_px": left, "top_px": top, "width_px": 40, "height_px": 30}
    return {**box, "label": label, "score": 0.9, "novelty": None}


def test_infected_cell_is_drawn_in_red_and_the_field_is_left_alone() -> None:
    drawn = annotate_field(FIELD, [cell("parasitised")])
    assert (FIELD == 220).all()
    red, green, _ = drawn[80, 120]
    assert red > 150 > green
    assert (drawn[90:100, 110:130] == 220).all()


def test_healthy_cell_is_drawn_thin() -> None:
    drawn = annotate_field(FIELD, [cell("uninfected")])
    changed = (drawn != FIELD).any(axis=2)
    assert changed.sum() == 2 * 40 + 2 * 30 - 4


@pytest.mark.parametrize(("left", "top"), [(0, 0), (-5, 10), (270, 180)])
def test_view_of_a_cell_at_the_border_has_the_agreed_size(left: int, top: int) -> None:
    view = cell_view(FIELD, left, top, 40, 30)
    assert view.shape == (VIEW_PX, VIEW_PX, 3)
    assert set(np.unique(view)) >= {128, 220}


def test_heat_is_where_the_map_is_high_and_nowhere_else() -> None:
    cam = np.full((8, 8), -5, np.float32)
    cam[:, 4:] = 50
    plain, heat = cell_view(FIELD, 100, 80, 40, 40), heat_view(FIELD, 100, 80, 40, 40, cam)
    changed = np.abs(heat.astype(int) - plain).sum(axis=2) > 30
    assert changed[60:100, 100:130].all()
    assert not changed[:, :70].any()


def test_map_without_evidence_leaves_the_view_as_it_is() -> None:
    cam = np.full((8, 8), -1, np.float32)
    view = heat_view(FIELD, 100, 80, 40, 40, cam)
    assert np.abs(view.astype(int) - cell_view(FIELD, 100, 80, 40, 40)).max() <= 1
