"""Corrections in a fit: which crops join, which are left out and why, what the run keeps of it."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.images import encode_image, read_image
from edge.contract.labels import NON_RBC
from edge.contract.manifest_corrections import Corrections
from edge.contract.preprocess import Preprocessing
from tests.support.corrected_cells import drawn, export_of, whole_cells
from tests.support.drawn_task import drawn_task, reconstructing, tiny_recipe
from train.batches import LabelledCrops, batches, steps_of
from train.corrections import (
    CORRECTIONS_FILE,
    claim_corrections,
    read_corrections,
    read_run_corrections,
    write_run_corrections,
)
from train.corrections_joined import join_corrections
from train.datasets.base import Box, Example, load_crops
from train.fit import fit
from train.parts import FitData, load_fit_data
from train.recipe import Recipe
from train.recipe_parts import ModelSpec
from train.splits import Split

Change = Callable[[list[dict[str, str]]], object]
RECIPE = tiny_recipe(batch_size=8)
GREY = ModelSpec("grey_autoencoder")
NOBODY = Split((), (), ())
LATER = "2026-11-21T08:00:00+00:00"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("task"), patients=20) as folder:
        yield folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that no test may change."""
    return export_of(tmp_path_factory.mktemp("device"))


@pytest.fixture()
def export(given: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(given, tmp_path / "given"))


def loaded(data: Path, *folders: Path, recipe: Recipe = RECIPE) -> FitData:
    return load_fit_data(recipe, data / "cache", data, read_corrections(folders))


def joined(
    *folders: Path,
    recipe: Recipe = RECIPE,
    examples: tuple[Example, ...] = (),
    split: Split = NOBODY,
    taught: int = 0,
) -> tuple[LabelledCrops, Corrections]:
    """To a part of four black crops."""
    exports = read_corrections(folders)
    assert exports is not None
    side = recipe.preprocessing.size_px
    part = LabelledCrops(
        np.zeros((4, side, side, 3), np.uint8),
        np.array([0, 1, 0, 1], np.float32),
        np.full(4, "home"),
        (np.ones((4, taught), np.float32),) if taught else (),
    )
    return join_corrections(part, exports, recipe, examples, split)


