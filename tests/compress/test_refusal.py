"""Shares of refused pictures are counted the device's way, for what is blood and what is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from compress import refusal
from compress.refusal import CELL_OF_FIELD, COLUMNS, FIELD, SINGLE, Refused, Sizes, measure_refusal
from edge.config import DeviceConfig
from edge.contract.errors import DataError
from edge.contract.images import encode_image
from edge.installed import prove_screener
from edge.screening.crops import classify, classify_images
from edge.screening.screener import Screener
from tests.edge.runtimes.drawn_bundles import write_bundle
from tests.support.dataset_layouts import write_bccd, write_chula, write_cxr, write_iml
from tests.support.drawn_task import drawn_task
from tests.support.painted_field import paint_cell, paint_field, write_second_opinion
from train.not_smears import NOT_SMEARS

Run = Callable[..., tuple[int, str, str]]
SIZES = Sizes(pictures=4, cells=5, fields=2)


PAINTED = "painted-fields"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every data set that is measured on, and fields of which one cell in twenty is foreign."""
    root = tmp_path_factory.mktemp("refusal")
    with drawn_task(root, cells=2) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusal, "FIELDS", (PAINTED,))
        for write in (write_bccd, write_chula, write_cxr, write_iml):
            write(folder)
        (folder / PAINTED).mkdir()
        field = encode_image(paint_field(["f", *[""] * 19]).image)
        for number in range(3):
            (folder / PAINTED / f"{number}.png").write_bytes(field)
        yield folder


@pytest.fixture(scope="module")
def screener(tmp_path_factory: pytest.TempPathFactory) -> Screener:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    return prove_screener(write_second_opinion(folder), DeviceConfig())


@pytest.fixture(scope="module")
def found(screener: Screener, data: Path) -> list[Refused]:
    return list(measure_refusal(screener, SIZES, data=data))


def test_every_kind_is_measured_and_summed(found: list[Refused]) -> None:
    by_name = {(one.level, one.kind, one.is_blood): one for one in found}
    assert len(by_name) == len(found)
    assert {kind for level, kind, _ in by_name if level == FIELD} >= set(NOT_SMEARS) - {
        "white_cells",
        "platelets",
    }
    assert set(NOT_SMEARS) <= {kind for level, kind, _ in by_name if level == SINGLE}
    for level, is_blood in ((SINGLE, True), (SINGLE, False), (FIELD, True), (FIELD, False)):
        total = by_name[level, "all of these", is_blood]
        parts = [one for one in found if (one.level, one.is_blood) == (level, is_blood)]
        assert 2 * total.n == sum(one.n for one in parts)
        assert 2 * total.refused == sum(one.refused for one in parts)
    x_rays = by_name[SINGLE, "x_rays", False]
    assert (x_rays.n, x_rays.reasons) == (4, Counter({"image is grey": 4}))
    assert by_name[FIELD, "x_rays", False].reasons == Counter({"black round the picture": 2})


def test_red_cells_are_measured_by_label_masked_and_not(found: list[Refused]) -> None:
    names = {one.kind: one.n for one in found if one.level == SINGLE and one.is_blood}
    del names["all of these"]
    assert names == {
        "nih-cells, uninfected": 5,
        "nih-cells, parasitised": 5,
        "iml-cells, uninfected": 5,
        "iml-cells, uninfected, not masked": 5,
        "iml-cells, parasitised": 5,
        "iml-cells, parasitised, not masked": 5,
        "chula-cells, uninfected": 5,
        "chula-cells, uninfected, not masked": 5,
        "bccd-cells, uninfected": 5,
        "bccd-cells, uninfected, not masked": 5,
    }


def test_cells_of_a_field_are_refused_one_by_one(found: list[Refused]) -> None:
    painted = {one.level: one for one in found if one.kind == PAINTED}
    assert (painted[FIELD].n, painted[FIELD].refused) == (2, 0)
    cells = painted[CELL_OF_FIELD]
    assert (cells.n, cells.reasons) == (40, Counter({"no red blood cell": 2}))


def test_row_has_an_exact_interval_and_the_usual_reason() -> None:
    some = Refused(SINGLE, "cups", False, 100, Counter({"image is grey": 2, "no red cell": 1}))
    row = dict(zip(COLUMNS, some.row(), strict=True))
    assert (row["n"], row["refused"], row["share"]) == (100, 3, 0.03)
    assert (row["from"], row["to"]) == (0.00623, 0.08518)
    assert (row["blood"], row["reason"]) == ("none", "image is grey")
    none = Refused(SINGLE, "cells", True, 50, Counter()).row()
    assert (none[COLUMNS.index("share")], none[-1]) == (0, "")


def test_nothing_to_measure_on_is_said(
    screener: Screener, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "empty-fields").mkdir()
    monkeypatch.setattr(refusal, "FIELDS", (PAINTED, "empty-fields"))
    with pytest.raises(DataError, match="nothing of the kind 'empty-fields'"):
        list(measure_refusal(screener, SIZES, data=data))


def test_command_prints_and_writes_the_same_table(
    clinicscope: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_second_opinion(tmp_path / "bundle")
    out = tmp_path / "refusal.json"
    code, text, err = clinicscope(
        "compress", "refusal", "bundle", "--pictures", 3, "--cells", 3, "--fields", 1,
        "--data", data, "--out", out,
    )  # fmt: skip
    assert code == 0, err
    study = json.loads(out.read_text())
    assert tuple(study["columns"]) == COLUMNS
    lines = text.splitlines()
    assert lines[0] == "  ".join(COLUMNS)
    assert lines[1:] == ["  ".join(str(cell) for cell in row) for row in study["rows"]]
    assert study["command"].startswith("clinicscope compress refusal bundle --pictures 3 --cells 3")


def test_bundle_of_another_task_is_refused(clinicscope: Run, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle")
    code, _, err = clinicscope("compress", "refusal", tmp_path / "bundle")
    assert code != 0
    assert "is for 'cxr-covid'; screening needs" in err


def test_images_are_classified_as_their_files_are(screener: Screener, tmp_path: Path) -> None:
    images = {
        "healthy": paint_cell(""),
        "foreign": paint_cell("f"),
        "grey": cv2.merge([paint_cell("")[:, :, 0]] * 3),
        "tiny": np.zeros((2, 2, 3), np.uint8),
    }
    for name, image in images.items():
        (tmp_path / f"{name}.png").write_bytes(encode_image(image))
    paths = [tmp_path / f"{name}.png" for name in images]
    by_file, by_image = (
        [replace(result, path="") for result in results]
        for results in (classify(paths, screener), classify_images(images.items(), screener))
    )
    assert by_file == by_image
    refused = [result.refused for result in by_image]
    assert refused[0] == ""
    assert [text.split(":")[0] for text in refused[1:3]] == ["no red blood cell", "image is grey"]
    assert "too small to be a cell" in refused[3]
