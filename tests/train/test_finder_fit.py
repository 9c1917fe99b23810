"""Fits of finders: what a view shows and what is asked of it; they learn, go on and refuse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.contract.cell_grid import SIDE_UNIT, GridSettings, read_grid
from edge.contract.errors import ConfigError, DataError
from tests.support.drawn_finder_lab import paint_boxes, write_fields, write_recipe
from train.cli import train
from train.finder.fields import KEPT_SCALE, BoxedField, load_boxed_fields
from train.finder.fit import (
    draw_batches,
    finder_loss,
    fit_finder,
    load_finder,
    read_finder_recipe,
    training_blocks,
    view_size,
)
from train.finder.recipe import FinderRecipe, FinderSpec, ViewSpec, load_finder_recipe
from train.finder.targets import make_targets
from train.finder.views import View, draw_view, whole_view
from train.log import read_log
from train.models.cell_finder import build_finder
from train.models.start_weights import WEIGHTS_FILE
from train.splits import fold_of

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]

GRID = GridSettings(cell_px=16, stride_px=4, least_score=0.4)
PLAIN = ViewSpec((1, 1), (1, 1), (1, 1), tint=0, mix=0, grey=0, blur_px=0, noise=0)
NONE = np.zeros((0, 4), np.float32)
SCORE = "least_score = 0.4\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fields(tmp_path_factory.mktemp("fields"), (1, 3, 2, 1, 1))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> FinderRecipe:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    return load_finder_recipe(write_recipe(path, epochs=3))


@pytest.fixture(scope="module")
def run(data: Path, recipe: FinderRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_finder(recipe, tmp_path_factory.mktemp("run"), data=data).parent


def squares(count: int = 6) -> BoxedField:
    """White squares on black, 320 x 240 px; the first infected, the last `unknown`."""
    rng = np.random.default_rng(count)
    corners = np.array([(20 + 50 * n, 30 + 30 * n) for n in range(count)], np.float32)
    boxes = np.concatenate([corners, corners + rng.integers(24, 44, (count, 2))], axis=1)
    image = paint_boxes(boxes, (320, 240))
    return BoxedField("squares", "block0", image, boxes[:-1], boxes[-1:], np.arange(count - 1) == 0)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_boxes_follow_what_lies_in_them(seed: int) -> None:
    spec = replace(PLAIN, size=(0.7, 1.4))
    view = draw_view(squares(), spec, GRID.cell_px, (256, 192), _rng(seed))
    # What is painted, in the same view, is what the boxes say.
    painted = paint_boxes(np.concatenate([view.boxes, view.unknown]), (256, 192))
    assert np.abs(view.image - painted / 255).mean() < 0.05
    inside = cv2.erode(painted, np.ones((5, 5), np.uint8)) > 0
    beside = cv2.dilate(painted, np.ones((5, 5), np.uint8)) == 0
    assert view.image[inside].min(initial=1) > 0.9
    assert view.image[beside].max(initial=0) < 0.05


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_a_view_says_which_part_of_it_is_the_field(seed: int) -> None:
    field = squares()
    white = replace(field, image=np.full_like(field.image, 255))
    view = draw_view(white, replace(PLAIN, size=(0.3, 1.4)), 16, (256, 192), _rng(seed))
    left, top, right, bottom = view.inside
    y, x = np.mgrid[:192, :256] + 0.5
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    away = (x < left - 2) | (x > right + 2) | (y < top - 2) | (y > bottom + 2)
    assert view.image[away].max(initial=0) < 0.05
    # Where little of the field shows, its blurred rim is a larger part of it.
    assert (view.image[inside] > 0.9).mean() > 0.9


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_views_are_flipped_and_turned_every_way() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:10, :5] = 255
    box = np.array([[0, 0, 5, 10]], np.float32)
    field = BoxedField("corner", "block0", image, box, NONE, np.array([False]))
    found = {
        tuple(draw_view(field, PLAIN, 40, (40, 40), _rng(seed)).boxes[0].round().tolist())
        for seed in range(60)
    }
    assert len(found) == 8


def test_the_same_numbers_draw_the_same_view_and_others_another() -> None:
    one, same, other = (draw_view(squares(), ViewSpec(), 16, (64, 48), _rng(n)) for n in (1, 1, 2))
    assert np.array_equal(one.image, same.image) and np.array_equal(one.boxes, same.boxes)
    assert not np.array_equal(one.image, other.image)
    assert one.image.dtype == np.float32 and one.image.min() >= 0 and one.image.max() <= 1


def test_whole_view_is_the_field_at_the_networks_size() -> None:
    field = squares()
    view = whole_view(field, 24, (192, 144))
    assert view.image.shape == (144, 192, 3) and view.cell_px == 24
    assert np.allclose(view.boxes, field.boxes * 0.6)
    painted = paint_boxes(np.concatenate([view.boxes, view.unknown]), (192, 144))
    assert np.abs(view.image - painted / 255).mean() < 0.01


def view_of(boxes: list[list[float]], unknown: list[list[float]] | None = None) -> View:
    """96 x 64 px of nothing; the first cell is infected."""
    of_unknown = np.array(unknown, np.float32) if unknown else NONE
    image = np.zeros((64, 96, 3), np.float32)
    cells = np.array(boxes, np.float32).reshape(-1, 4)
    infected = np.arange(len(cells)) == 0
    return View(image, cells, of_unknown, infected, (0.0, 0.0, 96.0, 64.0), 16.0)


def test_targets_of_a_box_say_its_middle_and_its_sides() -> None:
    targets = make_targets(view_of([[30, 20, 48, 36]]), GRID)
    assert targets.middle.shape == (16, 24) and targets.reach.shape == (16, 24, 4)
    # The place whose middle, (38, 26) or (38, 30), is nearest to (39, 28).
    assert targets.middle.max() == 1 and (targets.middle == 1).sum() == 1
    row, column = np.unravel_index(targets.middle.argmax(), targets.middle.shape)
    assert column == 9 and row in (6, 7)
    x, y = (column + 0.5) * 4, (row + 0.5) * 4
    expected = np.array([x - 30, y - 20, 48 - x, 36 - y]) / (SIDE_UNIT * GRID.cell_px)
    assert np.allclose(targets.reach[row, column], expected)
    assert targets.taught[row, column] > 0 and targets.taught[0, 0] == 0
    assert targets.middle[0, 0] < 1e-3


def test_read_targets_are_the_boxes_again() -> None:
    boxes = [[10.0, 12, 26, 28], [30, 20, 48, 36], [44, 24, 62, 42], [70, 40, 86, 58]]
    targets = make_targets(view_of(boxes), GRID)
    logit = np.log(np.clip(targets.middle, 1e-4, 1 - 1e-4) / np.clip(1 - targets.middle, 1e-4, 1))
    said = np.concatenate([logit[..., None], targets.reach], axis=-1)
    found = read_grid(np.asarray(said, np.float32), replace(GRID, least_score=0.95))
    assert np.allclose(sorted(found.boxes.tolist()), sorted(boxes), atol=1e-3)


def test_rim_and_unknown_places_are_not_asked_unless_a_cell_is_there() -> None:
    unknown = [[60.0, 24, 76, 40]]
    empty = make_targets(view_of([], unknown), GRID).asked
    assert empty[8, 5] == 1 and empty[0, 5] == empty[-1, 5] == empty[8, 0] == empty[8, -1] == 0
    assert empty[7, 16] == 0
    # Beside the rim of half a cell all are asked; the unknown box takes some more px away.
    assert empty[2:14, 2:13].all() and not empty[6:10, 14:20].any()
    asked = make_targets(view_of([[0, 24, 8, 40], [62, 26, 74, 38]], unknown), GRID).asked
    assert asked[8, 0] == 1 and asked[7, 16] == 1


def test_cells_beyond_the_field_teach_nothing() -> None:
    beyond = [[-30.0, 20, -6, 36], [-14, 20, 6, 36], [90, 60, 110, 80], [200, 20, 216, 36]]
    targets = make_targets(view_of(beyond), GRID)
    assert targets.middle.max() == targets.taught.max() == 0


def test_a_crowd_is_taught_each_place_by_its_nearest_cell() -> None:
    boxes = [[30.0, 20, 46, 36], [38, 20, 54, 36]]
    targets = make_targets(view_of(boxes), GRID)
    assert (targets.middle == 1).sum() == 2
    for box in boxes:
        column = int((box[0] + 8) // 4)
        x, y = (column + 0.5) * 4, 30
        assert np.allclose(targets.reach[7, column] * 4, [x - box[0], y - 20, box[2] - x, 36 - y])


def test_infected_cells_weigh_more_where_it_is_asked_for() -> None:
    view = view_of([[10, 20, 26, 36], [60, 20, 76, 36]])
    plain, weighted = make_targets(view, GRID), make_targets(view, GRID, infected_weight=3)
    assert np.array_equal(plain.middle, weighted.middle)
    assert np.array_equal(plain.reach, weighted.reach)
    for one, other in ((plain.asked, weighted.asked), (plain.taught, weighted.taught)):
        times = other[one > 0] / one[one > 0]
        assert set(times.tolist()) == {1.0, 3.0}
        assert np.array_equal(one[:, 12:], other[:, 12:])
        first = plain.middle[:, :12] == 1
        assert (other[:, :12][first] == 3 * one[:, :12][first]).all()


def as_said(targets: Any) -> np.ndarray:
    logit = np.where(targets.middle >= 0.999, 12.0, -12.0)
    return np.concatenate([logit[..., None], targets.reach], axis=-1)[None].astype(np.float32)


def loss_of(said: np.ndarray, targets: Any) -> float:
    return float(finder_loss(said, *(part[None] for part in targets.parts())))


def test_loss_is_nothing_for_what_is_right_and_grows_with_every_fault() -> None:
    targets = make_targets(view_of([[30, 20, 48, 36], [60, 30, 76, 46]]), GRID)
    right = as_said(targets)
    assert loss_of(right, targets) < 0.02
    missed, more, wider, unasked = (right.copy() for _ in range(4))
    missed[..., 0] = -12
    more[0, 3, 3, 0] = 12
    wider[..., 1:] *= 1.3
    unasked[0, 0, 0, 0] = 12
    assert loss_of(missed, targets) > 5
    assert loss_of(more, targets) > 1
    assert loss_of(wider, targets) > 0.3
    assert loss_of(unasked, targets) == pytest.approx(loss_of(right, targets), abs=1e-6)


def test_loss_of_a_view_without_cells_is_a_number() -> None:
    targets = make_targets(view_of([]), GRID)
    assert 0 <= loss_of(as_said(targets), targets) < 0.01


def test_fields_are_kept_at_half_size_with_what_may_be_a_cell_apart(data: Path) -> None:
    content = json.loads((data / "iml-fields/cells.json").read_text())
    (field,) = load_boxed_fields(["block0"], data)
    assert field.name == "F00" and field.image.shape == (480, 640, 3)
    listed = content[0]["cells"]
    # The difficult box, what is too narrow for a cell, and the scale bar.
    slips = sum(min(cell["width_px"], cell["height_px"]) < 10 for cell in listed)
    assert len(field.boxes) == len(listed) - 1 - slips and len(field.unknown) == 2 + slips
    sides = [listed[1][key] for key in ("left_px", "top_px", "width_px", "height_px")]
    box = np.array([*sides[:2], sides[0] + sides[2], sides[1] + sides[3]]) * KEPT_SCALE
    assert box.tolist() in field.boxes.tolist()


def test_folders_without_fields_of_the_blocks_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no field of blocks \['block99'\]"):
        load_boxed_fields(["block99"], data)
    with pytest.raises(DataError, match=r"cells\.json cannot be read"):
        load_boxed_fields(None, tmp_path)


def test_every_fold_holds_its_own_blocks_out(recipe: FinderRecipe, run: Path) -> None:
    of_block = fold_of("iml-cells")
    for fold in range(5):
        blocks = set(training_blocks(replace(recipe, held_out_fold=fold)))
        assert blocks == {block for block, of in of_block.items() if of != fold}
    split = json.loads((run / "split.json").read_text())
    assert split["train"] == training_blocks(recipe) and "block0" not in split["train"]
    with pytest.raises(ConfigError, match=r"held_out_fold is 5; iml-cells has \[0, 1, 2, 3, 4\]"):
        training_blocks(replace(recipe, held_out_fold=5))


def test_an_epoch_shows_each_field_once_and_depends_on_its_number_alone(
    data: Path, recipe: FinderRecipe
) -> None:
    fields = load_boxed_fields(training_blocks(recipe), data)
    assert len(fields) == 7
    first, again, next_one = (list(draw_batches(fields, recipe, epoch)) for epoch in (0, 0, 1))
    assert len(first) == 3
    width, height = view_size(recipe.grid)
    shapes = [part.shape for part in first[0]]
    places = (2, height // 4, width // 4)
    assert shapes == [(2, height, width, 3), places, places, (*places, 4), places]
    for one, same in zip(first, again, strict=True):
        assert all(map(np.array_equal, one, same))
    assert not np.array_equal(first[0][0], next_one[0][0])


def test_a_fit_learns_and_its_log_says_so(run: Path, recipe: FinderRecipe) -> None:
    log = read_log(run / "log.csv")
    assert [row["epoch"] for row in log] == [1, 2, 3]
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
    found, model = load_finder(run)
    assert found == recipe and model.input_shape == (None, None, None, 3)
    assert load_finder(run, (192, 256))[1].output_shape == (None, 48, 64, 5)


def test_a_stopped_fit_goes_on_to_the_same_weights(
    data: Path, recipe: FinderRecipe, run: Path, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill(row: dict[str, float]) -> None:
        if row["epoch"] == 2:
            raise KilledError

    with pytest.raises(KilledError):
        fit_finder(recipe, tmp_path, data=data, on_epoch=kill)
    assert not (tmp_path / WEIGHTS_FILE).exists()
    with pytest.raises(ConfigError, match="fit the recipe to its end"):
        load_finder(tmp_path)
    shown: list[float] = []
    fit_finder(recipe, tmp_path, data=data, on_epoch=lambda row: shown.append(row["epoch"]))
    assert shown == [3]
    whole, resumed = (load_finder(folder)[1].get_weights() for folder in (run, tmp_path))
    assert all(map(np.array_equal, whole, resumed))
    one, other = (read_log(folder / "log.csv") for folder in (run, tmp_path))
    assert [row["loss"] for row in one] == [row["loss"] for row in other]


def test_a_folder_of_another_recipe_is_left_alone(
    data: Path, recipe: FinderRecipe, run: Path
) -> None:
    with pytest.raises(ConfigError, match="run of another recipe"):
        fit_finder(replace(recipe, seed=6), run, data=data)
    assert read_finder_recipe(run) == recipe


def test_a_fit_may_start_from_a_run_that_held_the_same_fold_out(
    data: Path, recipe: FinderRecipe, run: Path, tmp_path: Path
) -> None:
    first = Path(shutil.copytree(run, tmp_path / "first" / "fold0"))
    on = replace(
        recipe,
        model=replace(recipe.model, weights="run:first"),
        fit=replace(recipe.fit, epochs=1, learning_rate=1e-9),
    )
    fit_finder(on, tmp_path / "on" / "fold0", data=data)
    started, ended = (load_finder(f)[1] for f in (first, tmp_path / "on" / "fold0"))
    of_both = zip(started.trainable_variables, ended.trainable_variables, strict=True)
    assert all(np.allclose(one, other, atol=1e-4) for one, other in of_both)
    with pytest.raises(ConfigError, match="no finished fit of first with fold 3 held out"):
        fit_finder(replace(on, held_out_fold=3), tmp_path / "on" / "fold3", data=data)


def test_a_damaged_checkpoint_is_named(data: Path, recipe: FinderRecipe, tmp_path: Path) -> None:
    short = replace(recipe, fit=replace(recipe.fit, epochs=1))
    fit_finder(short, tmp_path, data=data)
    for path in (tmp_path / "checkpoint").glob("*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigError, match="is damaged, or of another network"):
        fit_finder(short, tmp_path, data=data)


def test_too_few_fields_and_a_loss_that_runs_away_are_refused(
    data: Path, recipe: FinderRecipe, tmp_path: Path
) -> None:
    many = replace(recipe, fit=replace(recipe.fit, batch_size=8))
    with pytest.raises(DataError, match="7 fields fill no batch"):
        fit_finder(many, tmp_path / "few", data=data)
    fast = replace(recipe, fit=replace(recipe.fit, learning_rate=1e30, epochs=3))
    with pytest.raises(DataError, match=r"loss is .* lower fit\.learning_rate"):
        fit_finder(fast, tmp_path / "fast", data=data)


def test_folders_that_hold_no_run_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no recipe\.json"):
        load_finder(tmp_path)
    content = json.loads((run / "recipe.json").read_text())
    for broken in ("{", json.dumps(content | {"mood": 1}), json.dumps([])):
        (tmp_path / "recipe.json").write_text(broken)
        with pytest.raises(ConfigError, match="is no recipe of `clinicscope train finder fit`"):
            load_finder(tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(content))
    (tmp_path / WEIGHTS_FILE).write_bytes(b"no weights")
    with pytest.raises(ConfigError, match=r"model\.weights\.h5 cannot be read"):
        load_finder(tmp_path)


@pytest.mark.parametrize(
    ("room", "line", "message"),
    [
        ("", "mood = 1\n", "mood"),
        ("model", "stem = 0\n", r"at least 1 each"),
        ("model", "dilations = []\n", "one dilation"),
        ("model", "weights = 'first'\n", r"weights is 'first'; run:NAME, or none"),
        ("", "infected_weight = 0.0\n", r"infected_weight is 0\.0; above 0"),
        ("model", "dilations = [1, 4]\n", r"dilations is \(1, 4\); at most 2 each"),
        ("model", "mood = 1\n", "mood"),
        ("views", "size = [1.5, 0.5]\n", r"views\.size is 1\.5 to 0\.5"),
        ("views", "light = [0.0, 1.0]\n", r"views\.light is 0\.0 to 1\.0"),
        ("views", "noise = -0.1\n", r"views\.noise is -0\.1; 0 or above"),
        ("fit", "keep_best = true\n", "fit has keep_best, which only fits of labels have"),
        ("fit", "schedule = 'plateau'\n", "waits for a validation loss"),
        ("fit", "precision = 'mixed_bfloat16'\n", r"fit\.precision is 'mixed_bfloat16'"),
        ("grid", "least_score = 2.0\n", r"least_score is 2\.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    room: str, line: str, message: str, tmp_path: Path
) -> None:
    rooms = {
        "grid": "cell_px = 16\nstride_px = 4\n" + ("" if room == "grid" else SCORE),
        "fit": "epochs = 1\nbatch_size = 2\nlearning_rate = 1e-3\n",
    }
    rooms[room] = rooms.get(room, "") + line
    top = rooms.pop("", "") + "held_out_fold = 0\nseed = 5\n"
    text = top + "".join(f"[{name}]\n{lines}" for name, lines in rooms.items())
    path = tmp_path / "odd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_finder_recipe(str(path))


def test_strides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"grid\.stride_px is 3; 1, 2 or 4"):
        build_finder(FinderSpec(), replace(GRID, stride_px=3))


@pytest.mark.parametrize("stride_px", [1, 2, 4])
def test_network_answers_for_every_place_of_its_grid(stride_px: int) -> None:
    grid = replace(GRID, stride_px=stride_px)
    model = build_finder(FinderSpec(4, 4, (1,)), grid)
    said = np.asarray(model(np.zeros((1, 24, 40, 3), np.float32)))
    assert said.shape == (1, 24 // stride_px, 40 // stride_px, 5)
    # It starts with saying that few places are middles, and half a diameter to each side.
    assert said[..., 0].mean() == pytest.approx(-3, abs=0.5)
    assert said[..., 1:].mean() == pytest.approx(2, abs=0.5)


def test_shipped_recipe_is_one() -> None:
    recipe = load_finder_recipe("cell-finder", {"held_out_fold": 3, "fit.epochs": 2})
    assert (recipe.held_out_fold, recipe.fit.epochs, recipe.grid.cell_px) == (3, 2, 24)
    with pytest.raises(ConfigError, match="shipped: cell-finder"):
        load_finder_recipe("mood")


def test_recipes_that_were_tried_differ_in_one_thing_and_start_from_what_ships() -> None:
    shipped, on = (load_finder_recipe(name) for name in ("cell-finder", "cell-finder-on"))
    assert on.model == replace(shipped.model, weights="run:cell-finder")
    assert replace(on, model=shipped.model, fit=shipped.fit) == shipped
    infected, stains = (
        load_finder_recipe(f"cell-finder-{name}") for name in ("infected", "stains")
    )
    assert infected == replace(on, infected_weight=4.0)
    assert stains != on and replace(stains, views=on.views) == on


def test_command_fits_goes_on_and_names_what_is_wrong(data: Path, tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path / "tiny.toml", epochs=1), tmp_path / "run"
    words = ["finder", "fit", recipe, "--fold", "3", "--out", str(out), "--data", str(data)]
    done = CliRunner().invoke(train, words, catch_exceptions=False)
    assert done.exit_code == 0 and str(out / WEIGHTS_FILE) in done.output
    assert "epoch 1: loss" in done.output
    assert read_finder_recipe(out).held_out_fold == 3
    assert main(["train", *words, "--set", "fit.epochs=2"]) != 0
    assert main(["train", "finder", "fit", "mood"]) != 0
