"""Times of enhancers beside bicubic: every form that can be made, in one run, kept in one file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from compress.run import Settings
from compress.superres.recipe import load_enhancer_lab
from compress.superres.run import open_fit
from compress.superres.speed import YARDSTICK, candidates_of
from edge.contract.errors import ConfigError
from edge.installed import SHIPPED_DIR
from tests.support.drawn_enhancer import write_enhancer_bundle
from tests.support.drawn_enhancer_lab import DrawnEnhancerLab, drawn_enhancer_lab
from train.superres.speed import read_speed

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("quick_graphs"),
]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrawnEnhancerLab]:
    with drawn_enhancer_lab(tmp_path_factory.mktemp("speed")) as lab:
        yield lab


def fitted(drawn: DrawnEnhancerLab, name: str, network: str) -> Path:
    """The run folder of a tiny network."""
    lab = load_enhancer_lab(drawn.lab(drawn.recipe(name, network=network), name=f"{name}-lab"))
    return open_fit(lab, Settings(drawn.out, drawn.data)).folder


def test_every_form_is_timed_and_measured_beside_bicubic(
    drawn: DrawnEnhancerLab, tmp_path: Path, clinicscope: Run
) -> None:
    run, out, before = (
        fitted(drawn, "plain", "plain_superres"),
        tmp_path / "s.json",
        cv2.getNumThreads(),
    )
    words = ("compress", "superres", run, "--runs", 1, "--per-class", 4, "--out", out)
    code, said, _ = clinicscope(*words, "--data", drawn.data)
    assert code == 0 and said.startswith(YARDSTICK)
    speed = read_speed(out)
    assert [(one.name, one.format) for one in speed.systems] == [
        ("bicubic", ""),
        ("lanczos", ""),
        ("plain", "tflite int8"),
        ("plain", "onnx int8"),
        ("plain", "tflite float"),
        ("plain", "onnx float"),
    ]
    first, second, *files = speed.systems
    assert (first.ratio, first.psnr_gain_db, first.psnr_gain_inside_db) == (1.0, 0.0, 0.0)
    assert second.psnr_gain_db != 0 and second.bytes == 0
    for one in files:
        assert one.bytes > 1000 and one.median_us > 0
        assert one.ratio == pytest.approx(one.median_us / speed.bicubic_us, rel=0.01)
    float_gain = files[2].psnr_gain_db
    assert all(abs(one.psnr_gain_db - float_gain) < 0.2 for one in files)
    assert cv2.getNumThreads() == before


def test_a_form_that_cannot_be_made_is_left_out_aloud(
    drawn: DrawnEnhancerLab, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "compress.superres.speed"):
        found = candidates_of(fitted(drawn, "rcan", "rcan"), drawn.data, 4)
    assert [one.form for one in found] == ["onnx float"]
    for form in ("tflite int8", "onnx int8", "tflite float"):
        assert f"rcan as {form} is left out" in caplog.text


def test_bundles_of_other_tiles_or_of_labels_are_refused(tmp_path: Path) -> None:
    write_enhancer_bundle(tmp_path)
    for path in (tmp_path, SHIPPED_DIR / "malaria-cells-5"):
        with pytest.raises(ConfigError, match="holds no enhancer of tiles of 128 px"):
            candidates_of(path)
    with pytest.raises(ConfigError, match="is no run"):
        candidates_of(tmp_path / "nothing")