def rows_of(export: Path) -> list[dict[str, str]]:
    with (export / "corrections.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def change(export: Path, how: Change) -> Path:
    rows = rows_of(export)
    how(rows)
    with (export / "corrections.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return export


def red_cells(export: Path) -> list[dict[str, str]]:
    return [row for row in rows_of(export) if row["label"] not in NON_RBC]


def test_crops_join_what_is_fitted_on_and_nothing_else(data: Path, given: Path) -> None:
    without, found = loaded(data), loaded(data, given)
    labels = [row["label"] for row in rows_of(given)]
    n, healthy = len(red_cells(given)), labels.count("uninfected")
    assert found.corrections is not None and 0 < healthy < n < len(labels)
    assert found.corrections.learned == {"uninfected": healthy, "parasitised": n - healthy}
    assert found.corrections.left_out == {"no red cell": len(labels) - n}
    assert len(found.fitted.labels) == len(without.fitted.labels) + n
    assert found.fitted.source is not None and without.fitted.source is not None
    assert found.fitted.source.tolist() == [*without.fitted.source.tolist(), *["corrections"] * n]
    assert found.examples == without.examples and found.split == without.split
    assert found.validation is not None and without.validation is not None
    assert (found.validation.crops == without.validation.crops).all()


def test_crops_look_as_cells_that_are_cut_from_fields_do(given: Path, tmp_path: Path) -> None:
    (tmp_path / "field.png").write_bytes(encode_image(drawn(1).image))
    sides = ("left_px", "top_px", "width_px", "height_px")
    cells = [
        Example(
            row["file"],
            tmp_path / "field.png",
            0,
            "p",
            Box(*(int(row[s]) for s in sides), "traced"),
        )
        for row in red_cells(given)
    ]
    as_training = load_crops(cells, Preprocessing(32)).astype(int)
    own = joined(given)[0].crops[4:].astype(int)
    unmasked = load_crops(cells, Preprocessing(32, mask="none")).astype(int)
    difference, of_no_mask = (np.abs(own - other).mean() for other in (as_training, unmasked))
    assert difference < 5 and of_no_mask > 30, "masked alike, at one scale"
    assert not own[:, 0, 0].any() and own[:, 16, 16].all()


def test_stages_recipe_takes_stages(tmp_path: Path) -> None:
    unsure = {"ring": "parasitised"}
    export = export_of(tmp_path, says=lambda cell: unsure.get(cell.label, cell.label))
    recipe = replace(RECIPE, task="malaria-stages", dataset="iml-stages")
    _, record = joined(export, recipe=recipe)
    labels = [row["label"] for row in rows_of(export)]
    assert record.learned == {
        name: labels.count(name)
        for name in ("trophozoite", "schizont", "gametocyte")
        if name in labels
    }
    assert record.left_out["infected, of no stage"] == labels.count("parasitised") > 0
    assert record.left_out["not infected"] == labels.count("uninfected") > 0


def test_novelty_network_takes_healthy_ones_alone(given: Path) -> None:
    _, record = joined(given, recipe=reconstructing(GREY))
    assert (record.role, list(record.learned)) == ("novelty", ["uninfected"])
    assert record.left_out["infected, and healthy cells alone are learned from"]


def test_network_of_something_else_takes_none(data: Path, given: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, task="cxr-pneumonia", dataset="cxr-pneumonia")
    with pytest.raises(ConfigError, match=r"task is 'cxr-pneumonia'.*fit without --corrections"):
        fit(recipe, tmp_path / "run", data=data, corrections=[given])
    assert not (tmp_path / "run").exists()


def test_newest_review_of_a_crop_counts(given: Path, tmp_path: Path) -> None:
    def second_look(cell: object) -> str:
        label = str(getattr(cell, "label", ""))
        return "uninfected" if label == "ring" else label

    later = export_of(tmp_path, now=LATER, says=second_look, by="Bob Reader")
    n, labels = len(red_cells(given)), [row["label"] for row in rows_of(given)]
    rings = labels.count("ring")
    for folders in ((given, later), (later, given)):
        _, record = joined(*folders)
        assert record.learned["uninfected"] == labels.count("uninfected") + rings > rings > 0
        assert record.left_out["the same crop again"] == n - rings
        assert record.left_out["judged otherwise later"] == rings


def test_crop_of_two_labels_at_one_time_is_left_out(given: Path, tmp_path: Path) -> None:
    other = export_of(tmp_path, says=lambda cell: "uninfected", by="Bob Reader")
    _, record = joined(given, other)
    infected = len(red_cells(given)) - sum(r["label"] == "uninfected" for r in rows_of(given))
    assert record.left_out["judged two ways at the same time"] == 2 * infected > 0
    # What one called a platelet and the other a red cell is not a pair: the first learns nothing.
    assert "parasitised" not in record.learned


def test_held_out_picture_is_known_though_a_device_saved_it_anew(tmp_path: Path) -> None:
    """The device has the picture as JPEG, and boxes of its own."""
    picture = tmp_path / "held-out.png"
    picture.write_bytes(encode_image(drawn(1).image))
    of_other = export_of(tmp_path / "other", 2)
    export = export_of(tmp_path / "same", image=encode_image(drawn(1).image, ".jpg"))
    n, n_other = len(red_cells(export)), len(red_cells(of_other))
    examples = (Example("x", picture, 0, "C1", Box(0, 0, 30, 30)),)
    for split, why in (
        (Split((), ("C1",), ()), "of a held-out picture"),
        (Split((), (), ("C1",)), "of a held-out picture"),
        (Split(("C1",), (), ()), "of a picture in the data set already"),
    ):
        _, record = joined(export, of_other, examples=examples, split=split)
        assert record.left_out[why] == n
        assert sum(record.learned.values()) == n_other
    with pytest.raises(DataError, match=r"none of .* of a held-out picture"):
        joined(export, examples=examples, split=Split((), (), ("C1",)))


def test_picture_of_a_cell_is_known(given: Path, tmp_path: Path) -> None:
    row = red_cells(given)[0]
    (tmp_path / "cell.jpg").write_bytes(encode_image(read_image(given / row["file"]), ".jpg"))
    (tmp_path / "other.png").write_bytes(encode_image(np.zeros((20, 20, 3), np.uint8)))
    examples = [Example(n, tmp_path / n, 0, "C1") for n in ("cell.jpg", "other.png")]
    with pytest.raises(DataError, match="of a held-out picture"):
        joined(given, examples=tuple(examples), split=Split((), (), ("C1",)))
    (tmp_path / "other.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"other.png: not an image"):
        joined(given, examples=tuple(examples), split=Split((), (), ("C1",)))


def test_held_out_patient_stays_out(given: Path, tmp_path: Path) -> None:
    other = export_of(tmp_path, 2, patient="P-2")
    split = Split((), (), ("Kisumu/P-2",))
    (tmp_path / "x.png").write_bytes(encode_image(np.zeros((20, 20, 3), np.uint8)))
    examples = (Example("x", tmp_path / "x.png", 0, "Kisumu/P-2"),)
    _, record = joined(given, other, examples=examples, split=split)
    assert record.left_out["of a held-out patient"] == len(red_cells(other))
    assert sum(record.learned.values()) == len(red_cells(given))


def test_slivers_are_left_out(tmp_path: Path) -> None:
    cells = [cell for cell in whole_cells(drawn(1)) if cell.label == "ring"]
    cut = replace(cells[0], left_px=0, width_px=2)
    _, record = joined(export_of(tmp_path, cells=[cut, cells[1]]))
    assert record.left_out == {"less than 3 px wide": 1}


def test_teacher_is_silent_on_them(given: Path) -> None:
    part, _ = joined(given, taught=1)
    assert np.isnan(part.taught[0][4:]).all() and (part.taught[0][:4] == 1).all()
    assert part.taught[0].shape == (len(part.labels), 1)


def test_recipe_may_draw_from_them(data: Path, given: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, draws={"corrections": 80})
    part = loaded(data, given, recipe=recipe).fitted
    home = len(loaded(data).fitted.labels)
    assert steps_of(part, recipe) == (home + 80) // 8
    labels = np.concatenate([labels for _, labels in batches(part, recipe, 0)])
    n_home = part.labels[:home].sum()
    assert abs(labels.sum() - n_home - 40) <= 8, "as many of each class; the last batch is dropped"
    with pytest.raises(ConfigError, match="draws has 'corrections', and no --corrections"):
        fit(recipe, tmp_path / "run", data=data)
    healthy = export_of(tmp_path, 3, says=lambda _cell: "uninfected")
    with pytest.raises(ConfigError, match="crops are uninfected alone"):
        joined(healthy, recipe=replace(recipe, shares={"corrections": (0.5, 0.5)}))


def cut(export: Path, count: int) -> None:
    table = export / "corrections.csv"
    table.write_bytes(table.read_bytes()[:-count])


def in_table(how: Change) -> Callable[[Path], object]:
    return lambda export: change(export, how)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (shutil.rmtree, "is no folder"),
        (lambda e: (e / "corrections.csv").unlink(), "has no corrections.csv"),
        (lambda e: cut(e, 20), "breaks off in its last line"),
        (lambda e: (e / "corrections.csv").write_bytes(b"\xff\xfe\x00\n"), "cannot be read"),
        (lambda e: (e / "corrections.csv").write_text("file,label\n"), "no column 'patient'"),
        (in_table(lambda rows: rows.pop()), "does not name 1 crops that lie beside it"),
        (in_table(lambda rows: rows.append(rows[0])), "names a crop twice"),
        (in_table(lambda rows: rows[0].update(label="rong")), "line 2: label is 'rong'; known"),
        (in_table(lambda rows: rows[0].update(top_px="up")), "top_px is .up., no number of px"),
        (in_table(lambda rows: rows[0].update(reviewed_utc="soon")), "'soon', no time"),
        (in_table(lambda rows: rows[0].update(bundle_sha256="ab")), "bundle_sha256 is 'ab'"),
        (in_table(lambda rows: rows[0].update(file="../../x.png")), "not inside"),
        (in_table(lambda rows: rows[0].update(file="/etc/passwd")), "not inside"),
        (in_table(lambda rows: rows[0].update(file="ring/none.png")), "does not name 1 crops"),
        (lambda e: (e / rows_of(e)[0]["file"]).unlink(), "cannot be read.*export again"),
        (lambda e: (e / rows_of(e)[0]["file"]).write_bytes(b"\x89PNG"), "1 crops of corr.*cannot"),
        (
            lambda e: (e / rows_of(e)[0]["file"]).write_bytes(
                encode_image(np.zeros((2100, 2100, 3), np.uint8))
            ),
            "more than the 4 megapixels",
        ),
    ],
)
def test_damaged_export_is_refused(
    export: Path, harm: Callable[[Path], object], message: str
) -> None:
    harm(export)
    with pytest.raises(DataError, match=message):
        read_corrections([export])


def test_line_with_too_few_cells_is_refused(export: Path) -> None:
    with (export / "corrections.csv").open("a") as table:
        table.write("ring/x.png,ring\n")
    with pytest.raises(DataError, match="has not as many cells as columns"):
        read_corrections([export])
    with (export / "corrections.csv").open("a") as table:
        table.write('"ring/x.png"b\n')
    cut(export, len('ring/x.png,ring\n"ring/x.png"b\n'))
    with (export / "corrections.csv").open("a") as table:
        table.write('"ring/x.png"b\n')
    with pytest.raises(DataError, match="is damaged"):
        read_corrections([export])


def test_link_out_of_the_folder_is_refused(export: Path, tmp_path: Path) -> None:
    path = export / rows_of(export)[0]["file"]
    shutil.move(path, tmp_path / "elsewhere.png")
    path.symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(DataError, match="not inside"):
        read_corrections([export])


def test_export_given_twice_is_refused(given: Path, export: Path) -> None:
    with pytest.raises(ConfigError, match="given twice"):
        read_corrections([given, export])


def test_empty_exports_teach_nothing(export: Path) -> None:
    for row in rows_of(export):
        (export / row["file"]).unlink()
    head = (export / "corrections.csv").read_text().splitlines()[0]
    (export / "corrections.csv").write_text(f"{head}\n")
    with pytest.raises(DataError, match=r"none of 0 corrections .*the tables are empty"):
        joined(export)


def test_run_keeps_where_they_came_from_and_names_nobody(
    data: Path, given: Path, tmp_path: Path
) -> None:
    fit(RECIPE, tmp_path / "run", data=data, corrections=[given])
    record = read_run_corrections(tmp_path / "run")
    assert record is not None
    (export,) = record.exports
    assert (export.sites, export.n_specimens, export.n_patients) == (("Kisumu",), 1, 1)
    assert (export.n_reviewers, export.first_review) == (1, "2026-11-20")
    assert export.last_review == "2026-11-20"
    assert export.bundles[0].bundle_id == "malaria-cells-4"
    table = (given / "corrections.csv").read_bytes()
    assert export.table_sha256 == hashlib.sha256(table).hexdigest()
    files = [(given / row["file"]).read_bytes() for row in rows_of(given)]
    each = "".join(hashlib.sha256(data).hexdigest() for data in files)
    assert export.crops_sha256 == hashlib.sha256(each.encode()).hexdigest()
    kept = (tmp_path / "run" / CORRECTIONS_FILE).read_text()
    row = rows_of(given)[0]
    assert not any(name in kept for name in ("P-1", "Ann", row["specimen_id"]))

    claim_corrections(tmp_path / "run", RECIPE, read_corrections([given]))
    with pytest.raises(ConfigError, match="given no corrections; give the same"):
        fit(RECIPE, tmp_path / "run", data=data)
    other = export_of(tmp_path, 4)
    with pytest.raises(ConfigError, match="or another --out"):
        fit(RECIPE, tmp_path / "run", data=data, corrections=[given, other])


def test_run_that_has_not_begun_takes_other_exports(given: Path, tmp_path: Path) -> None:
    exports = read_corrections([given])
    assert exports is not None
    claim_corrections(tmp_path, RECIPE, exports)
    assert read_run_corrections(tmp_path) == Corrections("classifier", exports.described, {}, {})
    claim_corrections(tmp_path, RECIPE, None)
    assert read_run_corrections(tmp_path) is None
    (tmp_path / "log.csv").touch()
    with pytest.raises(ConfigError, match="holds a fit with no corrections"):
        claim_corrections(tmp_path, RECIPE, exports)


def test_damaged_record_is_said(tmp_path: Path) -> None:
    write_run_corrections(tmp_path, Corrections("classifier", (), {"uninfected": 1}, {}))
    text = (tmp_path / CORRECTIONS_FILE).read_text()
    for harmed in (text[:20], text.replace('"classifier"', '"finder"'), text.replace("1", "-1")):
        (tmp_path / CORRECTIONS_FILE).write_text(harmed)
        with pytest.raises(DataError, match="is damaged"):
            read_run_corrections(tmp_path)
