"""A row of a variant and of a peer, on a tiny network that is really quantised and run."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.kernels import cost_of_kernels, kernels_of, sparsity
from compress.measure import (
    Subject,
    VariantRow,
    measure,
    peer_subject,
    score_variant,
    variant_subject,
)
from compress.memory import peak_memory_mb
from compress.opened import open_model, quantise
from compress.paired import HeldOut
from compress.peers import open_peers, read_specs
from compress.quantise import describe_weights
from compress.variants import Variant
from edge.contract.errors import ConfigError, DataError
from edge.contract.images import encode_image
from edge.contract.manifest import TensorSpec
from edge.runtimes.litert import LiteRTRuntime
from tests.support.drawn_variants import (
    SIZE_PX,
    drawn_crops,
    peer_file,
    pooled,
    tiny_int8,
    tiny_network,
)
from train.batches import predict_logits
from train.datasets.base import Example
from train.models.cost import cost_of

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]

PEERS = """
[[peer]]
name = "two columns"
task = "malaria-cells"
file = "a/two.tflite"
size_px = 16
positive = "column 0"
note = "a stand-in"

[[peer]]
name = "one column"
task = "malaria-cells"
file = "one.tflite"
size_px = 16
positive = "1 - score"

[[peer]]
name = "of another task"
task = "cxr-pneumonia"
file = "not-there.tflite"
size_px = 16
positive = "score"
"""


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny_network()


@pytest.fixture(scope="module")
def int8(network: Any) -> bytes:
    return tiny_int8(network)


@pytest.fixture(scope="module")
def float32(network: Any) -> bytes:
    import tensorflow as tf

    content: bytes = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    return content


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of peers with its list beside it."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "a").mkdir()
    (folder / "a/two.tflite").write_bytes(peer_file(2))
    (folder / "one.tflite").write_bytes(peer_file(1))
    (folder / "peers.toml").write_text(PEERS)
    return folder


@pytest.fixture(scope="module")
def rows(network: Any, int8: bytes, float32: bytes, peers: Path) -> dict[str, VariantRow]:
    """Float, INT8 and a peer, measured in one run."""
    crops = drawn_crops(40)
    subjects = []
    for name, content in (("float32", float32), ("int8", int8)):
        variant = Variant(name, "tflite", content, "a note")
        held_out = HeldOut(pooled(score_variant(variant, crops, 1 / 255)))
        subjects.append(variant_subject(variant, held_out, SIZE_PX, cost=cost_of(network)))
    peer = open_peers(peers, "malaria-cells", peers / "peers.toml")[0]
    logits = peer.logits(drawn_crops(40, 16))
    subjects.append(peer_subject(peer, HeldOut(pooled(logits))))
    found = measure(subjects, "float32", runs=25, resamples=50)
    return {row.name: row for row in found}


def test_int8_scores_equal_those_of_the_device_runtime(int8: bytes) -> None:
    crops = drawn_crops(37)
    weights = describe_weights(int8, file="x", parent="", scale=1 / 255)
    expected = LiteRTRuntime(int8, weights).run(crops).logits
    found = score_variant(Variant("int8", "tflite", int8), crops, 1 / 255)
    np.testing.assert_array_equal(found, expected)


def test_float_file_is_fed_scaled_crops_and_equals_the_network(
    network: Any, float32: bytes
) -> None:
    crops = drawn_crops(20)
    found = score_variant(Variant("float32", "tflite", float32), crops, 1 / 255)
    np.testing.assert_allclose(found, predict_logits(network, crops, 1 / 255), atol=1e-5)


def test_three_classes_give_a_logit_each() -> None:
    import tensorflow as tf

    model = tiny_network(3)
    variant = Variant(
        "float32", "tflite", tf.lite.TFLiteConverter.from_keras_model(model).convert()
    )
    assert score_variant(variant, drawn_crops(5), 1 / 255).shape == (5, 3)


def test_onnx_with_a_uint8_image_equals_the_network(network: Any) -> None:
    from compress.variants import make_variant

    crops = drawn_crops(20)
    variant = make_variant("onnx-float32", network, crops, 1 / 255)
    found = score_variant(variant, crops, 1 / 255)
    np.testing.assert_allclose(found, predict_logits(network, crops, 1 / 255), atol=1e-4)
    kernels = kernels_of("onnx", variant.content, "x")
    assert cost_of_kernels(kernels).macs == cost_of(network).macs
    assert peak_memory_mb("onnx", variant.content, SIZE_PX, "x")


@pytest.mark.parametrize(
    ("dtype", "zero_point", "expected"),
    [("uint8", 0, [0, 51, 255]), ("int8", -128, [-128, -77, 127]), ("uint8", 255, [255] * 3)],
)
def test_crops_are_quantised_as_the_input_asks(
    dtype: str, zero_point: int, expected: list[int]
) -> None:
    crops = np.array([0, 51, 255], np.uint8)
    spec = TensorSpec("image", (3,), dtype, 0, 1 / 255, zero_point)
    found = quantise(crops, 1 / 255, spec)
    assert found.dtype == dtype
    assert found.tolist() == expected


def test_row_holds_what_the_file_is(rows: dict[str, VariantRow], int8: bytes, network: Any) -> None:
    row = rows["int8"]
    assert (row.bytes, row.zipped_bytes) == (len(int8), len(zlib.compress(int8, 9)))
    assert (row.parameters, row.macs) == (cost_of(network).parameters, cost_of(network).macs)
    assert (row.format, row.note, row.threshold) == ("tflite", "a note", 0.5)


def test_row_figures_are_of_the_scores(rows: dict[str, VariantRow]) -> None:
    assert rows["float32"].auc_difference is None
    row = rows["int8"]
    assert row.auc_difference is not None
    difference = row.auc.value - rows["float32"].auc.value
    assert row.auc_difference.value == pytest.approx(difference, abs=2e-5)
    assert rows["two columns"].auc_difference is not None
    assert (row.auc.n, row.auc.n_groups) == (40, 10)


def test_row_times_are_an_image_and_memory_is_there(rows: dict[str, VariantRow]) -> None:
    for row in rows.values():
        assert 0 < row.batch_1.p50_ms <= row.batch_1.p95_ms
        # A time of the whole batch would be some thirty times as long.
        assert row.batch_32.p50_ms < 12 * row.batch_1.p50_ms
        assert row.peak_mb is not None and 0 < row.peak_mb < 500


def test_memory_grows_with_the_input(float32: bytes) -> None:
    small = peak_memory_mb("tflite", float32, SIZE_PX, "x")
    large = peak_memory_mb("tflite", peer_file(2, 192), 192, "y")
    # 32 images of 192 px in float are 14 MB.
    assert small is not None and large is not None and large > small + 10


def test_memory_of_a_file_that_does_not_run_is_refused() -> None:
    with pytest.raises(DataError, match=r"memory of broken was not measured.*cannot be opened"):
        peak_memory_mb("tflite", b"no model", SIZE_PX, "broken")


def test_cost_of_a_file_equals_that_of_its_network(network: Any, int8: bytes) -> None:
    found = cost_of_kernels(kernels_of("tflite", int8, "x"))
    assert found.macs == cost_of(network).macs
    # Norms are folded: a bias for each channel in place of gamma and beta.
    assert found.parameters == cost_of(network).parameters - (8 + 12)


def test_sparsity_is_the_share_of_zeros_in_kernels() -> None:
    model = tiny_network()
    kernel, *rest = model.layers[1].get_weights()
    kernel[:, :, :, ::2] = 0
    model.layers[1].set_weights([kernel, *rest])
    total = sum(np.prod(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel"))
    float16 = _float16(model)
    assert sparsity(kernels_of("tflite", float16, "x")) == pytest.approx(kernel.size / 2 / total)
    found = sparsity(kernels_of("tflite", tiny_int8(model), "x"))
    assert found is not None and kernel.size / 2 / total <= found < kernel.size / 2 / total + 0.05


def _float16(model: Any) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def test_peer_logits_are_of_the_positive_label(peers: Path, tmp_path: Path) -> None:
    two, one = open_peers(peers, "malaria-cells", peers / "peers.toml")
    crops = drawn_crops(6, 16)
    for peer, positive in ((two, 0), (one, None)):
        raw = open_model("tflite", peer.content, "x").score(crops, 1 / 255)
        probability = raw[:, 0] if positive == 0 else 1 - raw[:, 0]
        found = 1 / (1 + np.exp(-peer.logits(crops).astype(float)))
        np.testing.assert_allclose(found, probability, atol=1e-6)
    image = tmp_path / "cell.png"
    image.write_bytes(encode_image(drawn_crops(2, 40)[1]))
    scores = two.score([Example("cell", image, 1, "P1")])
    assert (scores.name.tolist(), scores.patient.tolist()) == (["cell"], ["P1"])


def test_list_of_peers_that_ships_is_read() -> None:
    assert {spec.size_px for spec in read_specs()} == {44, 128}


def test_peers_that_cannot_be_used_are_refused(peers: Path, tmp_path: Path) -> None:
    specs = peers / "peers.toml"
    with pytest.raises(ConfigError, match=r"two\.tflite is missing: .* needs two columns"):
        open_peers(tmp_path, "malaria-cells", specs)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/two.tflite").write_bytes(b"no model")
    with pytest.raises(DataError, match="peer two columns cannot be opened"):
        open_peers(tmp_path, "malaria-cells", specs)
    peer = open_peers(peers, "malaria-cells", specs)[1]
    wrong = replace(peer, spec=replace(peer.spec, positive="column 1"))
    with pytest.raises(DataError, match="gives 1 values a crop"):
        wrong.logits(drawn_crops(2, 16))
    for text, message in (
        ("[[peer]]\nname = 'x'", "lacks"),
        ("peer = [", "cannot be used"),
        (PEERS.replace("column 0", "column 7"), "positive = 'column 7'; known: column 0"),
    ):
        (tmp_path / "peers.toml").write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_specs(tmp_path / "peers.toml")


def test_files_that_cannot_be_measured_are_refused(int8: bytes) -> None:
    with pytest.raises(ConfigError, match="x is of format 'pickle'; known: onnx, tflite"):
        open_model("pickle", b"", "x")
    with pytest.raises(DataError, match="x cannot be opened"):
        open_model("onnx", b"no model", "x")
    for format in ("tflite", "onnx"):
        with pytest.raises(DataError, match="weights of x cannot be read"):
            kernels_of(format, b"no model, but long enough to be one", "x")
    with pytest.raises(DataError, match=r"outputs of ranks \[4\]; expected one image and one"):
        open_model("tflite", _without_score(), "x")
    subject = Subject("int8", "tflite", int8, HeldOut(pooled(np.zeros(8))), SIZE_PX)
    with pytest.raises(ConfigError, match="the reference is 'float32', and what is measured"):
        measure([subject], "float32")
    with pytest.raises(ConfigError, match="give every one another name"):
        measure([subject, subject], "int8")


def _without_score() -> bytes:
    import tensorflow as tf
    import tf_keras

    model = tiny_network()
    only_map = tf_keras.Model(model.inputs, model.output["cam"])
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(only_map).convert()
    return content
