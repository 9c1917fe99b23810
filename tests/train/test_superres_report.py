"""The page on super-resolution: built of records alone, its figures are those on record."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import DataError
from edge.contract.images import encode_image, read_image
from tests.support.appliance import chromium
from train.report.superres import write_superres_page
from train.report.superres_study import study_part
from train.report.superres_tables import (
    claim_grid,
    gains_grid,
    in_order,
    quality_grid,
    signed,
    speed_grid,
    system_order,
)
from train.studies import Study, write_study
from train.superres.measured import MEASURES, PLACES, Measured, add_measured, read_all_measured
from train.superres.networks import INTERPOLATIONS
from train.superres.pairs import even
from train.superres.sheets import image_pairs, read_sheet, write_sheet
from train.superres.speed import Speed, TimedSystem, read_speed, write_speed

Run = Callable[..., tuple[int, str, str]]
DRAWN = Path(__file__).parents[2] / "train/records/superres/drawn"
KINDS = ("ring", "schizont", "trophozoite", "uninfected")
GAINS = {"bicubic": 0.0, "lanczos": 0.25, "light": 1.0, "deep": 2.0}


def measured(n: int = 60, inside: bool = True) -> Measured:
    rng = np.random.default_rng(0)
    base = np.empty((n, len(PLACES), len(MEASURES)), np.float32)
    base[:, :, :2] = rng.normal(30, 2, (n, 1, 1))
    base[:, :, 2:] = 0.94
    if not inside:
        base[:, 1] = np.nan
    values = {}
    for name, gain in GAINS.items():
        values[name] = base.copy()
        values[name][:, 0, :2] += gain
        values[name][:, 1, :2] += gain / 4
        values[name][:, :, 2:] += 0.01 * gain
    names = np.array([f"c{row}" for row in range(n)])
    patients = np.array([f"P{row % 12}" for row in range(n)])
    return Measured(names, patients, values, {"deep": "rcan, 1,234 parameters"})


SPEED = Speed("a desk", "OpenCV bicubic", 70.0, (
    TimedSystem("bicubic", "", 0, 70.0, 1.0, 0.0, 0.0),
    TimedSystem("light", "tflite int8", 12_345, 350.0, 5.0, 1.04, -0.3, "as it ships"),
    TimedSystem("deep", "tflite float", 2_000_000, 70_000.0, 1000.0, 2.0, float("nan")),
))  # fmt: skip
DIFFERENCES = Study(
    "What it adds",
    "Which is better?",
    "clinicscope train superres study",
    ("network", "split", "super-resolved minus", "AUC", "AUC, from", "AUC, to", "AUC, most"),
    (
        ("tiny", "patients", "original", -0.0123, -0.02, 0.001, -0.001),
        ("tiny", "random", "original", 0.004, 0.0, 0.01, 0.02),
    ),
    "Nothing is gained.",
)
LEAKS = Study(
    "Mistakes on purpose",
    "Which gives it?",
    "clinicscope train superres study",
    ("leak", "network", "cells", "accuracy", "accuracy, from", "accuracy, to"),
    (("file-per-class", "tiny", 40, 1.0, 0.91, 1.0), ("none", "tiny", 40, 0.9, "", "")),
)


def write_records(folder: Path) -> Path:
    add_measured(folder / "measured/nih-cells.npz", measured())
    add_measured(folder / "measured/nih-cells-lossless.npz", measured(30))
    add_measured(folder / "measured/nih-cells-224.npz", measured(45))
    add_measured(folder / "measured/iml-fields.npz", measured(20, inside=False))
    write_speed(folder / "speed.json", SPEED)
    write_study(folder / "study/differences.json", DIFFERENCES)
    write_study(folder / "study-native/leaks.json", LEAKS)
    images = folder / "images"
    images.mkdir()
    image, mask = draw_cell("ring", 2, 40)
    (images / "ring.png").write_bytes(encode_image(image * mask[:, :, None]))
    systems = {name: INTERPOLATIONS[name] for name in ("bicubic", "lanczos")}
    write_sheet(folder / "drawn", image_pairs(images), systems)
    return folder


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def page(records: Path) -> Path:
    return write_superres_page(records / "page.html", records)


def text_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text()).split())


def test_command_builds_the_page_without_any_images(
    records: Path, tmp_path: Path, clinicscope: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLINICSCOPE_DATA", raising=False)
    page = tmp_path / "docs/superres.html"
    code, said, _ = clinicscope(
        "train", "superres", "report", "--records", str(records), "--page", str(page)
    )
    assert code == 0 and str(page) in said
    assert page.read_text().count("data:image/svg+xml") == 4 + 7 + 2 + 3
    parts = {"reach", "claim", "study", "leak", "speed", "drawn", "how"}
    assert set(re.findall(r'<h2 id="(\w+)"', page.read_text())) == parts
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page.read_text())


def test_page_leads_with_the_best_network_and_says_what_is_too_few(page: Path) -> None:
    text = text_of(page)
    assert "30 cells of 12 patients that no network had seen" in text
    assert "The best network (deep)" in text
    assert "by 2.00 dB (2.00 to 2.00) over the whole picture" in text
    assert "by 0.50 dB (0.50 to 0.50) inside the cell" in text
    assert "too few for an interval to be relied on" in text
    assert "Nothing is gained." in text and "enhanced, not evidence" in text
    # 30 dB are a root mean square error of 8 grey levels; the drawn mean is near to that.
    assert re.search(r"off by [78]\.\d grey levels of 255", text)


def test_pictures_are_embedded_as_they_are(page: Path, records: Path) -> None:
    found = re.findall(r'src="data:image/webp;base64,([^"]+)"', page.read_text())
    (strip,) = read_sheet(records / "drawn")
    assert [picture.name for picture in strip.pictures] == ["half", "bicubic", "lanczos", "true"]
    assert [base64.b64decode(data) for data in found] == [
        picture.path.read_bytes() for picture in strip.pictures
    ]
    drawn = even(read_image(records / "images/ring.png"))
    np.testing.assert_array_equal(read_image(strip.pictures[-1].path), drawn)


@pytest.mark.parametrize(
    ("left", "part"),
    [("study", "study"), ("study-native", "leak"), ("speed.json", "speed"), ("drawn", "drawn")],
)
def test_part_is_there_where_its_record_is(
    records: Path, tmp_path: Path, left: str, part: str
) -> None:
    (tmp_path / left).symlink_to(records / left)
    html = write_superres_page(tmp_path / "out.html", tmp_path).read_text()
    assert set(re.findall(r'<h2 id="(\w+)"', html)) == {part, "how"}
    assert set(re.findall(r'<a href="#(\w+)"', html)) == {part, "how"}


def test_page_of_nothing_says_what_it_is_about(tmp_path: Path) -> None:
    text = text_of(write_superres_page(tmp_path / "out.html", tmp_path))
    assert "What it adds was never photographed" in text and "On many patients" not in text


def test_page_of_interpolation_alone_names_no_network(tmp_path: Path) -> None:
    found = measured()
    plain = {name: found.values[name] for name in ("bicubic", "lanczos")}
    add_measured(tmp_path / "measured/nih-cells.npz", replace(found, values=plain))
    text = text_of(write_superres_page(tmp_path / "out.html", tmp_path))
    assert "best network" not in text and "What each system reaches" in text


def test_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text('{"machine": 3}')
    with pytest.raises(DataError, match=r"speed\.json holds no times"):
        write_superres_page(tmp_path / "out.html", tmp_path)
    assert not (tmp_path / "out.html").exists()


def test_sheet_without_the_true_picture_or_with_a_broken_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    image = np.zeros((8, 8, 3), np.uint8)
    (tmp_path / "cell/0-half.webp").write_bytes(encode_image(image, ".webp"))
    with pytest.raises(DataError, match=r"N-true\.webp"):
        read_sheet(tmp_path)
    (tmp_path / "cell/1-true.webp").write_bytes(b"text")
    with pytest.raises(DataError, match="cannot be read"):
        read_sheet(tmp_path)


def test_sheet_made_anew_keeps_no_picture_of_an_old_system(tmp_path: Path) -> None:
    image, mask = draw_cell("ring", 2, 40)
    (tmp_path / "ring.png").write_bytes(encode_image(image * mask[:, :, None]))
    pairs = image_pairs(tmp_path)
    write_sheet(tmp_path / "out", pairs, INTERPOLATIONS)
    write_sheet(tmp_path / "out", pairs, {"bicubic": INTERPOLATIONS["bicubic"]})
    names = sorted(path.name for path in (tmp_path / "out/ring").iterdir())
    assert names == ["0-half.webp", "1-bicubic.webp", "2-true.webp"]


def test_tables_hold_what_is_on_record(records: Path) -> None:
    sets = in_order(read_all_measured(records / "measured"))
    assert list(sets) == ["nih-cells-lossless", "nih-cells", "nih-cells-224", "iml-fields"]
    order = system_order(sets)
    assert order == ["bicubic", "lanczos", "deep", "light"]
    whole, inside = (gains_grid(sets, order, place) for place in PLACES)
    assert [row[0].text for row in whole.rows] == ["lanczos", "deep", "light"]
    assert [cell.text for cell in whole.rows[1]] == ["deep"] + ["+2.00"] * 4
    assert [cell.text for cell in inside.rows[2]] == ["light"] + ["+0.25"] * 3
    quality = quality_grid(sets["nih-cells"], order, "whole")
    found = sets["nih-cells"]
    assert quality.rows[0][1].text == "–"
    assert quality.rows[2][0].small == "rcan, 1,234 parameters"
    assert quality.rows[2][2].text == f"{found.column('deep', 'whole', 'psnr_rgb').mean():.2f}"
    assert quality.rows[2][4].text == ".9600"
    claim = claim_grid(sets["nih-cells-224"], order)
    assert [cell.text for cell in claim.rows[0]][:2] == ["the sources' RCAN", "35.36"]
    assert {len(row) for row in (claim.columns, *claim.rows)} == {5}


def test_table_of_times_is_numbered_as_the_plot(tmp_path: Path) -> None:
    write_speed(tmp_path / "speed.json", SPEED)
    found = read_speed(tmp_path / "speed.json")
    assert found.systems[:2] == SPEED.systems[:2]
    rows = speed_grid(found).rows
    assert [cell.text for cell in rows[0]] == ["1. bicubic", "–", "70", "1.0", "0.00", "0.00"]
    assert [cell.text for cell in rows[1]][:4] == ["2. light", "12,345", "350", "5.0"]
    assert rows[1][0].small == "tflite int8; as it ships"
    assert [cell.text for cell in rows[2]][3:] == ["1,000", "+2.00", "–"]


def test_study_has_intervals_below_figures_and_a_plot_a_split() -> None:
    part = study_part(DIFFERENCES, "AUC")
    assert [head.text for head in part.grid.columns] == [
        "network", "split", "super-resolved minus", "AUC", "AUC, most",
    ]  # fmt: skip
    assert part.grid.rows[0][3].text == "−.0123" and part.grid.rows[0][4].text == "−.0010"
    assert part.grid.rows[0][3].small == "−.0200 to +.0010"
    assert part.grid.words == (0, 1, 2)
    assert [caption for caption, _ in part.plots] == ["split: patients", "split: random"]
    assert not study_part(DIFFERENCES, "accuracy").plots


def test_study_without_splits_or_intervals_is_a_table() -> None:
    part = study_part(LEAKS, "accuracy")
    assert [caption for caption, _ in part.plots] == [""]
    assert part.grid.rows[0][3].text == "1.0000" and part.grid.rows[1][3].small == ""
    plain = study_part(Study("t", "q", "c", ("a", "b"), (("x", 0.5),)), "AUC")
    assert not plain.plots and [cell.text for cell in plain.grid.rows[0]] == ["x", ".5000"]


def test_signs_are_of_what_is_printed() -> None:
    assert [signed(x) for x in (1.234, -1.236, 0.001, -0.001, float("nan"))] == [
        "+1.23", "−1.24", "0.00", "0.00", "–",
    ]  # fmt: skip


@pytest.mark.browser
def test_page_fits_a_phone(page: Path) -> None:
    with chromium() as browser:
        for width in (360, 1280):
            view = browser.new_page(viewport={"width": width, "height": 800})
            view.goto(page.as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") == width
            broken = "[...document.images].filter(image => !image.naturalWidth).length"
            assert view.evaluate(broken) == 0


@pytest.mark.parametrize(("seed", "kind"), list(enumerate(KINDS)))
def test_cells_of_the_kept_sheet_are_drawn_ones(seed: int, kind: str) -> None:
    image, mask = draw_cell(kind, seed, 96)
    kept = {strip.name: strip for strip in read_sheet(DRAWN)}
    assert set(kept) == set(KINDS)
    true = read_image(kept[kind].pictures[-1].path)
    np.testing.assert_array_equal(true, even(image * mask[:, :, None]))
