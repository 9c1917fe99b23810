"""What every runtime promises; a runtime's test writes only how to make it.

It needs no pytest, so that an environment with another NumPy can run it, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.base import RUNTIMES, Runtime, open_runtime
from edge.selftest import self_test
from tests.edge.runtimes.drawn_networks import draw_cells, expected_scores

CLOSE = 1e-3


def refusal(call: Callable[[], object]) -> str:
    """The message of a refusal that must come."""
    try:
        call()
    except RuntimeUnavailableError as error:
        return str(error)
    raise AssertionError("nothing was refused")


class RuntimeContract(ABC):
    """Every runtime runs these, on drawn bundles of two labels and of three."""

    format: str

    @abstractmethod
    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime: ...

    def opened(self, bundle: Bundle, threads: int = 1) -> Runtime:
        weights = bundle.manifest.weights_for("classifier", self.format)
        return self.make(bundle.weights_bytes(weights), weights, threads)

    def test_scores_are_those_of_the_arithmetic(self, bundle: Bundle) -> None:
        cells, n_outputs = draw_cells(20), _n_outputs(bundle)
        found, expected = self.opened(bundle).run(cells), expected_scores(cells, n_outputs)
        assert found.logits.dtype == found.cams.dtype == np.float32
        assert found.logits.shape == expected.logits.shape
        assert found.cams.shape == expected.cams.shape
        assert np.abs(found.logits - expected.logits).max() < CLOSE
        assert np.abs(found.cams - expected.cams).max() < CLOSE

    def test_batches_of_any_size_give_what_single_cells_give(self, bundle: Bundle) -> None:
        runtime = self.opened(bundle, threads=2)
        cells = draw_cells(40)
        singles = [runtime.run(cells[index : index + 1]).logits for index in range(len(cells))]
        for count in (1, 15, 16, 17, 40):
            found = runtime.run(cells[:count]).logits
            assert np.abs(found - np.concatenate(singles[:count])).max() < CLOSE, count

    def test_no_cell_gives_no_score(self, bundle: Bundle) -> None:
        n_outputs = _n_outputs(bundle)
        found = self.opened(bundle).run(draw_cells(0))
        expected = expected_scores(draw_cells(0), n_outputs)
        assert found.logits.shape == expected.logits.shape
        assert found.cams.shape == expected.cams.shape

    def test_golden_tensors_come_out(self, bundle: Bundle) -> None:
        passed = self_test(bundle, self.opened(bundle))
        assert passed.n_cells == 5
        assert passed.differences.keys() == {"logit", "cam"}

    def test_threads_share_one_runtime(self, bundle: Bundle) -> None:
        runtime, cells = self.opened(bundle), draw_cells(20)
        expected = runtime.run(cells).logits
        with ThreadPoolExecutor(4) as pool:
            for scores in pool.map(lambda _: runtime.run(cells), range(20)):
                assert np.array_equal(scores.logits, expected)

    def test_close_may_be_called_twice_and_ends_it(self, bundle: Bundle) -> None:
        runtime = self.opened(bundle)
        runtime.close()
        runtime.close()
        assert "was closed" in refusal(lambda: runtime.run(draw_cells(1)))

    def test_damaged_model_is_refused_by_name(self, bundle: Bundle) -> None:
        weights = bundle.manifest.weights_for("classifier", self.format)
        for data in (b"no model", b""):
            assert weights.file in refusal(lambda data=data: self.make(data, weights, 1))

    def test_network_that_takes_no_bytes_is_refused(self, bundle: Bundle) -> None:
        weights = bundle.manifest.weights_for("classifier", self.format)
        other = replace(weights, inputs=(replace(weights.inputs[0], dtype="float32"),))
        said = refusal(lambda: self.make(bundle.weights_bytes(weights), other, 1))
        assert "takes float32 images" in said

    def test_it_is_registered_and_says_what_it_runs(self, bundle: Bundle) -> None:
        runtime = self.opened(bundle, threads=2)
        assert RUNTIMES[runtime.name][1] == self.format == runtime.weights.format
        assert runtime.threads == 2
        assert runtime.accelerator.startswith("cpu")
        assert type(open_runtime(bundle, names=[runtime.name])) is type(runtime)


def contract_tests() -> list[str]:
    """Names of the suite's tests."""
    return [name for name in vars(RuntimeContract) if name.startswith("test_")]


def _n_outputs(bundle: Bundle) -> int:
    return bundle.manifest.weights[0].output("logit").shape[-1]
