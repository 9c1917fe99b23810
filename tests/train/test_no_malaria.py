"""Blood without malaria: one label, every positive call false, and no fit on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.images import read_image
from edge.contract.preprocess import Preprocessing
from tests.support.dataset_layouts import write_bccd, write_chula
from tests.support.drawn_task import tiny_recipe
from train.datasets.base import labels_of, list_examples, load_crops
from train.datasets.bccd_objects import is_held_out
from train.datasets.chula_cells import SIDE_PX
from train.fit import fit
from train.recipe import Recipe
from train.scores import Scores
from train.studies import false_positives

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("dataset", "write", "cells", "groups"),
    [("bccd-cells", write_bccd, 12, 4), ("chula-cells", write_chula, 6, 2)],
)
def test_every_red_cell_is_uninfected_and_a_field_is_a_group(
    dataset: str, write: Callable[[Path], Path], cells: int, groups: int, tmp_path: Path
) -> None:
    examples = list_examples(dataset, write(tmp_path))
    assert labels_of(dataset) == ("uninfected",)
    assert {example.label for example in examples} == {0}
    assert len(examples) == cells
    assert len({example.patient for example in examples}) == groups
    crops = load_crops(examples, Preprocessing(32))
    assert crops.reshape(cells, -1).any(axis=1).all()


def test_box_of_a_point_is_centred_on_it_and_may_leave_the_frame(tmp_path: Path) -> None:
    examples = list_examples("chula-cells", write_chula(tmp_path))
    boxes = {e.name: e.box for e in examples}
    assert list(boxes) == ["12-3", "12-4", "12-5", "5-0", "5-1", "5-2"]
    middle, corner = boxes["5-1"], boxes["5-0"]
    assert middle is not None
    assert corner is not None
    assert (middle.left_px, middle.top_px) == (60 - SIDE_PX // 2, 60 - SIDE_PX // 2)
    assert middle.width_px == middle.height_px == SIDE_PX
    assert min(corner.left_px, corner.top_px) < 0


def test_other_labels_and_broken_points_are_named(tmp_path: Path) -> None:
    cells = write_bccd(tmp_path) / "bccd-fields/cells.json"
    cells.write_text(cells.read_text().replace('"Platelets"', '"parasite"', 1))
    with pytest.raises(DataError, match=r"B0-3 is labelled 'parasite'; known: RBC, WBC"):
        list_examples("bccd-cells", tmp_path)
    points = write_chula(tmp_path) / "chula-fields/points.csv"
    whole = points.read_text()
    points.write_text(whole.replace("60,60", "sixty,60", 1))
    with pytest.raises(DataError, match=r"points.csv, line 3: expected file, x_px, y_px"):
        list_examples("chula-cells", tmp_path)
    points.write_text(whole.replace("x_px", "x"))
    with pytest.raises(DataError, match=r"line 2: .*KeyError"):
        list_examples("chula-cells", tmp_path)
    points.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"points.csv cannot be read"):
        list_examples("chula-cells", tmp_path)
    points.unlink()
    with pytest.raises(DataError, match=r"points.csv cannot be read"):
        list_examples("chula-cells", tmp_path)


def test_objects_are_split_by_field_into_two_halves(tmp_path: Path) -> None:
    examples = list_examples("bccd-objects", write_bccd(tmp_path, fields=40))
    halves = {example.name: is_held_out(example) for example in examples}
    assert 0.2 < np.mean(list(halves.values())) < 0.8
    for example in examples:
        white = example.name.replace("-3", "-1")
        assert halves[example.name] == halves[white]


def test_points_take_images_from_their_own_folder_alone(tmp_path: Path) -> None:
    points = write_chula(tmp_path) / "chula-fields/points.csv"
    points.write_text("file,x_px,y_px,rbc_type\n../../../etc/passwd,1,1,0\n")
    (example,) = list_examples("chula-cells", tmp_path)
    assert example.path == points.parent / "images/passwd"


def test_nothing_is_told_apart_on_one_label(tmp_path: Path) -> None:
    root = write_bccd(tmp_path)
    plain = tiny_recipe()
    recipe = Recipe(**{**vars(plain), "dataset": "bccd-cells"})
    with pytest.raises(ConfigError, match="bccd-cells has the label 'uninfected' alone"):
        fit(recipe, tmp_path / "run", data=root)
    assert not (tmp_path / "run").exists()


def test_report_of_one_label_judges_no_labels(tmp_path: Path, clinicscope: Run) -> None:
    out = tmp_path / "report.html"
    root = write_bccd(tmp_path)
    code, _, err = clinicscope("train", "report", "bccd-cells", "--data", root, "--out", out)
    assert code == 0, err
    assert "Not judged: there is one label only." in out.read_text()


def scores(label: list[int], logit: list[float], groups: int = 5) -> Scores:
    patient = np.array([f"field{n % groups}" for n in range(len(label))])
    return Scores(
        np.arange(len(label)).astype(str), patient, np.array(label), np.array(logit, np.float32)
    )


def test_false_positives_count_negative_cells_alone() -> None:
    found = false_positives(scores([0] * 20 + [1] * 5, [1.0] * 2 + [-1.0] * 18 + [2.0] * 5))
    assert found.value == pytest.approx(0.1)
    assert found.ci_low < 0.05
    assert found.ci_high > 0.3
    assert (found.n, found.n_groups) == (20, 5)


def test_no_false_positive_among_few_cells_is_no_proof() -> None:
    found = false_positives(scores([0] * 20, [-1.0] * 20))
    # Clopper-Pearson, 0 of 20: 1 - .025 ** (1 / 20).
    assert (found.value, found.ci_low) == (0, 0)
    assert found.ci_high == pytest.approx(0.168, abs=1e-3)
    with pytest.raises(DataError, match="none of 3 cells is negative"):
        false_positives(scores([1] * 3, [1.0] * 3))


@pytest.mark.data
def test_side_of_the_chula_box_is_what_holds_half_of_the_cells(real_data: Path) -> None:
    examples = list_examples("chula-cells", real_data)
    points: dict[Path, list[tuple[int, int]]] = {}
    for example in examples:
        assert example.box is not None
        half = SIDE_PX // 2
        centre = (example.box.left_px + half, example.box.top_px + half)
        points.setdefault(example.path, []).append(centre)
    needed = np.concatenate([_sides_needed(path, found) for path, found in points.items()])
    assert len(needed) > 1500
    assert np.median(needed) == pytest.approx(SIDE_PX, abs=2)


def _sides_needed(path: Path, points: list[tuple[int, int]]) -> list[float]:
    """Side of the smallest centred box that holds the cell of each point that has one alone."""
    green = cv2.GaussianBlur(read_image(path)[:, :, 1], (0, 0), 1.5)
    _, dark = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(dark), outlines, -1, 255, cv2.FILLED)
    _, part, stats, _ = cv2.connectedComponentsWithStats(filled)
    height, width = part.shape
    owned = Counter(int(part[y, x]) for x, y in points)
    sides = []
    for x, y in points:
        left, top, w, h, _ = stats[part[y, x]]
        whole = left > 0 and top > 0 and left + w < width and top + h < height
        if part[y, x] and owned[int(part[y, x])] == 1 and whole:
            sides.append(2.0 * max(x - left, left + w - x, y - top, top + h - y))
    return sides


@pytest.mark.data
def test_real_sets_without_malaria_are_read_whole(real_data: Path) -> None:
    assert len(list_examples("chula-cells", real_data)) == 3070
    assert len(list_examples("bccd-cells", real_data)) == 1147
    assert len(list_examples("bccd-objects", real_data)) == 191
