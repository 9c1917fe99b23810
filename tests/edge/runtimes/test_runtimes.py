"""Every runtime passes one suite; and a bundle opens on the first that can."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.bundle import Bundle
from edge.contract.errors import GoldenMismatchError, ManifestError, RuntimeUnavailableError
from edge.contract.manifest import Golden, Weights
from edge.runtimes.base import RUNTIMES, Runtime, open_runtime
from edge.runtimes.chunks import chunk_sizes
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime
from edge.selftest import self_test
from tests.edge.runtimes.contract import EnhancerContract, FinderContract, RuntimeContract, refusal
from tests.edge.runtimes.drawn_bundles import describe, write_bundle, write_two_label_bundle
from tests.edge.runtimes.drawn_networks import draw_cells, draw_onnx, expected_scores
from tests.support.drawn_enhancer import draw_pictures, write_enhancer_bundle
from tests.support.drawn_finder import draw_view, write_finder_bundle

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", params=["two", "three"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    write = {"two": write_two_label_bundle, "three": write_bundle}[request.param]
    return write(tmp_path_factory.mktemp("drawn") / request.param)


@pytest.fixture(scope="module")
def enhancer(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_enhancer_bundle(tmp_path_factory.mktemp("drawn") / "enhancer")


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_finder_bundle(tmp_path_factory.mktemp("drawn") / "finder")


class TestLiteRT(RuntimeContract):
    format = "tflite"

    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime:
        return LiteRTRuntime(model, weights, threads=threads)


class TestOnnx(RuntimeContract):
    format = "onnx"

    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime:
        return OnnxRuntime(model, weights, threads=threads)


class TestLiteRTEnhancer(EnhancerContract):
    format = "tflite"
    make = TestLiteRT.make


class TestOnnxEnhancer(EnhancerContract):
    format = "onnx"
    make = TestOnnx.make


class TestLiteRTFinder(FinderContract):
    format = "tflite"
    make = TestLiteRT.make


class TestOnnxFinder(FinderContract):
    format = "onnx"
    make = TestOnnx.make


def test_rest_of_a_field_goes_at_once_or_one_by_one() -> None:
    assert chunk_sizes(0, any_size=True) == chunk_sizes(0, any_size=False) == []
    assert chunk_sizes(67, any_size=True) == [32, 32, 3]
    assert chunk_sizes(83, any_size=False) == [32, 32, 16, 1, 1, 1]
    assert chunk_sizes(3, any_size=False, most=1) == [1, 1, 1]


def test_order_of_preference_is_litert_first(tmp_path: Path) -> None:
    assert list(RUNTIMES) == ["litert", "tflite_runtime", "onnx"]
    bundle = write_bundle(tmp_path / "drawn")
    assert open_runtime(bundle).name == "litert"
    assert open_runtime(bundle, names=["onnx", "litert"]).name == "onnx"


def test_bundle_without_onnx_says_so(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "drawn")
    first = bundle.manifest.weights_for("classifier", "tflite")
    alone = replace(bundle, manifest=replace(bundle.manifest, weights=(first,)))
    with pytest.raises(RuntimeUnavailableError, match=r"onnx: .* has no onnx weights"):
        open_runtime(alone, names=["onnx"])


def test_quantised_onnx_is_a_step_from_float() -> None:
    for n_outputs in (1, 3):
        model = draw_onnx(n_outputs, quantised=True)
        cells = draw_cells(20)
        found = OnnxRuntime(model, describe(model, "onnx", n_outputs)).run(cells)
        expected = expected_scores(cells, n_outputs)
        step = 16 / 255
        assert 0 < np.abs(found.cams - expected.cams).max() < 1.5 * step
        assert np.abs(found.logits - expected.logits).max() < step


@pytest.mark.parametrize("kind", [LiteRTRuntime, OnnxRuntime])
def test_truncated_model_is_refused(
    kind: type[LiteRTRuntime | OnnxRuntime], tmp_path: Path
) -> None:
    # Not in the suite: tflite-runtime crashes on one. A bundle's sha256 is checked before.
    bundle = write_bundle(tmp_path / "drawn")
    weights = bundle.manifest.weights_for("classifier", RUNTIMES[kind.name][1])
    half = bundle.weights_bytes(weights)[:200]
    assert weights.file in refusal(lambda: kind(half, weights))


def test_network_of_another_size_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "drawn")
    weights = bundle.manifest.weights_for("classifier", "tflite")
    other = replace(weights, inputs=(replace(weights.inputs[0], shape=(-1, 32, 32, 3)),))
    said = refusal(lambda: LiteRTRuntime(bundle.weights_bytes(weights), other))
    assert "takes uint8 of (16, 16, 3), the manifest says uint8 of (32, 32, 3)" in said


def test_int8_images_go_in_where_black_is_the_lowest_of_them(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "drawn")
    weights = bundle.manifest.weights_for("classifier", "tflite")
    for zero, scale in ((0, 1 / 255), (-128, 1 / 127)):
        image = replace(weights.inputs[0], dtype="int8", zero_point=zero, scale=scale)
        said = refusal(
            lambda spec=image: LiteRTRuntime(
                bundle.weights_bytes(weights), replace(weights, inputs=(spec,))
            )
        )
        assert f"takes int8 images, scale {scale}, zero point {zero}" in said


def test_onnx_whose_tensors_have_other_names_is_refused() -> None:
    model = draw_onnx(3)
    weights = describe(model, "onnx", 3)
    other = replace(weights, inputs=(replace(weights.inputs[0], name="picture"),))
    assert "not ['picture']" in refusal(lambda: OnnxRuntime(model, other))


def test_absent_library_names_what_to_install(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "drawn")
    code = (
        "import sys, pathlib\n"
        "absent = ('ai_edge_litert', 'tflite_runtime', 'onnxruntime')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "from edge.contract.bundle import open_bundle\n"
        "from edge.runtimes.base import open_runtime\n"
        "open_runtime(open_bundle(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle.path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "RuntimeUnavailableError" in done.stderr
    for install in ("ai-edge-litert", "'clinicscope[legacy]'", "'clinicscope[onnx]'"):
        assert f"pip install {install}" in done.stderr


def test_golden_tensors_of_several_labels_find_swapped_channels(tmp_path: Path) -> None:
    class Swapped(OnnxRuntime):
        def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
            return super()._invoke(np.ascontiguousarray(chunk[..., ::-1]))

    bundle = write_bundle(tmp_path / "drawn")
    weights = bundle.manifest.weights_for("classifier", "onnx")
    with pytest.raises(GoldenMismatchError, match=r"golden logit differs .* on onnx/cpu"):
        self_test(bundle, Swapped(bundle.weights_bytes(weights), weights))


def test_golden_output_of_another_name_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "drawn")
    golden = Golden("golden/input.npy", {"mood": "golden/logit.npy"}, {"mood": 1.0})
    other = replace(bundle, manifest=replace(bundle.manifest, golden=golden))
    with pytest.raises(ManifestError, match="golden output is 'mood'"):
        self_test(other, open_runtime(bundle))


def test_golden_pictures_find_swapped_channels(enhancer: Bundle) -> None:
    class Swapped(LiteRTRuntime):
        def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
            return super()._invoke(np.ascontiguousarray(chunk[..., ::-1]))

    weights = enhancer.manifest.weights_for("enhancer", "tflite")
    with pytest.raises(GoldenMismatchError, match=r"golden image differs .* must not enhance"):
        self_test(enhancer, Swapped(enhancer.weights_bytes(weights), weights))


def test_golden_input_of_another_size_is_refused(enhancer: Bundle) -> None:
    buffer = BytesIO()
    np.save(buffer, draw_pictures(2, side_px=20))
    files = {**enhancer.files, "golden/input.npy": buffer.getvalue()}
    with pytest.raises(ManifestError, match=r"golden input has shape \(2, 20, 20, 3\)"):
        self_test(replace(enhancer, files=files), open_runtime(enhancer, "enhancer"))


def test_four_sizes_of_fields_are_kept_open(finder: Bundle) -> None:
    opened: list[int] = []

    class Counting(LiteRTRuntime):
        def _open(self, shape: tuple[int, ...]) -> Any:
            opened.append(shape[2])
            return super()._open(shape)

    weights = finder.manifest.weights_for("finder", "tflite")
    runtime = Counting(finder.weights_bytes(weights), weights)
    opened.clear()
    for width_px in (8, 16, 24, 32, 8, 16, 24, 32):
        runtime.grid(draw_view(8, width_px))
    assert opened == [8, 16, 24, 32]
    # The one that was not asked for longest made room.
    for width_px in (8, 40, 8, 24, 32, 40, 16):
        runtime.grid(draw_view(8, width_px))
    assert opened == [8, 16, 24, 32, 40, 16]


def test_finder_of_other_channels_than_the_manifest_says_is_refused(finder: Bundle) -> None:
    weights = finder.manifest.weights_for("finder", "tflite")
    grey = replace(weights, inputs=(replace(weights.inputs[0], shape=(-1, -1, -1, 1)),))
    assert weights.file in refusal(lambda: LiteRTRuntime(finder.weights_bytes(weights), grey))


def test_golden_grids_find_swapped_channels(finder: Bundle) -> None:
    class Shifted(LiteRTRuntime):
        def _invoke(self, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
            return super()._invoke(np.ascontiguousarray(chunk[..., [1, 0, 2]]))

    weights = finder.manifest.weights_for("finder", "tflite")
    assert finder.manifest.finder
    runtime = Shifted(finder.weights_bytes(weights), weights)
    with pytest.raises(GoldenMismatchError, match=r"golden grid differs .* must not screen"):
        self_test(finder, runtime, finder.manifest.finder.golden)
