"""`enhance` as scripts see it: files, refusals, exit codes; nothing that was there is lost."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image, read_picture
from tests.edge.contract.test_image_decoding import huge_png
from tests.edge.runtimes.drawn_bundles import write_bundle
from tests.support.drawn_enhancer import draw_pictures, write_enhancer_bundle

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture()
def cells(tmp_path: Path, home: Path) -> Path:
    """Three drawn cells in a folder, one of them deeper; and an enhancer newer than any shipped."""
    write_enhancer_bundle(home / "bundles/drawn", version=90)
    folder = tmp_path / "cells"
    (folder / "deep").mkdir(parents=True)
    for name, kind in (("a", "ring"), ("b", "uninfected"), ("deep/a", "schizont")):
        (folder / f"{name}.jpg").write_bytes(encode_image(draw_cell(kind, 3, 61)[0], ".jpg"))
    return folder


def rows_of(out: str) -> list[dict[str, Any]]:
    return list(json.loads(out)["files"])


def test_folder_becomes_pictures_twice_as_large(
    clinicscope: Run, cells: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new/out"
    code, said, err = clinicscope("enhance", cells, "--out", out, "--json", "-")
    assert code == 0, err
    assert "3 enhanced, 0 refused; enhanced, not evidence" in err
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png")) == [
        "a.png", "b.png", "deep/a.png",
    ]  # fmt: skip
    for row in rows_of(said):
        before, after = read_picture(Path(row["path"])), read_picture(Path(row["out"]))
        assert after.shape == (2 * before.shape[0], 2 * before.shape[1], 3)
        assert (row["width_px"], row["height_px"]) == (after.shape[1], after.shape[0])
        assert row["ms"] > 0 and row["refused"] == ""
        # The drawn network is bilinear, and the rest of the way is only scale.
        back = cv2.resize(after, before.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(back.astype(int) - before).mean() < 3
    assert json.loads(said)["ran_on"]["bundle_id"] == "drawn-superres-1"


def test_file_says_what_it_is(clinicscope: Run, cells: Path, tmp_path: Path) -> None:
    clinicscope("enhance", cells / "a.jpg", "--out", tmp_path / "out")
    with Image.open(tmp_path / "out/a.png") as opened:
        said = opened.text["Comment"]
    assert said.startswith("enhanced, not evidence; made by bundle drawn-superres-1, sha256 ")


def test_kinds_of_pictures_come_through(clinicscope: Run, cells: Path, tmp_path: Path) -> None:
    picture = draw_pictures(1, 2, 40)[0][:31, :40]
    folder = tmp_path / "kinds"
    folder.mkdir()
    for name, image in (
        ("one", picture[:1, :1]),
        ("line", picture[:1]),
        ("odd", picture[:7, :23]),
        ("grey", picture[:, :, 0]),
        ("alpha", np.dstack([picture, picture[:, :, 1]])),
    ):
        (folder / f"{name}.png").write_bytes(encode_image(image))
    cv2.imwrite(str(folder / "deep.png"), picture.astype(np.uint16) * 257)
    Image.fromarray(picture).quantize(16).save(folder / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(folder / "turned.webp", exif=exif, lossless=True)
    code, _, err = clinicscope("enhance", folder, "--out", tmp_path / "out")
    assert code == 0, err
    found = {path.stem: read_picture(path).shape for path in (tmp_path / "out").iterdir()}
    assert found == {
        "one": (2, 2, 3),
        "line": (2, 80, 3),
        "odd": (14, 46, 3),
        "grey": (62, 80),
        "alpha": (62, 80, 4),
        "deep": (62, 80, 3),
        "palette": (62, 80, 3),
        "turned": (80, 62, 3),
    }


def test_failures_are_reported_and_the_rest_goes_on(
    clinicscope: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (cells / "a.jpg").read_bytes()
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "cut.jpg").write_bytes(good[: len(good) // 2])
    (bad / "text.png").write_text("no picture")
    (bad / "huge.png").write_bytes(huge_png(30_000, 30_000))
    (bad / "large.png").write_bytes(huge_png(5_001, 5_000))
    names = [*sorted(bad.iterdir()), tmp_path / "missing.png", cells / "b.jpg"]
    code, said, err = clinicscope("enhance", *names, "--out", tmp_path / "out", "--json", "-")
    assert code == 3
    assert "1 enhanced, 5 refused" in err
    refused = {Path(row["path"]).name: row["refused"] for row in rows_of(said)}
    assert "truncated" in refused["cut.jpg"]
    assert "not an image" in refused["text.png"]
    assert "more than the 25 megapixels" in refused["huge.png"]
    assert "more than the 25 megapixels" in refused["large.png"]
    assert "cannot be read" in refused["missing.png"]
    assert refused["b.jpg"] == ""
    assert f"refused {bad / 'cut.jpg'}: " in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    row = rows_of(said)[0]
    assert row["width_px"] is row["height_px"] is row["ms"] is None


def test_second_of_one_name_is_refused(clinicscope: Run, cells: Path, tmp_path: Path) -> None:
    (cells / "A.png").write_bytes(encode_image(draw_pictures(1)[0]))
    code, _, err = clinicscope("enhance", cells / "a.jpg", cells / "A.png", "--out", tmp_path / "o")
    assert code == 3
    assert f"refused {cells / 'A.png'}: " in err and "is made from" in err
    assert read_picture(tmp_path / "o/a.png").shape == (120, 120, 3)


def test_inputs_are_never_overwritten(clinicscope: Run, cells: Path) -> None:
    picture = encode_image(draw_pictures(1)[0])
    (cells / "b.png").write_bytes(picture)
    (cells / "c.png").write_bytes(picture)
    os.link(cells / "c.png", cells / "a.png")
    code, _, err = clinicscope(
        "enhance", cells / "b.jpg", cells / "a.jpg", cells / "c.png", "--out", cells
    )
    assert code == 3
    assert "0 enhanced, 3 refused" in err
    # Of b.png it is not known whose it is; a.png and c.png are the third input.
    assert "b.png exists and was not made by enhancing" in err
    assert f"a.png is the input {cells / 'c.png'} itself; give another --out" in err
    assert f"c.png is the input {cells / 'c.png'} itself" in err
    assert all((cells / f"{name}.png").read_bytes() == picture for name in "abc")


def test_earlier_outputs_are_replaced_and_are_no_inputs(
    clinicscope: Run, cells: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        code, _, err = clinicscope("enhance", cells, "--out", cells)
        assert code == 0, err
        assert "3 enhanced" in err
    assert read_picture(cells / "a.png").shape == (120, 120, 3)
    code, _, err = clinicscope("enhance", cells / "a.png", "--out", tmp_path / "out")
    assert code == 3
    assert "is enhanced already; give the original" in err
    for path in cells.rglob("*.jpg"):
        path.unlink()
    code, _, err = clinicscope("enhance", cells, "--out", tmp_path / "out")
    assert code == 3
    assert "holds no PNG, JPEG, WebP or BMP image to enhance" in err


def test_folder_in_the_way_is_refused(clinicscope: Run, cells: Path, tmp_path: Path) -> None:
    (tmp_path / "out/a.png").mkdir(parents=True)
    code, _, err = clinicscope("enhance", cells / "a.jpg", "--out", tmp_path / "out")
    assert code == 3
    assert "a.png exists and was not made by enhancing" in err


def test_name_that_the_disk_refuses_does_not_end_the_run(
    clinicscope: Run, cells: Path, tmp_path: Path
) -> None:
    long = cells / f"{'x' * 250}.jpg"
    (cells / "a.jpg").rename(long)
    code, _, err = clinicscope("enhance", long, cells / "b.jpg", "--out", tmp_path / "out")
    assert code == 3
    assert "1 enhanced, 1 refused" in err and "cannot be written" in err


def test_full_disk_ends_the_run_and_leaves_whole_files(
    clinicscope: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def full_after_one_file(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            if synced:
                raise OSError(errno.ENOSPC, "No space left on device")
            synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", full_after_one_file)
    code, _, err = clinicscope("enhance", cells, "--out", tmp_path / "out")
    assert code == 3
    assert "no room for" in err
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.png"]


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["enhance", "x.png"], 2, "--out"),
        (["enhance", "--out", "y"], 2, "PATHS"),
        (["enhance", "{cells}/a.jpg", "--out", "{cells}/b.jpg"], 2, "is a file"),
        (["enhance", "{cells}", "--out", "y", "--bundle", "/nowhere"], 3, "no bundle at"),
        (["enhance", "{cells}", "--out", "y", "--runtime", "abacus"], 4, "abacus: unknown"),
        (["enhance", "{empty}", "--out", "y"], 3, "holds no PNG"),
        (["enhance", "{cells}", "--out", "y", "--bundle", "{labelled}"], 3, "enhancing needs"),
        (["classify", "{cells}", "--bundle", "{drawn}"], 3, "use it with `clinicscope enhance`"),
        (["screen", "{cells}", "--bundle", "{drawn}"], 3, "screening needs 'malaria-cells'"),
    ],
)
def test_errors_say_what_to_do(
    clinicscope: Run, cells: Path, home: Path, tmp_path: Path, argv: list[str], code: int,
    message: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_bundle(tmp_path / "labelled")
    places = {
        "cells": cells, "drawn": home / "bundles/drawn", "empty": tmp_path / "empty",
        "labelled": tmp_path / "labelled",
    }  # fmt: skip
    found, out, err = clinicscope(*(word.format(**places) for word in argv))
    assert found == code, err
    assert message in err
    assert "Traceback" not in out + err


def test_bundle_commands_know_enhancers(clinicscope: Run, cells: Path, home: Path) -> None:
    drawn = home / "bundles/drawn"
    listed = {item["task"]: item for item in json.loads(clinicscope("bundle", "list", "--json")[1])}
    assert listed["malaria-superres"]["active"] and not listed["malaria-superres"]["problem"]
    code, out, _ = clinicscope("bundle", "inspect", drawn)
    assert code == 0
    assert "enhancer    2x in tiles of 16 px, 2 px of each side thrown away" in out
    assert "parity      34.90 dB, float 35.00, bicubic 33.40, on 8 pictures" in out
    assert "parity      onnx, onnx: 34.90 dB, within 3 grey levels of float" in out
    assert "psnr_gain_db 1.5000 (1.4000 to 1.6000)" in out
    assert "labels" not in out.replace("raw labels", "") and "threshold" not in out
    code, out, _ = clinicscope("bundle", "verify", drawn)
    assert code == 0
    assert "5 files intact; 3 golden cells: image within" in out and "grey levels on litert" in out
    code, out, _ = clinicscope("selftest", "--bundle", drawn)
    assert code == 0 and "ok, 3 golden cells: image within" in out
    code, out, _ = clinicscope("selftest", "--bundle", drawn, "--json")
    found = json.loads(out)
    assert (found["n_cells"], found["unit"], found["novelty"]) == (3, "grey levels", None)
    assert found["bundle_id"] == "drawn-superres-1"


def test_bench_times_a_tile_beside_bicubic(clinicscope: Run, cells: Path, home: Path) -> None:
    words = ["bench", "--bundle", home / "bundles/drawn", "--runs", 25]
    before = cv2.getNumThreads()
    code, out, err = clinicscope(*words, "--json", "-")
    assert code == 0, err
    assert cv2.getNumThreads() == before
    content = json.loads(out)
    bicubic, network = content["models"]
    assert [bicubic["role"], network["role"], content["field"]] == ["bicubic", "enhancer", None]
    assert bicubic["ratio"] == 1 and network["bytes"] > 0
    ratio = network["median_ms"] / bicubic["median_ms"]
    assert network["ratio"] == pytest.approx(ratio, rel=0.05)
    assert content["ran_on"]["threads"] == 1
    code, out, _ = clinicscope(*words)
    assert code == 0 and "OpenCV bicubic" in out and "drawn-superres-1" in out
    code, _, err = clinicscope(*words, "--batch", 4)
    assert code == 2 and "an enhancer is timed alone" in err
