"""`bench predict`: ranges from counted MACs, always called predictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from compress.devices import PREDICTED, load_device, predict_ms
from compress.predicted import predict_bundle, predict_content
from edge.contract.bundle import open_bundle
from edge.contract.errors import DataError
from edge.protocol import Protocol
from tests.conftest import SHIPPED
from tests.edge.runtimes.drawn_networks import draw_onnx, draw_tflite

Run = Callable[..., tuple[int, str, str]]


def test_bundle_is_predicted_from_macs_counted_in_its_files() -> None:
    device, protocol = load_device("rpi4"), Protocol()
    classifier, novelty = predict_bundle(open_bundle(SHIPPED), device, protocol)
    assert (classifier.macs, classifier.bits, classifier.kind) == (10_785_024, "int8", PREDICTED)
    expected = predict_ms(device, classifier.macs, classifier.bytes)
    assert classifier.ms == pytest.approx(expected.ms, abs=1e-4)
    assert classifier.slow_ms == pytest.approx(expected.slow_ms, abs=1e-4)
    assert classifier.ms < classifier.slow_ms
    cells = protocol.minimum_rbc_count
    assert classifier.slide_s == pytest.approx(cells * classifier.ms / 1000, abs=0.01)
    assert "novelty" in novelty.name


def test_both_formats_of_a_network_have_the_same_macs() -> None:
    device = load_device("rpi4")
    found = [
        predict_content("drawn", format_, content, device, Protocol())
        for format_, content in (("tflite", draw_tflite(3)), ("onnx", draw_onnx(3)))
    ]
    assert found[0].macs == found[1].macs == 2 * 2 * 3 * 3 * 8 * 8
    assert found[0].bits == "float32"


def test_bundle_on_a_device_of_another_format_takes_that_one() -> None:
    found = predict_bundle(open_bundle(SHIPPED), load_device("jetson_orin_nano"), Protocol())
    sizes = {one.bytes for one in open_bundle(SHIPPED).manifest.weights if one.format == "onnx"}
    assert {one.bytes for one in found} <= sizes


def test_integers_alone_and_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="runs INT8 alone"):
        predict_content("drawn", "tflite", draw_tflite(3), load_device("coral_usb"), Protocol())
    with pytest.raises(DataError, match="cannot be opened"):
        predict_content("text", "tflite", b"no model", load_device("rpi4"), Protocol())


def test_predict_is_a_command_of_bench(clinicscope: Run, tmp_path: Path) -> None:
    code, out, err = clinicscope("bench", "predict", "--device", "rpi4")
    assert code == 0, err
    assert "predicted, not measured" in out and "10.8 MMAC, int8" in out
    model = tmp_path / "drawn.tflite"
    model.write_bytes(draw_tflite(3))
    code, out, _ = clinicscope("bench", "predict", model, "--device", "rpi5", "--json")
    (found,) = json.loads(out)
    assert found["kind"] == PREDICTED and found["ms"] <= found["slow_ms"]
    code, _, err = clinicscope("bench", "predict", "--device", "zx81")
    assert code == 3 and "device is 'zx81'; known: coral_usb" in err
    code, _, err = clinicscope("bench", "predict", tmp_path / "none.onnx", "--device", "rpi4")
    assert code == 3 and "none.onnx cannot be read" in err
