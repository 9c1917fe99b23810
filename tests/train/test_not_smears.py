"""Pictures that are no smear: of the size asked for, repeatable, and never seen by a fit."""

from __future__ import annotations

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array
from tests.support.dataset_layouts import write_bccd, write_cxr
from train.datasets.base import list_examples
from train.datasets.bccd_objects import is_held_out
from train.not_smears import NO_FIELDS, NOT_CUT, NOT_SMEARS, found, inside_ellipse, pictures
from train.not_smears.wanted import Wanted

DRAWN = ("text", "bricks", "mosaic", "wood", "landscape", "screen", "flat", "noise")
PINK = (205, 150, 156)


def cells(count: int = 6) -> list[U8Array]:
    """Discs of stained colours with a darker dot, on black."""
    out = []
    for number in range(count):
        image = np.zeros((96, 96, 3), np.uint8)
        colour = tuple(int(value) for value in np.add(PINK, (0, 6 * number, 8 * number)))
        cv2.circle(image, (48, 48), 40, colour, -1)
        cv2.circle(image, (40, 52), 5, (110, 60, 130), -1)
        out.append(image)
    return out


def wanted(count: int = 6, **changed: object) -> Wanted:
    return Wanted(**{"count": count, "height_px": 80, "width_px": 120, "real": cells()} | changed)


@pytest.mark.parametrize("kind", DRAWN)
def test_drawn_pictures_have_the_size_and_differ_but_repeat(kind: str) -> None:
    first, again = pictures(kind, wanted(seed=3)), pictures(kind, wanted(seed=3))
    assert [image.shape for image in first] == [(80, 120, 3)] * 6
    assert all(image.dtype == np.uint8 for image in first)
    assert len({image.tobytes() for image in first}) == 6
    for image, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(image, same)
    assert first[0].tobytes() != pictures(kind, wanted(seed=4))[0].tobytes()


def test_x_rays_are_real_ones_of_all_classes_grey_or_tinted(tmp_path: Path) -> None:
    root = write_cxr(tmp_path)
    grey = pictures("x_rays", wanted(data=root))
    tinted = pictures("x_rays_tinted", wanted(data=root))
    assert len(grey) == len(tinted) == 6
    assert {image.shape for image in (*grey, *tinted)} == {(80, 120, 3)}
    assert max(int(np.ptp(image, axis=2).max()) for image in grey) < 8
    assert min(int(np.ptp(image, axis=2).max()) for image in tinted) > 8
    with pytest.raises(DataError, match="data set cxr-covid is not at"):
        pictures("x_rays", wanted(data=tmp_path / "cxr"))


def test_photographs_come_from_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    photographs = pictures("photographs", wanted(20))
    assert len({image.tobytes() for image in photographs}) == 20
    assert all(image.shape == (80, 120, 3) for image in photographs)
    monkeypatch.setattr(found, "_PHOTOGRAPHS", {("numpy", "none"): ("cat.png",)})
    with pytest.raises(DataError, match=r"photographs are missing: .*none/cat.png"):
        pictures("photographs", wanted())
    monkeypatch.setattr(found, "_PHOTOGRAPHS", {("no_such_package", ""): ("cat.png",)})
    with pytest.raises(DataError, match="no_such_package is not installed"):
        pictures("photographs", wanted())


@pytest.mark.parametrize("kind", ["white_cells", "platelets"])
def test_objects_are_of_the_fields_that_no_fit_sees(kind: str, tmp_path: Path) -> None:
    root = write_bccd(tmp_path, fields=40)
    held_out = [e for e in list_examples("bccd-objects", root) if is_held_out(e)]
    objects = pictures(kind, wanted(100, data=root))
    assert len(objects) == len(held_out) // 2
    assert all(image.shape == (30, 30, 3) for image in objects)
    assert not any(image[0, 0].any() for image in objects)


def test_inverted_is_light_for_dark_on_black_and_on_white() -> None:
    alone, whole = pictures("inverted", wanted(2))
    assert alone[0, 0].tolist() == [0, 0, 0]
    assert whole[0, 0].tolist() == [255, 255, 255]
    assert alone[30, 48].tolist() == (255 - cells()[0][30, 48]).tolist()


def test_turned_hue_is_green_to_cyan() -> None:
    for image in pictures("hue_turned", wanted()):
        red, green, blue = image[30, 48].astype(int)
        assert green > red
        assert green - min(red, blue) > 0.35 * green


def test_blur_is_measured_in_cells() -> None:
    slight, strong = (pictures("blurred", wanted(1, cell_px=px))[0] for px in (10, 96))
    steepest = [
        int(np.abs(np.diff(image[48].astype(int), axis=0)).max()) for image in (slight, strong)
    ]
    assert steepest[0] > 2 * steepest[1]


def test_spoilt_pictures_need_real_ones_and_unknown_kinds_are_named() -> None:
    for kind in ("inverted", "hue_turned", "blurred"):
        with pytest.raises(DataError, match="no real cells or fields"):
            pictures(kind, wanted(real=()))
    with pytest.raises(ConfigError, match="kind is 'selfie'; known: x_rays"):
        pictures("selfie", wanted())
    assert set(NOT_CUT) | set(NO_FIELDS) <= set(NOT_SMEARS)


def test_ellipse_cuts_the_corners_alone() -> None:
    cut = inside_ellipse(np.full((40, 60, 3), 200, np.uint8))
    assert not cut[0, 0].any() and not cut[-1, -1].any()
    assert cut[20, 1].all() and cut[1, 30].all()
    assert cut.any(axis=2).mean() == pytest.approx(np.pi / 4, abs=0.01)


def test_nothing_that_fits_a_network_knows_them() -> None:
    root = Path(found.__file__).parent.parent
    for path in root.rglob("*.py"):
        if "not_smears" not in path.parts and path.stem != "not_smears":
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            imported = {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)}
            assert not any(name.startswith("train.not_smears") for name in imported), path
