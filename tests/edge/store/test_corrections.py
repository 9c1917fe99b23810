"""Reviewed cells leave the device as labelled crops, and come back as a data set of `train`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from clinic_samples import make_store
from store_samples import make_cell, make_field, make_report

from edge.contract.errors import ConflictError, DataError
from edge.contract.images import encode_image, read_image
from edge.contract.preprocess import Preprocessing
from edge.contract.types import CellBox, FieldResult
from edge.interop.corrections import Correction, export_corrections
from edge.store.audit import Audit
from edge.store.records import CHEST_XRAY, SpecimenDetails
from edge.store.review import Reviews
from edge.store.store import Store
from train.datasets.base import list_examples, load_crops

COLOURS = ((200, 60, 60), (60, 200, 60), (60, 60, 200), (200, 200, 60))
LABELS = ("ring", "uninfected", "wbc", "parasitised")


def make_picture() -> np.ndarray:
    """A field whose suspect cells have each a colour of its own, but for a dark corner."""
    image = np.full((120, 200, 3), 230, np.uint8)
    for number, colour in enumerate(COLOURS):
        image[7:38, 10 + 40 * number : 40 + 40 * number] = colour
    return image


def make_suspects() -> FieldResult:
    cells = []
    for number in range(len(COLOURS)):
        cell = make_cell(0, "parasitised", 0.9)
        box = CellBox(10 + 40 * number, 7, 30, 31, np.ones((31, 30), bool))
        cells.append(cell.__class__(**{**vars(cell), "box": box}))
    return make_field(0).__class__(**{**vars(make_field(0)), "cells": tuple(cells)})


def screen(
    store: Store, *, consent: bool, patient: str | None = "P-1", site: str = "Kisumu"
) -> str:
    details = SpecimenDetails(patient, "Ann", site, consent=consent)
    specimen_id = store.start_specimen("S", "upload", {}, details)
    store.save_field(specimen_id, 0, make_suspects(), encode_image(make_picture()))
    store.finish_specimen(specimen_id, make_report("positive"))
    cells = sorted(store.suspect_cells(specimen_id), key=lambda cell: cell.left_px)
    for cell, label in zip(cells, LABELS, strict=True):
        Reviews(store).review_cell(cell.cell_id, "debris", "Bob")
        Reviews(store).review_cell(cell.cell_id, label, "Ann")
    return specimen_id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(make_store(tmp_path / "home")) as made:
        yield made


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "corrections.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_crops_are_the_reviewed_cells_with_where_they_come_from(
    store: Store, tmp_path: Path
) -> None:
    specimen_id = screen(store, consent=True)
    report = export_corrections(store, tmp_path / "out", by="Ann")
    assert report.labels == dict.fromkeys(LABELS, 1) and report.unusable == []
    rows = table(tmp_path / "out")
    assert list(rows[0]) == list(Correction.__dataclass_fields__)
    for row, label, colour in zip(rows, LABELS, COLOURS, strict=True):
        crop = read_image(tmp_path / "out" / row["file"])
        assert crop.shape == (31, 30, 3) and (crop == colour).all()
        assert row["file"].startswith(f"{label}/{specimen_id}-")
        assert (row["label"], row["machine_label"]) == (label, "parasitised")
        assert (row["patient"], row["reviewer"], row["bundle_id"]) == ("P-1", "Ann", "malaria-1")
        assert row["field_sha256"] == store.field(specimen_id, 0).image_sha256
    assert Audit(store).entries(1)[0].action == "corrections.exported"
    assert not list(tmp_path.glob(".out*"))


def test_train_reads_them_by_patient(store: Store, tmp_path: Path) -> None:
    screen(store, consent=True)
    unknown = screen(store, consent=True, patient=None)
    for site in ("a", "b"):
        export_corrections(store, tmp_path / "data" / "corrections" / site)
    examples = list_examples("corrections", tmp_path / "data")
    assert sorted(example.label for example in examples) == [0] * 4 + [1] * 8
    assert {example.patient for example in examples} == {
        "Kisumu/P-1",
        f"Kisumu/specimen-{unknown}",
    }
    crops = load_crops(examples, Preprocessing(32))
    assert crops.shape == (12, 32, 32, 3)
    assert not crops[:, 0, 0].any(), "outside the cell's outline it is black"
    assert crops[:, 16, 16].any(axis=1).all()


def test_nothing_leaves_without_consent(store: Store, tmp_path: Path) -> None:
    screen(store, consent=False)
    report = export_corrections(store, tmp_path / "none")
    assert (report.specimens, report.without_consent, report.labels) == (0, 1, {})
    assert table(tmp_path / "none") == []
    report = export_corrections(store, tmp_path / "all", all_consented=True)
    assert (report.specimens, report.without_consent) == (1, 0)
    assert Audit(store).entries(1)[0].detail["all_consented"] is True


def test_what_cannot_be_cut_out_is_told(store: Store, tmp_path: Path) -> None:
    again, damaged = screen(store, consent=True), screen(store, consent=True)
    store.save_field(again, 0, make_suspects(), encode_image(make_picture()))
    (store.home / str(store.field(damaged, 0).image_file)).write_bytes(b"")
    xray = store.start_specimen("X", "upload", {}, SpecimenDetails(task=CHEST_XRAY, consent=True))
    store.save_field(xray, 0, make_suspects(), encode_image(make_picture()))
    Reviews(store).review_cell(store.suspect_cells(xray)[0].cell_id, "pneumonia", "Ann")
    report = export_corrections(store, tmp_path / "out")
    assert len(report.unusable) == 8 and report.labels == {}
    assert "screened again" in report.unusable[0] and "damaged" in report.unusable[-1]


def test_box_beyond_the_image_gives_what_is_inside(store: Store, tmp_path: Path) -> None:
    specimen_id = store.start_specimen("S", "upload", {}, SpecimenDetails(consent=True))
    small = encode_image(make_picture()[:20, :60])
    store.save_field(specimen_id, 0, make_suspects(), small)
    for cell in store.suspect_cells(specimen_id):
        Reviews(store).review_cell(cell.cell_id, "ring", "Ann")
    report = export_corrections(store, tmp_path / "out")
    assert report.labels == {"ring": 2} and len(report.unusable) == 2
    assert "outside the image" in report.unusable[0]


def test_folder_with_something_in_it_is_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_corrections(store, tmp_path / "out")
    with pytest.raises(ConflictError, match="not empty"):
        export_corrections(store, tmp_path / "out")


def test_damaged_export_is_no_data_set(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "corrections"
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match="export there"):
        list_examples("corrections", tmp_path / "data")
    screen(store, consent=True)
    export_corrections(store, folder)
    path = folder / table(folder)[0]["file"]
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        list_examples("corrections", tmp_path / "data")
    (folder / "corrections.csv").write_text("name\nx\n")
    with pytest.raises(DataError, match="no column 'file'"):
        list_examples("corrections", tmp_path / "data")


def test_command_exports_and_says_what_it_left_out(
    clinicscope: Callable[..., tuple[int, str, str]], home: Path, tmp_path: Path
) -> None:
    with closing(make_store(home)) as store:
        screen(store, consent=True)
        screen(store, consent=False)
    code, out, err = clinicscope("export", "corrections", "--to", tmp_path / "a")
    assert (code, "1 ring" in out, "1 specimens without consent" in err) == (0, True, True)
    options = ("--all-consented", "--json", "--by", "Ann")
    code, out, _ = clinicscope("export", "corrections", "--to", tmp_path / "b", *options)
    assert (code, json.loads(out)["specimens"]) == (0, 2)
    assert clinicscope("export", "--format", "csv")[0] == 2
