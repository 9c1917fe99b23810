"""Evidence: boxes where the cells are, views of the cell, heat where the map says."""

from __future__ import annotations

import numpy as np
import pytest

from edge.analysis.explain import VIEW_PX, annotate_field, cell_view, heat_view

FIELD = np.full((200, 300, 3), 220, np.uint8)


def cell(label: str, left: int = 100, top: int = 80, **values: object) -> dict[str, object]:
    box = {"left_px": left, "top_px": top, "width_px": 40, "height_px": 30}
    plain = {"score": 0.9, "novelty": None, "refused": "", "disagrees": False}
    return {**box, "label": label, **plain, **values}


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


def test_each_kind_of_cell_has_its_own_box_and_word() -> None:
    kinds = {
        "healthy": cell("uninfected"),
        "infected": cell("parasitised"),
        "first alone": cell("parasitised", novelty=0.2, disagrees=True),
        "second alone": cell("uninfected", novelty=0.9, disagrees=True),
        "refused": cell("debris", score=None, refused="no red cell"),
        "refused, looks infected": cell("parasitised", refused="no red cell"),
        "white cell": cell("wbc", score=None),
    }
    drawn = {name: annotate_field(FIELD, [kind]) for name, kind in kinds.items()}
    assert len({picture.tobytes() for picture in drawn.values()}) == len(kinds)
    colours = {name: tuple(picture[109, 101]) for name, picture in drawn.items()}
    assert colours["first alone"] == colours["second alone"]
    assert colours["refused"] == colours["refused, looks infected"]
    assert len(set(colours.values())) == 5
    inside = {name: (picture[82, 120] != 220).any() for name, picture in drawn.items()}
    thick = {name for name, drawn_over in inside.items() if drawn_over}
    assert thick == {"infected", "first alone", "second alone", "refused, looks infected"}


def test_infected_cell_is_drawn_over_a_disputed_one() -> None:
    infected, disputed = cell("parasitised"), cell("uninfected", novelty=0.9, disagrees=True)
    drawn = annotate_field(FIELD, [infected, disputed])
    assert tuple(drawn[95, 100]) == tuple(annotate_field(FIELD, [infected])[95, 100])


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


def test_map_of_the_novelty_network_is_warm_at_smaller_logits() -> None:
    cam = np.full((8, 8), 6, np.float32)
    plain = cell_view(FIELD, 100, 80, 40, 40).astype(int)
    of_classifier = heat_view(FIELD, 100, 80, 40, 40, cam)
    of_novelty = heat_view(FIELD, 100, 80, 40, 40, cam, of_novelty=True)
    assert np.abs(of_classifier - plain).max() <= 1
    assert np.abs(of_novelty - plain).max() > 30
