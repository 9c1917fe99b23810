"""What the collections' files say, as one value type."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.dataset_layouts import write_bccd, write_chula, write_iml
from train.fields.truth import FIELD_SETS, read_bccd, read_chula, read_fields, read_iml


def test_iml_field_has_its_boxes_labels_and_block(tmp_path: Path) -> None:
    first, *_ = read_iml(write_iml(tmp_path) / "iml-fields")
    assert (first.name, first.group) == ("F0.JPG", "block0")
    assert first.boxes_px is not None
    assert first.boxes_px[0].tolist() == [5, 10, 30, 30]
    assert first.centres_px[0].tolist() == [20, 25]
    assert first.labels.tolist() == [
        "uninfected", "uninfected", "ring", "trophozoite", "gametocyte",
    ]  # fmt: skip
    assert first.infected.tolist() == [False, False, True, True, True]
    assert not first.unsure.any()


def test_difficult_cells_slips_and_cells_at_the_scale_bar_are_unsure(tmp_path: Path) -> None:
    sides = ("left_px", "top_px", "width_px", "height_px")
    boxes = {
        "red blood cell": [(100, 100, 80, 80), (300, 300, 500, 80), (1140, 850, 80, 80)],
        "difficult": [(500, 500, 80, 80)],
    }
    cells = [
        dict(zip(sides, box, strict=True)) | {"label": label}
        for label, found in boxes.items()
        for box in found
    ]
    content = [{"file": "a.JPG", "block": 3, "cells": cells}]
    (tmp_path / "cells.json").write_text(json.dumps(content))
    (truth,) = read_iml(tmp_path)
    assert truth.unsure.tolist() == [False, True, True, True]
    assert truth.red.all()


def test_bccd_field_tells_red_white_and_platelets_apart(tmp_path: Path) -> None:
    truths = read_bccd(write_bccd(tmp_path) / "bccd-fields")
    assert [truth.group for truth in truths] == ["B0", "B1", "B2", "B3"]
    assert truths[0].labels.tolist() == [
        "uninfected", "wbc", "uninfected", "platelet", "uninfected",
    ]  # fmt: skip
    assert truths[0].red.tolist() == [True, False, True, False, True]


def test_chula_field_has_centres_alone(tmp_path: Path) -> None:
    first, second = read_chula(write_chula(tmp_path) / "chula-fields")
    assert (first.name, second.name) == ("5.jpg", "12.jpg")
    assert first.boxes_px is None
    assert np.array_equal(first.centres_px, [[0, 2], [60, 60], [120, 70]])


def test_fields_by_name_need_a_known_one(tmp_path: Path) -> None:
    write_chula(tmp_path)
    assert len(read_fields("chula-fields", tmp_path)) == 2
    with pytest.raises(ConfigError, match=r"no fields 'x'.*iml-fields"):
        read_fields("x", tmp_path)


def test_unknown_label_and_broken_points_are_named(tmp_path: Path) -> None:
    path = write_bccd(tmp_path) / "bccd-fields/cells.json"
    path.write_text(path.read_text().replace("Platelets", "Platypus"))
    with pytest.raises(DataError, match=r"B0-3 is labelled 'Platypus'"):
        read_bccd(path.parent)
    (tmp_path / "points.csv").write_text("file,x_px\na.jpg,3\n")
    with pytest.raises(DataError, match=r"points\.csv: expected file, x_px, y_px"):
        read_chula(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "fields", "red", "groups"),
    list(zip(FIELD_SETS, (277, 80, 100), (30301, 3070, 1147), (17, 80, 100), strict=True)),
)
def test_real_collections_are_whole(
    real_data: Path, name: str, fields: int, red: int, groups: int
) -> None:
    truths = read_fields(name, real_data)
    assert len(truths) == fields
    assert sum(int(truth.red.sum()) for truth in truths) == red
    assert len({truth.group for truth in truths}) == groups
