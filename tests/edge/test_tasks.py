"""The command line with bundles of other tasks than cells of a field, and of both formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.analysis.colour import is_coloured
from edge.contract.images import encode_image
from edge.contract.labels import STAGES
from edge.contract.preprocess import Preprocessing, prepare_crop
from tests.conftest import SHIPPED
from tests.edge.runtimes.drawn_bundles import draw_point, write_bundle, write_two_label_bundle
from tests.edge.runtimes.drawn_networks import SIZE_PX, draw_tflite
from tests.support.drawn_radiographs import draw_chest, write_dicom

Run = Callable[..., tuple[int, str, str]]
CELLS: dict[str, Any] = {
    "task": "malaria-cells",
    "labels": ("uninfected", "parasitised"),
    "positive_label": "parasitised",
}


@pytest.fixture()
def xrays(tmp_path: Path) -> Path:
    """Grey with 8 and 16 bits, grey saved as colour, and a file that is no picture."""
    folder = tmp_path / "xrays"
    folder.mkdir()
    grey = np.full((40, 60), 90, np.uint8)
    cv2.imwrite(str(folder / "a-grey.png"), grey)
    cv2.imwrite(str(folder / "b-deep.png"), grey.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "c-colour.jpg"), cv2.merge([grey] * 3))
    (folder / "d-text.png").write_text("no picture")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_classify_calls_x_rays_of_three_labels(
    clinicscope: Run, xrays: Path, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "bundle")
    blue = np.zeros((16, 16, 3), np.uint8)
    blue[:, :, 2] = 200
    (xrays / "e-blue.png").write_bytes(encode_image(blue))
    tinted = np.full((16, 16, 3), (120, 124, 130), np.uint8)
    (xrays / "f-tinted.png").write_bytes(encode_image(tinted))
    for runtime in ("litert", "onnx"):
        out = tmp_path / f"{runtime}.csv"
        code, _, err = clinicscope(
            "classify", xrays, "--bundle", tmp_path / "bundle", "--runtime", runtime, "--csv", out
        )
        assert code == 0, err
        assert "1 covid, 3 normal, 2 refused" in err
    rows = rows_of(tmp_path / "litert.csv")
    assert list(rows[0]) == ["path", "score", "call", "novelty", "refused"]
    # Three channels alike: each label is as likely, and the first is called.
    assert [row["call"] for row in rows] == ["normal", "normal", "normal", "", "", "covid"]
    assert float(rows[0]["score"]) == pytest.approx(1 / 3, abs=1e-4)
    assert rows[3]["refused"]
    assert rows[4]["refused"] == "image is in colour: a chest X-ray is grey"
    assert not any(row["novelty"] for row in rows)
    both = zip(rows, rows_of(tmp_path / "onnx.csv"), strict=True)
    assert all(one["call"] == other["call"] for one, other in both)


def test_colour_is_judged_before_contrast_is_evened_out(clinicscope: Run, tmp_path: Path) -> None:
    spec = Preprocessing(SIZE_PX, mask="none", contrast="clahe")
    write_bundle(tmp_path / "bundle", preprocessing=spec)
    shades = np.broadcast_to(np.linspace(20, 240, 64)[None, :, None], (64, 64, 3))
    film = np.round(shades * np.array([0.83, 0.9, 1.0])).astype(np.uint8)
    assert is_coloured(prepare_crop(film, spec))
    (tmp_path / "film.png").write_bytes(encode_image(film))
    out = tmp_path / "out.csv"
    clinicscope("classify", tmp_path / "film.png", "--bundle", tmp_path / "bundle", "--csv", out)
    assert rows_of(out)[0]["refused"] == ""


def test_classify_calls_x_rays_of_two_labels(clinicscope: Run, xrays: Path, tmp_path: Path) -> None:
    write_two_label_bundle(tmp_path / "bundle", operating_point=draw_point(0.01))
    out = tmp_path / "out.csv"
    code, _, err = clinicscope("classify", xrays, "--bundle", tmp_path / "bundle", "--csv", out)
    assert code == 0, err
    rows = rows_of(out)
    assert [row["call"] for row in rows] == ["pneumonia", "pneumonia", "pneumonia", ""]
    # The picture is padded to a square, so a third of it is black: (60 - 128) / 16 logits.
    assert float(rows[0]["score"]) == pytest.approx(1 / (1 + np.exp(68 / 16)), abs=2e-3)


def test_classify_reads_dicom_for_x_rays_alone(clinicscope: Run, tmp_path: Path) -> None:
    write_two_label_bundle(tmp_path / "bundle", operating_point=draw_point(0.01))
    films = tmp_path / "films"
    films.mkdir()
    window = {"WindowCenter": 128, "WindowWidth": 256}
    (films / "a.dcm").write_bytes(write_dicom(draw_chest(), **window))
    (films / "b.dcm").write_bytes(write_dicom(draw_chest(), Modality="CT"))
    (films / "c.png").write_bytes(encode_image(draw_chest()))
    out = tmp_path / "out.csv"
    code, _, err = clinicscope("classify", films, "--bundle", tmp_path / "bundle", "--csv", out)
    assert code == 0, err
    dicom, other, png = rows_of(out)
    assert dicom["call"] == png["call"] == "pneumonia"
    assert float(dicom["score"]) == pytest.approx(float(png["score"]), abs=2e-3)
    assert not other["call"] and "of modality 'CT'" in other["refused"]
    code, _, err = clinicscope("classify", films / "a.dcm", "--csv", out)
    assert code == 0, err
    assert rows_of(out)[0]["refused"].startswith("not an image")


def test_classify_of_stages_wants_stained_cells(
    clinicscope: Run, xrays: Path, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "bundle", task="malaria-stages", labels=STAGES[:3])
    out = tmp_path / "out.csv"
    code, _, err = clinicscope("classify", xrays, "--bundle", tmp_path / "bundle", "--csv", out)
    assert code == 0, err
    assert "4 refused" in err
    assert all("grey" in row["refused"] for row in rows_of(out)[:3])


def test_classify_refuses_a_cell_of_no_stains_colour(clinicscope: Run, tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64] - 31.5
    inside = (x**2 + y**2 < 28**2)[:, :, None]
    for name, colour in (
        ("green", (70, 180, 80)),
        ("dark", (40, 30, 35)),
        ("pink", (215, 150, 150)),
    ):
        picture = (inside * np.array(colour)).astype(np.uint8)
        (tmp_path / f"{name}.png").write_bytes(encode_image(picture))
    names = [tmp_path / f"{name}.png" for name in ("green", "dark", "pink")]
    out = tmp_path / "out.csv"
    code, _, err = clinicscope("classify", *names, "--csv", out)
    assert code == 0, err
    green, dark, pink = rows_of(out)
    assert green["refused"].startswith("no red blood cell: its colour is that of no stain")
    assert dark["refused"] == green["refused"]
    assert not green["call"]
    assert "colour" not in pink["refused"]


@pytest.mark.parametrize(
    ("write", "changes", "message"),
    [
        (write_bundle, {}, "is for 'cxr-covid'; screening needs 'malaria-cells'"),
        (write_two_label_bundle, CELLS, "has no field_operating_point"),
    ],
)
def test_screen_refuses_a_bundle_that_reads_no_fields(
    clinicscope: Run,
    tmp_path: Path,
    write: Callable[..., object],
    changes: dict[str, Any],
    message: str,
) -> None:
    write(tmp_path / "bundle", **changes)
    code, out, err = clinicscope(
        "screen", "camera:simulated?fields=1", "--bundle", tmp_path / "bundle"
    )
    assert code == 3
    assert message in err
    assert "negative" not in out.lower()


def test_bundles_of_every_task_are_listed_inspected_and_verified(
    clinicscope: Run, home: Path
) -> None:
    three = write_bundle(home / "bundles/three")
    two = write_two_label_bundle(home / "bundles/two")
    found = json.loads(clinicscope("bundle", "list", "--json")[1])
    assert not [item["problem"] for item in found if item["problem"]]
    installed = {item["task"] for item in found if Path(item["path"]).is_relative_to(home)}
    assert installed == {"cxr-covid", "cxr-pneumonia"}
    code, out, _ = clinicscope("bundle", "inspect", three.path)
    assert code == 0
    assert "labels      normal, pneumonia, covid" in out
    assert "threshold" not in out
    assert "parity      onnx, onnx: 100.00 % of 8 calls as float" in out
    assert "weights     classifier, onnx" in out and "weights     classifier, tflite" in out
    out = clinicscope("bundle", "inspect", two.path)[1]
    assert "threshold   0.5 (half way)" in out
    assert "cells of a field" in clinicscope("bundle", "inspect", SHIPPED)[1]
    assert "positive_label" not in json.loads(
        clinicscope("bundle", "inspect", three.path, "--json")[1]
    )
    code, out, _ = clinicscope("bundle", "verify", three.path)
    assert code == 0
    assert "6 files intact; 5 golden cells" in out


def test_site_may_prefer_a_runtime(clinicscope: Run, home: Path) -> None:
    bundle = write_bundle(home / "bundles/three")
    (home / "config.toml").write_text('runtimes = ["onnx"]')
    code, out, _ = clinicscope("selftest", "--bundle", bundle.path, "--json")
    assert code == 0
    assert json.loads(out)["runtime"] == "onnx"
    (home / "config.toml").write_text('runtimes = ["tflite_runtime"]')
    code, _, err = clinicscope("selftest", "--bundle", SHIPPED)
    assert code == 4
    assert "no runtime opened bundle malaria-cells-5: tflite_runtime: " in err


def test_bench_times_a_bundle_that_reads_no_fields(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    sizes = {weights.format: weights.bytes for weights in bundle.manifest.weights}
    code, out, err = clinicscope(
        "bench", "--bundle", bundle.path, "--runtime", "onnx", "--batch", 4, "--runs", 20,
        "--baseline", bundle.path / "drawn.tflite", "--json", "-",
    )  # fmt: skip
    assert code == 0, err
    content = json.loads(out)
    assert [model["bytes"] for model in content["models"]] == [sizes["onnx"], sizes["tflite"]]
    assert (content["batch"], content["field"]) == (4, None)
    assert content["ran_on"]["runtime"] == "onnx"
    code, out, _ = clinicscope("bench", "--bundle", bundle.path, "--runs", 20)
    assert code == 0
    assert "drawn-1" in out and "field of" not in out


def test_bench_gives_the_time_of_one_cell_in_any_batch(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")

    def median_ms(batch: int) -> float:
        argv = ("bench", "--bundle", bundle.path, "--runs", 50, "--batch", batch, "--json", "-")
        return float(json.loads(clinicscope(*argv)[1])["models"][0]["median_ms"])

    # A call's overhead is shared by its cells.
    assert median_ms(64) < median_ms(1)


def test_bench_takes_baselines_that_know_no_batch(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    single, text = tmp_path / "single.tflite", tmp_path / "text.tflite"
    single.write_bytes(draw_tflite(3, one_at_a_time=True))
    text.write_text("no model")
    argv = ("bench", "--bundle", bundle.path, "--runs", 20, "--batch", 8, "--json", "-")
    code, out, err = clinicscope(*argv, "--baseline", single)
    assert code == 0, err
    assert [model["ratio"] > 0 for model in json.loads(out)["models"]] == [True, True]
    code, _, err = clinicscope(*argv, "--baseline", text)
    assert code == 3
    assert "text.tflite cannot be opened" in err
