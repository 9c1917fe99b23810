"""What the benchmark says of real networks: what ran, each operation, cold starts, agreement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bench.agreement import FLOAT, GOLDEN, measure_agreement
from edge.bench.bare import BareOnnx, bare_of, open_bare
from edge.bench.cold import measure_cold
from edge.bench.cold_child import warm_up_of
from edge.bench.graph import macs_of, multiplies_floats, prove_device, prove_onnx, prove_tflite
from edge.bench.networks import network_of, networks_of
from edge.bench.overhead import TARGETS, measure_overhead
from edge.bench.profile import profile_onnx, profile_tflite
from edge.bench.reference import BOUND, TOOL, check_against_reference, judge_check
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.contract.errors import DataError
from edge.installed import SHIPPED_DIR, load_any, prove_any
from edge.runtimes.base import Operations, open_runtime
from edge.screening.classifier import Classifier
from tests.conftest import SHIPPED
from tests.edge.runtimes.drawn_bundles import write_bundle, write_two_label_bundle
from tests.edge.runtimes.drawn_networks import draw_onnx, draw_tflite

CELLS = SHIPPED / "malaria-cells.int8.tflite"


@pytest.fixture(scope="module")
def shipped() -> Iterator[Classifier]:
    opened = prove_any(open_bundle(SHIPPED), DeviceConfig(threads=1))
    assert isinstance(opened, Classifier)
    yield opened
    opened.close()


def test_networks_of_a_bundle_come_with_their_golden_inputs(shipped: Classifier) -> None:
    found = networks_of(shipped)
    assert [network.role for network in found] == ["classifier", "novelty", "finder"]
    for network in found:
        call, taken = network.caller(8)
        assert taken == (1 if network.role == "finder" else 8)
        call()
        assert network.on_processor


def test_enhancer_is_its_bundles_only_network() -> None:
    bundle = open_bundle(SHIPPED_DIR / "malaria-superres-1")
    opened = prove_any(bundle, DeviceConfig(threads=1))
    (network,) = networks_of(opened)
    assert (network.role, network.name) == ("enhancer", "malaria-superres-1")
    network.caller(2)[0]()
    opened.close()


def test_macs_are_counted_in_the_file() -> None:
    # By hand, of the drawn network: 2 x 2 x 3 values a kernel, 3 kernels, 8 x 8 places.
    assert macs_of(draw_tflite(3)) == 2 * 2 * 3 * 3 * 8 * 8
    assert macs_of(CELLS.read_bytes()) == 10_785_024
    assert macs_of(draw_onnx(3)) is None
    assert multiplies_floats(draw_tflite(3))
    assert not multiplies_floats(CELLS.read_bytes())


def test_delegated_operations_are_those_between_a_parts_edges(shipped: Classifier) -> None:
    first = networks_of(shipped)[0]
    found = prove_tflite("classifier", first.content, 1, first.images[:1].shape)
    assert (found.ops, found.partitions, found.delegated_ops) == (12, 1, 11)
    assert found.left_ops == ("QUANTIZE",)
    assert found.library.startswith("ai-edge-litert ")


def test_accelerators_proof_is_what_the_runtime_counted() -> None:
    found = prove_device("classifier", "litert", "edgetpu", Operations(10, 12))
    assert (found.ops, found.on_device, found.delegated_ops) == (12, 10, 10)
    assert found.library == "litert/edgetpu"


def test_operations_of_tflite_add_up_to_the_whole(shipped: Classifier) -> None:
    first = networks_of(shipped)[0]
    found = profile_tflite("classifier", first.content, 1, first.images[:1].shape)
    assert [op.kind for op in found.ops].count("CONV_2D") == 7
    assert sum(op.ms for op in found.ops) == pytest.approx(found.whole_ms, rel=1e-3)
    assert found.whole_ms > 0


def test_operations_of_onnx_are_the_sessions_own() -> None:
    bundle = open_bundle(SHIPPED)
    network = network_of(bundle, "classifier", open_runtime(bundle, names=("onnx",)))
    model = bare_of("onnx", network.content, "cells")
    found = profile_onnx("classifier", model, network.images[:1], 20)
    assert found.ops and all(op.provider == "CPUExecutionProvider" for op in found.ops)
    assert 0 < sum(op.ms for op in found.ops) <= found.whole_ms * 1.5
    proof = prove_onnx("classifier", found.ops)
    assert (proof.ops, proof.partitions, proof.delegated_ops) == (len(found.ops), 0, 0)


def test_onnx_finder_is_opened_at_the_sides_of_its_golden_field() -> None:
    content = (SHIPPED / "finder.int8.onnx").read_bytes()
    with pytest.raises(DataError, match=r"image_H.*expected a batch of fixed sides"):
        bare_of("onnx", content, "finder", 1)
    assert BareOnnx(content, "finder", 1, (48, 64, 3)).noise().shape == (1, 48, 64, 3)


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_cold_start_is_measured_in_a_child(tmp_path: Path, runtime: str) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    network = network_of(bundle, "classifier", open_runtime(bundle, names=(runtime,)))
    found = measure_cold(network, 20)
    assert found.runtime == runtime
    assert min(found.import_ms, found.open_ms, found.first_ms, found.warm_ms) > 0
    assert found.before_mb and found.open_mb and found.steady_mb and found.peak_mb
    assert found.before_mb < found.open_mb <= found.peak_mb


def test_cold_start_that_fails_says_why(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    network = network_of(bundle, "classifier", open_runtime(bundle))
    (bundle.path / "golden/cam.npy").unlink()
    with pytest.raises(DataError, match=r"cold start of drawn-1 was not measured.*cam\.npy"):
        measure_cold(network, 20)


def test_warm_up_ends_with_the_first_call_near_the_later_ones() -> None:
    assert warm_up_of([9.0, 4.0, 1.05, 1.0, 1.0, 1.0]) == (2, 1.0)
    assert warm_up_of([1.0, 1.0]) == (0, 1.0)


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_overhead_is_of_both_batches_and_small(runtime: str) -> None:
    bundle = open_bundle(SHIPPED)
    network = network_of(bundle, "classifier", open_runtime(bundle, names=(runtime,)))
    single, many = measure_overhead(network, 200)
    assert [single.batch, many.batch] == list(TARGETS)
    # The figures are in docs/benchmark.md; here, that nothing went badly wrong.
    assert 0.5 < single.ratio.value < 2
    assert single.runtime_ms.value < many.runtime_ms.value


def test_finder_has_no_overhead_row(shipped: Classifier) -> None:
    assert measure_overhead(networks_of(shipped)[2], 50) == ()


def test_golden_agreement_is_named_as_such(shipped: Classifier) -> None:
    found = measure_agreement(shipped, None)
    assert (found.kind, found.n_cells, found.calls_agree) == (GOLDEN, 16, None)
    assert "says nothing of float" in found.to


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_agreement_with_a_float_file(tmp_path: Path, suffix: str) -> None:
    bundle = write_two_label_bundle(tmp_path / "bundle")
    opened = load_any(tmp_path, DeviceConfig(bundle=str(bundle.path), threads=1))
    same, other = tmp_path / f"same.{suffix}", tmp_path / "other.onnx"
    same.write_bytes(draw_tflite(1) if suffix == "tflite" else draw_onnx(1))
    other.write_bytes(draw_onnx(3))
    found = measure_agreement(opened, same)
    assert (found.kind, found.calls_agree, found.is_parent) == (FLOAT, 1.0, False)
    assert found.n_cells == 5 and found.most_abs < 1e-3
    with pytest.raises(DataError, match="has other outputs than the bundle"):
        measure_agreement(opened, other)


def test_agreement_sees_cells_of_a_drawn_field(shipped: Classifier) -> None:
    found = measure_agreement(shipped, CELLS)
    assert found.n_cells > 60
    assert (found.mean_abs, found.calls_agree) == (0.0, 1.0)


def test_bare_models_take_batches_where_they_can(tmp_path: Path) -> None:
    content = {"any": draw_tflite(3), "single": draw_tflite(3, one_at_a_time=True)}
    taken = {name: bare_of("tflite", one, name).caller(8)[1] for name, one in content.items()}
    assert taken == {"any": 8, "single": 1}
    assert bare_of("onnx", draw_onnx(3), "any").caller(8)[1] == 8


@pytest.mark.parametrize("name", ["text.tflite", "text.onnx", "missing.tflite"])
def test_baseline_that_is_none_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(DataError, match=f"{name} cannot be opened"):
        open_bare(tmp_path / name)


def test_onnx_of_open_sides_says_what_is_expected() -> None:
    content = (SHIPPED / "finder.int8.onnx").read_bytes()
    with pytest.raises(DataError, match="expected a batch of fixed sides"):
        bare_of("onnx", content, "finder")


def test_litert_s_own_tool_says_the_same() -> None:
    found = check_against_reference(CELLS, 100, 2)
    assert found.reference == TOOL
    assert len(found.ours_ms) == len(found.reference_ms) == 2
    assert 0.3 < found.ratio < 3


def test_bound_tensors_of_onnx_say_the_same() -> None:
    found = check_against_reference(SHIPPED / "malaria-cells.int8.onnx", 100, 2)
    assert found.reference == BOUND and 0.3 < found.ratio < 3


def test_rounds_agree_where_their_ranges_meet() -> None:
    assert judge_check("m", BOUND, (1.0, 1.2), (1.1, 1.4)).agrees
    assert not judge_check("m", BOUND, (1.0, 1.05), (1.1, 1.4)).agrees
    # The tool's last digit is a hundredth.
    assert judge_check("m", TOOL, (0.096, 0.097), (0.1, 0.1)).agrees
    assert judge_check("m", TOOL, (2.0, 2.0), (1.0, 1.0)).ratio == 2


def test_tool_that_cannot_run_a_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.bench.reference.TOOL", "edge.no_such_tool")
    monkeypatch.setitem(
        __import__("edge.bench.reference", fromlist=["x"])._ROUNDING_MS, "edge.no_such_tool", 0.0
    )
    with pytest.raises(DataError, match=r"does not run .*No module named edge\.no_such_tool"):
        check_against_reference(CELLS, 20, 2)


def test_noise_fits_any_input() -> None:
    model = bare_of("onnx", draw_onnx(3), "drawn")
    assert model.noise().shape == (1, 16, 16, 3)
    assert model.takes_grey_levels is (model.noise().dtype == np.uint8)
