"""LiteRT gives the golden answers, in any batch, from any thread; and says why when it cannot."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import GoldenMismatchError, RuntimeUnavailableError
from edge.contract.manifest import TensorSpec
from edge.contract.types import U8Array
from edge.runtimes.base import Scores, open_runtime
from edge.runtimes.chunks import dequantise, from_grey_levels
from edge.runtimes.litert import LiteRTRuntime
from edge.selftest import self_test
from tests.conftest import SHIPPED


def test_dequantise_widens_before_it_subtracts() -> None:
    spec = TensorSpec("logit", (-1, 1), "int8", 0, 0.5, 100)
    values = np.array([-128, 127], np.int8)
    assert dequantise(values, spec).tolist() == [-114.0, 13.5]


def test_shipped_bundle_passes_its_golden_tensors() -> None:
    bundle = open_bundle(SHIPPED)
    passed = self_test(bundle, open_runtime(bundle))
    assert passed.n_cells == 16
    assert passed.differences.keys() == {"logit", "cam"}
    assert all(passed.differences[name] <= passed.tolerances[name] for name in passed.differences)


class ReferenceKernels(LiteRTRuntime):
    """TFLite's plain C++ kernels: the nearest here to another processor's rounding."""

    name = "litert-reference"

    def run(self, batch: U8Array) -> Scores:
        parts = [self._single(cell[None]) for cell in batch]
        return Scores(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.cams for part in parts]),
        )

    def _single(self, cell: U8Array) -> Scores:
        interpreter = Interpreter(
            model_content=self._model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        levels = from_grey_levels(cell, self.weights.inputs[0])
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], levels)
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        logit, cam = (
            interpreter.get_tensor(outputs[self.weights.output(name).index]["index"])
            for name in ("logit", "cam")
        )
        return Scores(logit.reshape(-1), cam.reshape(-1, 6, 6))


class SwappedChannels(LiteRTRuntime):
    """A runtime that takes BGR for RGB: the classic mistake that a self-test has to find."""

    def run(self, batch: U8Array) -> Scores:
        return super().run(np.ascontiguousarray(batch[..., ::-1]))


def opened_as(kind: type[LiteRTRuntime]) -> tuple[Bundle, LiteRTRuntime]:
    bundle = open_bundle(SHIPPED)
    weights = bundle.manifest.weights[0]
    return bundle, kind(bundle.weights_bytes(weights), weights)


def test_golden_tensors_forgive_another_processors_rounding() -> None:
    passed = self_test(*opened_as(ReferenceKernels))
    # Different kernels really ran, and half of what is allowed is left.
    assert 0 < passed.differences["cam"] <= passed.tolerances["cam"] / 2
    assert 0 < passed.differences["logit"] <= passed.tolerances["logit"] / 2


def test_golden_tensors_find_swapped_channels() -> None:
    with pytest.raises(GoldenMismatchError, match="must not screen"):
        self_test(*opened_as(SwappedChannels))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_batches_give_what_single_cells_give(count: int) -> None:
    bundle = open_bundle(SHIPPED)
    runtime = open_runtime(bundle, threads=2)
    cells = np.resize(bundle.array("golden/input.npy"), (count, 96, 96, 3)).astype(np.uint8)
    scores = runtime.run(cells)
    assert scores.logits.shape == (count,)
    assert scores.cams.shape == (count, 6, 6)
    for index in range(count):
        single = runtime.run(cells[index : index + 1])
        assert np.array_equal(single.logits, scores.logits[index : index + 1])


def test_map_and_logit_come_from_the_same_pass() -> None:
    bundle = open_bundle(SHIPPED)
    scores = open_runtime(bundle).run(bundle.array("golden/input.npy").astype(np.uint8))
    assert np.abs(scores.cams.mean(axis=(1, 2)) - scores.logits).max() < 0.1


def test_threads_share_one_runtime() -> None:
    bundle = open_bundle(SHIPPED)
    runtime = open_runtime(bundle)
    cells = bundle.array("golden/input.npy").astype(np.uint8)
    expected = runtime.run(cells).logits
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: runtime.run(cells), range(40)):
            assert np.array_equal(scores.logits, expected)


def test_altered_golden_tensor_refuses_to_screen(bundle_copy: Path) -> None:
    path = bundle_copy / "golden/logit.npy"
    np.save(path, np.load(path) + 1)
    manifest = json.loads((bundle_copy / "manifest.json").read_text())
    manifest["files"]["golden/logit.npy"] = sha256(path.read_bytes()).hexdigest()
    (bundle_copy / "manifest.json").write_text(json.dumps(manifest))
    bundle = open_bundle(bundle_copy)
    with pytest.raises(GoldenMismatchError, match="must not screen"):
        self_test(bundle, open_runtime(bundle))


def test_unknown_runtime_says_which_are_known() -> None:
    with pytest.raises(RuntimeUnavailableError, match="abacus: unknown; this program knows litert"):
        open_runtime(open_bundle(SHIPPED), names=["abacus"])


def test_damaged_model_carries_the_failure() -> None:
    bundle = open_bundle(SHIPPED)
    name = bundle.manifest.weights[0].file
    broken = replace(bundle, files={**bundle.files, name: b"no model"})
    with pytest.raises(RuntimeUnavailableError, match="LiteRT refuses"):
        open_runtime(broken, names=["litert"])
