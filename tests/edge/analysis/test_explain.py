"""Evidence: boxes where the cells are, views of the cell, heat where the map says."""

from __future__ import annotations

import numpy as np
import pytest

from edge.analysis.explain import VIEW_PX, add_legend, annotate_field, cell_view, heat_view

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


def test_uncertain_cell_has_a_colour_of_its_own_and_older_records_have_none() -> None:
    sure, unsure = cell("uninfected", uncertain=False), cell("uninfected", uncertain=True)
    assert np.array_equal(
        annotate_field(FIELD, [sure]), annotate_field(FIELD, [cell("uninfected")])
    )
    assert (annotate_field(FIELD, [unsure]) != annotate_field(FIELD, [sure])).any()


def test_stage_is_written_beside_the_score() -> None:
    stages = {name: annotate_field(FIELD, [cell(name)]) for name in ("parasitised", "ring")}
    ink = {name: (drawn != FIELD).any(axis=2).sum() for name, drawn in stages.items()}
    assert ink["ring"] > ink["parasitised"]


@pytest.mark.parametrize(("left", "top"), [(0, 0), (260, 0), (260, 80), (0, 170)])
def test_word_stays_inside_the_frame(left: int, top: int) -> None:
    drawn = annotate_field(FIELD, [cell("gametocyte", left, top)])
    grey = (np.abs(drawn.astype(int) - (214, 32, 32)).sum(axis=2) < 60) & (FIELD[..., 0] == 220)
    grey[max(0, top - 1) : top + 31, max(0, left - 1) : left + 41] = False
    # A word of 15 letters, not cut off.
    assert np.ptp(np.flatnonzero(grey.any(axis=0))) > 100


def test_lines_grow_with_the_picture() -> None:
    large = np.full((1944, 2592, 3), 220, np.uint8)
    drawn = annotate_field(large, [cell("uninfected")])
    assert (drawn[76:84, 120] != 220).all(axis=1).sum() > 1


def test_legend_counts_each_kind_below_the_field() -> None:
    cells = [
        cell("ring"),
        cell("parasitised", 200),
        cell("uninfected", 20),
        cell("wbc", score=None),
    ]
    drawn = annotate_field(FIELD, cells)
    with_legend = add_legend(drawn, cells)
    assert np.array_equal(with_legend[:200], drawn)
    strip = with_legend[200:]
    found = [(strip == colour).all(axis=2).any() for colour in ((214, 32, 32), (60, 150, 110))]
    assert found == [True, True]
    assert not (strip == (112, 48, 160)).all(axis=2).any()
    assert not np.array_equal(with_legend, add_legend(drawn, cells[1:]))


def test_legend_of_a_refused_field_says_why_on_as_many_lines_as_it_takes() -> None:
    short = add_legend(FIELD, [], "out of focus")
    long = add_legend(
        FIELD, [], "stain unlike any seen: the colours are not those of a blood smear"
    )
    assert long.shape[0] > short.shape[0] > FIELD.shape[0]
    assert long.shape[1] == FIELD.shape[1]
    assert add_legend(FIELD, []).shape[0] > 200


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
