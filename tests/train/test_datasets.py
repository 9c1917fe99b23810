"""Readers: each archive's layout, what is left out of it, and what is said when it is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import DataError
from edge.contract.images import encode_image
from edge.contract.preprocess import Preprocessing
from tests.support.dataset_layouts import (
    write_bbbc041,
    write_bccd,
    write_cxr,
    write_iml,
    write_kermany,
    write_mp_idb,
)
from train.datasets.base import (
    DATASETS,
    Box,
    Example,
    check_examples,
    labels_of,
    list_examples,
    load_crops,
)
from train.datasets.iml_fields import SCALE_BAR


def count(dataset: str, root: Path) -> dict[str, int]:
    labels = labels_of(dataset)
    return dict(Counter(labels[example.label] for example in list_examples(dataset, root)))


@pytest.mark.parametrize(
    ("dataset", "write", "expected"),
    [
        ("iml-cells", write_iml, {"uninfected": 20, "parasitised": 30}),
        ("iml-boxed", write_iml, {"uninfected": 20, "parasitised": 30}),
        (
            "iml-stages",
            write_iml,
            {"ring": 10, "trophozoite": 4, "schizont": 3, "gametocyte": 13},
        ),
        ("bccd-objects", write_bccd, {"wbc": 4, "platelet": 4}),
        ("cxr-pneumonia", write_cxr, {"normal": 12, "pneumonia": 24}),
        ("cxr-covid", write_cxr, {"normal": 12, "pneumonia": 24, "covid": 24}),
        ("kermany", write_kermany, {"normal": 3, "pneumonia": 3}),
        (
            "bbbc041",
            write_bbbc041,
            {"uninfected": 2, "wbc": 1, "ring": 1, "trophozoite": 1, "schizont": 1}
            | {"gametocyte": 1},
        ),
        ("mp-idb", write_mp_idb, {"ring": 2, "schizont": 1, "trophozoite": 1, "gametocyte": 1}),
    ],
)
def test_layout_is_read(
    dataset: str, write: Callable[[Path], Path], expected: dict[str, int], tmp_path: Path
) -> None:
    root = write(tmp_path)
    assert count(dataset, root) == expected
    crops = load_crops(list_examples(dataset, root), Preprocessing(32, mask="none"))
    assert crops.shape == (sum(expected.values()), 32, 32, 3)
    assert crops.reshape(len(crops), -1).max(axis=1).min() > 0


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_data_set_that_is_not_there_names_its_folder(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"data set {dataset} is not at {tmp_path}"):
        list_examples(dataset, tmp_path)


def test_box_is_cut_with_black_outside_the_image_and_outside_the_ellipse(tmp_path: Path) -> None:
    path = tmp_path / "field.png"
    image = np.full((40, 40, 3), 200, np.uint8)
    image[:, 20:] = (10, 120, 30)
    path.write_bytes(encode_image(image))
    inside = Example("a", path, 0, "g", Box(0, 0, 40, 40))
    outside = Example("b", path, 0, "g", Box(-20, 0, 40, 40, "box"))
    ellipse, rectangle = load_crops([inside, outside], Preprocessing(40))
    assert ellipse[0, 0].tolist() == [0, 0, 0]
    assert ellipse[20, 10].tolist() == [200, 200, 200]
    assert ellipse[20, 30].tolist() == [10, 120, 30]
    assert ellipse.any(axis=2).mean() == pytest.approx(np.pi / 4, abs=0.01)
    assert not rectangle[:, :20].any()
    assert (rectangle[:, 20:] == 200).all()
    unmasked = load_crops([inside], Preprocessing(40, mask="none"))[0]
    assert unmasked[0, 0].tolist() == [200, 200, 200]


def test_boxed_cells_are_the_traced_ones_but_for_the_outline(tmp_path: Path) -> None:
    root = write_iml(tmp_path)
    traced, boxed = (list_examples(name, root) for name in ("iml-cells", "iml-boxed"))
    assert {e.box.outline for e in traced if e.box} == {"traced"}
    assert [replace(e, box=replace(e.box, outline="traced")) for e in boxed if e.box] == traced
    crops = [load_crops(part, Preprocessing(32)) for part in (traced, boxed)]
    assert (crops[0].any(axis=3) <= crops[1].any(axis=3)).all()
    assert (crops[0] != crops[1]).any()


def test_box_wholly_outside_the_image_is_black() -> None:
    image = np.full((10, 10, 3), 9, np.uint8)
    assert not Box(30, 30, 5, 4).cut(image).any()
    assert not Box(-30, -30, 5, 4).cut(image).any()
    assert Box(30, 30, 5, 4).cut(image).shape == (4, 5, 3)


def test_boxes_of_another_outline_or_without_area_are_refused() -> None:
    with pytest.raises(DataError, match="outline is 'star'"):
        Box(0, 0, 3, 3, "star")
    with pytest.raises(DataError, match="box is 0 x 3 px"):
        Box(0, 0, 0, 3)


def test_boxes_have_their_own_cache(tmp_path: Path) -> None:
    examples = list_examples("iml-stages", write_iml(tmp_path))
    first = load_crops(examples, Preprocessing(32), tmp_path / "cache")
    assert np.array_equal(first, load_crops(examples, Preprocessing(32), tmp_path / "cache"))
    moved = [Example(e.name, e.path, e.label, e.patient, Box(0, 0, 9, 9)) for e in examples]
    assert not np.array_equal(first, load_crops(moved, Preprocessing(32), tmp_path / "cache"))


def edit_cells(root: Path, **values: object) -> None:
    path = root / "iml-fields/cells.json"
    content = json.loads(path.read_text())
    content[0]["cells"][0].update(values)
    path.write_text(json.dumps(content))


def test_iml_leaves_out_difficult_cells_slips_and_the_scale_bar(tmp_path: Path) -> None:
    root = write_iml(tmp_path)
    for values in (
        {"label": "difficult"},
        {"width_px": 3},
        {"height_px": 463},
        {"left_px": SCALE_BAR.left_px - 10, "top_px": SCALE_BAR.top_px + 5},
    ):
        edit_cells(root, **values)
        assert count("iml-cells", root) == {"uninfected": 19, "parasitised": 30}, values
        edit_cells(root, label="red blood cell", width_px=30, height_px=30, left_px=5, top_px=5)
    assert count("iml-cells", root)["uninfected"] == 20


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"label": "banana"}, "F0-0 is labelled 'banana'; known: difficult, gametocyte"),
        ({"left_px": "wide"}, "field F0.JPG: ValueError"),
        ({"width_px": None}, "field F0.JPG: TypeError"),
    ],
)
def test_iml_faults_name_the_field(values: dict[str, object], message: str, tmp_path: Path) -> None:
    edit_cells(write_iml(tmp_path), **values)
    with pytest.raises(DataError, match=message):
        list_examples("iml-cells", tmp_path)


@pytest.mark.parametrize("text", ["[{", '{"cells": []}', '["x"]', '[{"file": "F0.JPG"}]'])
@pytest.mark.parametrize("dataset", ["iml-cells", "bbbc041"])
def test_json_of_another_form_is_refused(dataset: str, text: str, tmp_path: Path) -> None:
    write_bbbc041(write_iml(tmp_path))
    file = {"iml-cells": "iml-fields/cells.json", "bbbc041": "bbbc041/malaria/test.json"}[dataset]
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=Path(file).name):
        list_examples(dataset, tmp_path)


def test_bbbc041_takes_images_from_its_own_folder_alone(tmp_path: Path) -> None:
    path = write_bbbc041(tmp_path) / "bbbc041/malaria/test.json"
    path.write_text(path.read_text().replace("/images/test.png", "/../../../etc/passwd"))
    found = [e for e in list_examples("bbbc041", tmp_path) if e.patient == "passwd"]
    assert [e.path for e in found] == [path.parent / "images/passwd"]


def test_bbbc041_refuses_an_unknown_category(tmp_path: Path) -> None:
    path = write_bbbc041(tmp_path) / "bbbc041/malaria/test.json"
    path.write_text(path.read_text().replace("red blood cell", "platelet"))
    with pytest.raises(DataError, match=r"test.json, entry 0: category is 'platelet'"):
        list_examples("bbbc041", tmp_path)


def test_mp_idb_stages_run_from_left_to_right_and_groups_are_samples(tmp_path: Path) -> None:
    examples = list_examples("mp-idb", write_mp_idb(tmp_path))
    mixed = [e for e in examples if "0002" in e.name]
    assert [labels_of("mp-idb")[e.label] for e in mixed] == ["schizont", "trophozoite"]
    assert mixed[0].box is not None
    # A disc of radius 15 at (40, 80), and half its side more on each side.
    assert abs(mixed[0].box.left_px - 10) <= 1
    assert abs(mixed[0].box.width_px - 62) <= 2
    assert {e.patient for e in examples} == {"1305121398", "1703121298"}
    assert {e.source for e in examples} == {"Falciparum", "Vivax"}


def test_mp_idb_says_which_field_lacks_stages_or_mask(tmp_path: Path) -> None:
    folder = write_mp_idb(tmp_path) / "mp-idb/Vivax"
    (folder / "gt/1703121298-0008-G.jpg").unlink()
    with pytest.raises(DataError, match=r"1703121298-0008-G.jpg has no mask"):
        list_examples("mp-idb", tmp_path)
    (folder / "img/1703121298-0008-G.jpg").rename(folder / "img/1703121298-0008-X.jpg")
    with pytest.raises(DataError, match="expected <sample>-<frame>-<stages>"):
        list_examples("mp-idb", tmp_path)


def test_x_rays_are_grouped_by_child_and_know_their_collection(tmp_path: Path) -> None:
    examples = list_examples("cxr-covid", write_cxr(tmp_path))
    assert {e.source for e in examples} == {"children", "hannover", "cxnet"}
    assert len([e for e in examples if e.patient == "person3"]) == 2
    # Ids of Hannover are those of images, and a patient has many: all of it stays together.
    assert {e.patient for e in examples if e.source == "hannover"} == {"hannover"}
    assert not [e.name for e in examples if "history" in e.name or "roc" in e.name]


def test_kermany_keeps_a_child_of_two_parts_together(tmp_path: Path) -> None:
    examples = list_examples("kermany", write_kermany(tmp_path))
    assert [e.name for e in examples if e.patient == "person1"] == [
        "test-person1_virus_6", "train-person1_bacteria_1",
    ]  # fmt: skip
    assert {e.patient for e in examples} >= {"IM-0115", "IM-1427", "person1946"}


def test_x_ray_whose_name_tells_no_child_is_refused(tmp_path: Path) -> None:
    root = write_cxr(tmp_path)
    (root / "cxr/normal/IM-0000-0001.jpeg").rename(root / "cxr/normal/scan.jpeg")
    with pytest.raises(DataError, match=r"scan.jpeg: the name tells no patient"):
        list_examples("cxr-pneumonia", root)


def test_grey_is_allowed_for_x_rays_alone(tmp_path: Path) -> None:
    covid = next(e for e in list_examples("cxr-covid", write_cxr(tmp_path)) if e.label == 2)
    assert load_crops([covid], Preprocessing(32)).any()
    stained = Example(covid.name, covid.path, 0, "p")
    with pytest.raises(DataError, match="image is grey"):
        load_crops([stained], Preprocessing(32))


def test_labels_outside_the_list_and_double_names_are_refused() -> None:
    with pytest.raises(DataError, match=r"b.png: label 2 of b is outside the 2 labels of demo"):
        check_examples("demo", [Example("b", Path("b.png"), 2, "p")], ("no", "yes"))
    twins = [Example("a", Path(f"{n}.png"), n, "p") for n in range(2)]
    with pytest.raises(DataError, match="2 examples named 'a'"):
        check_examples("demo", twins, ("no", "yes"))
    with pytest.raises(DataError, match="no image labelled 'yes'"):
        check_examples("demo", twins[:1], ("no", "yes"))
