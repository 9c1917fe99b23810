"""What every runtime promises of scores, pictures and grids; a test writes only how to make one.

It needs no pytest, so that an environment with another NumPy can run it, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError, ClinicScopeError, RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.contract.residual import bicubic
from edge.runtimes.base import RUNTIMES, Runtime, open_runtime, open_runtimes
from edge.selftest import GREY_LEVELS, self_test
from tests.edge.runtimes.drawn_networks import draw_cells, expected_scores
from tests.support.drawn_enhancer import (
    draw_onnx_enhancer,
    draw_pictures,
    expected_pictures,
)
from tests.support.drawn_finder import draw_view, expected_grid

CLOSE = 1e-3
# Heights and widths of fields: more than a runtime keeps open.
SIDES = ((32, 32), (64, 96), (96, 64), (40, 136), (8, 8), (136, 40))


def refusal(
    call: Callable[[], object], kind: type[ClinicScopeError] = RuntimeUnavailableError
) -> str:
    """The message of a refusal that must come."""
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError("nothing was refused")


class RuntimeContract(ABC):
    """Every runtime runs these, on drawn bundles of two labels and of three."""

    format: str
    accelerator = "cpu"

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

    def test_scores_are_no_pictures_and_no_grid(self, bundle: Bundle) -> None:
        runtime = self.opened(bundle)
        said = refusal(lambda: runtime.enlarge(draw_cells(1)), BundleError)
        assert "makes no pictures larger" in said
        said = refusal(lambda: runtime.grid(draw_cells(1)[0]), BundleError)
        assert "finds no cells" in said

    def test_it_is_registered_and_says_what_it_runs(self, bundle: Bundle) -> None:
        runtime = self.opened(bundle, threads=2)
        assert RUNTIMES[runtime.name][1] == self.format == runtime.weights.format
        assert runtime.threads == 2
        assert runtime.accelerator.startswith(self.accelerator)
        assert type(open_runtime(bundle, names=[runtime.name])) is type(runtime)


class EnhancerContract(ABC):
    """Every runtime runs these on the drawn enhancer, whose tensors are int8 or uint8."""

    format: str

    @abstractmethod
    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime: ...

    def opened(self, bundle: Bundle, threads: int = 1) -> Runtime:
        weights = bundle.manifest.weights_for("enhancer", self.format)
        return self.make(bundle.weights_bytes(weights), weights, threads)

    def test_pictures_are_those_of_the_arithmetic(self, enhancer: Bundle) -> None:
        pictures = draw_pictures(5)
        found, expected = self.opened(enhancer).enlarge(pictures), expected_pictures(pictures)
        assert found.dtype == np.uint8 and found.shape == expected.shape
        # A half may be rounded either way.
        assert np.abs(found.astype(int) - expected).max() <= 1

    def test_every_grey_level_comes_through(self, enhancer: Bundle) -> None:
        levels = np.arange(256, dtype=np.uint8)
        flat = np.broadcast_to(levels[:, None, None, None], (256, 16, 16, 3)).copy()
        middle = self.opened(enhancer).enlarge(flat)[:, 16, 16]
        assert np.array_equal(middle, np.stack([levels] * 3, axis=1))

    def test_pictures_of_any_number_are_those_of_each_alone(self, enhancer: Bundle) -> None:
        runtime, pictures = self.opened(enhancer, threads=2), draw_pictures(17)
        singles = [runtime.enlarge(pictures[index : index + 1]) for index in range(17)]
        for count in (0, 1, 3, 17):
            found = runtime.enlarge(pictures[:count])
            assert found.shape == (count, 32, 32, 3) and found.dtype == np.uint8
            assert all(map(np.array_equal, found, (single[0] for single in singles)))

    def test_input_is_left_as_it_was(self, enhancer: Bundle) -> None:
        pictures = draw_pictures(2)
        self.opened(enhancer).enlarge(pictures)
        assert np.array_equal(pictures, draw_pictures(2))

    def test_golden_pictures_come_out(self, enhancer: Bundle) -> None:
        passed = self_test(enhancer, self.opened(enhancer))
        assert (passed.n_cells, passed.unit) == (3, GREY_LEVELS)
        assert passed.differences["image"] <= 1

    def test_threads_share_one_enhancer(self, enhancer: Bundle) -> None:
        runtime, pictures = self.opened(enhancer), draw_pictures(4)
        expected = runtime.enlarge(pictures)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: runtime.enlarge(pictures), range(20)):
                assert np.array_equal(found, expected)

    def test_closed_enhancer_ends(self, enhancer: Bundle) -> None:
        runtime = self.opened(enhancer)
        runtime.close()
        assert "was closed" in refusal(lambda: runtime.enlarge(draw_pictures(1)))

    def test_pictures_are_no_scores_and_no_grid(self, enhancer: Bundle) -> None:
        runtime = self.opened(enhancer)
        assert "gives no scores" in refusal(lambda: runtime.run(draw_pictures(1)), BundleError)
        assert "finds no cells" in refusal(lambda: runtime.grid(draw_pictures(1)[0]), BundleError)

    def test_tensors_that_are_no_grey_levels_are_refused(self, enhancer: Bundle) -> None:
        weights = enhancer.manifest.weights_for("enhancer", self.format)
        others: list[dict[str, Any]] = [
            {"dtype": "float32"},
            {"scale": 1 / 128},
            {"dtype": "int8", "scale": 1 / 255, "zero_point": 0},
            {"dtype": "uint8", "scale": 1 / 255, "zero_point": 3},
        ]
        for changes in others:
            for side in ("inputs", "outputs"):
                tensor = replace(getattr(weights, side)[0], **changes)
                other = replace(weights, **{side: (tensor,)})
                said = refusal(
                    lambda other=other: self.make(enhancer.weights_bytes(weights), other, 1)
                )
                assert "the device has grey levels" in said, changes

    def residual(self, bundle: Bundle, **changes: Any) -> tuple[bytes, Weights]:
        """The drawn enhancer with its answer less 128 read as what bicubic lacks."""
        weights = bundle.manifest.weights_for("enhancer", self.format)
        of_onnx = self.format == "onnx"
        content = draw_onnx_enhancer("residual") if of_onnx else bundle.weights_bytes(weights)
        zero = None if of_onnx else 0
        tensor = replace(weights.outputs[0], name="residual", zero_point=zero)
        return content, replace(weights, outputs=(replace(tensor, **changes),))

    def test_residuals_are_added_to_bicubic(self, enhancer: Bundle) -> None:
        pictures = draw_pictures(3)
        found = self.make(*self.residual(enhancer), 1).enlarge(pictures)
        lacking = expected_pictures(pictures).astype(int) - 128
        summed = np.stack([bicubic(picture) for picture in pictures]) + lacking
        # A half may be rounded either way.
        assert np.abs(found.astype(int) - np.clip(summed, 0, 255)).max() <= 1
        single = self.make(*self.residual(enhancer), 1).enlarge(pictures[:1])
        assert np.array_equal(single, found[:1])

    def test_residuals_that_are_no_grey_levels_are_refused(self, enhancer: Bundle) -> None:
        for changes in ({"scale": 1 / 128}, {"dtype": "float32"}, {"zero_point": -128}):
            said = refusal(
                lambda changes=changes: self.make(*self.residual(enhancer, **changes), 1)
            )
            assert "zero point 0, or uint8 of 128" in said, changes

    def test_bytes_of_the_other_kind_are_refused(self, enhancer: Bundle) -> None:
        weights = enhancer.manifest.weights_for("enhancer", self.format)
        kind, zero = ("uint8", 0) if self.format == "tflite" else ("int8", -128)
        tensor = replace(weights.inputs[0], dtype=kind, scale=1 / 255, zero_point=zero)
        other = replace(weights, inputs=(tensor,))
        said = refusal(lambda: self.make(enhancer.weights_bytes(weights), other, 1))
        assert f"the manifest says {kind}" in said

    def test_it_opens_by_name(self, enhancer: Bundle) -> None:
        runtime = self.opened(enhancer)
        found = open_runtime(enhancer, "enhancer", names=[runtime.name])
        assert type(found) is type(runtime)


class FinderContract(ABC):
    """Every runtime runs these on the drawn finder, which takes images of any size."""

    format: str

    @abstractmethod
    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime: ...

    def opened(self, bundle: Bundle, threads: int = 1) -> Runtime:
        weights = bundle.manifest.weights_for("finder", self.format)
        return self.make(bundle.weights_bytes(weights), weights, threads)

    def test_grids_of_any_size_are_those_of_the_arithmetic(self, finder: Bundle) -> None:
        runtime = self.opened(finder, threads=2)
        # Twice over: each size is asked for again after all others.
        for height_px, width_px in SIDES * 2:
            image = draw_view(height_px, width_px)
            found, expected = runtime.grid(image), expected_grid(image)
            assert found.dtype == np.float32 and found.shape == expected.shape
            assert np.abs(found - expected).max() < CLOSE, (height_px, width_px)

    def test_grid_leaves_its_image_as_it_was(self, finder: Bundle) -> None:
        image = draw_view(64, 96)
        self.opened(finder).grid(image)
        assert np.array_equal(image, draw_view(64, 96))

    def test_earlier_grids_stay_as_they_were(self, finder: Bundle) -> None:
        runtime, image = self.opened(finder), draw_view(64, 96)
        first = runtime.grid(image)
        runtime.grid(draw_view(64, 96, seed=1))
        assert np.array_equal(first, runtime.grid(image))

    def test_golden_grid_comes_out(self, finder: Bundle) -> None:
        assert finder.manifest.finder
        passed = self_test(finder, self.opened(finder), finder.manifest.finder.golden)
        assert passed.n_cells == 1 and passed.differences.keys() == {"grid"}

    def test_threads_share_one_finder(self, finder: Bundle) -> None:
        runtime = self.opened(finder)
        images = [draw_view(*sides) for sides in SIDES]
        expected = [runtime.grid(image) for image in images]
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: [runtime.grid(image) for image in images], range(8)):
                assert all(map(np.array_equal, found, expected))

    def test_closed_finder_ends(self, finder: Bundle) -> None:
        runtime = self.opened(finder)
        runtime.grid(draw_view(64, 96))
        runtime.close()
        runtime.close()
        assert "was closed" in refusal(lambda: runtime.grid(draw_view(64, 96)))

    def test_a_grid_is_no_scores_and_no_pictures(self, finder: Bundle) -> None:
        runtime = self.opened(finder)
        said = refusal(lambda: runtime.run(draw_cells(1)), BundleError)
        assert "finds cells; it gives no scores" in said
        said = refusal(lambda: runtime.enlarge(draw_cells(1)), BundleError)
        assert "makes no pictures larger" in said

    def test_damaged_finder_is_refused_by_name(self, finder: Bundle) -> None:
        weights = finder.manifest.weights_for("finder", self.format)
        for data in (b"no model", b""):
            assert weights.file in refusal(lambda data=data: self.make(data, weights, 1))

    def test_finder_that_takes_no_bytes_is_refused(self, finder: Bundle) -> None:
        weights = finder.manifest.weights_for("finder", self.format)
        other = replace(weights, inputs=(replace(weights.inputs[0], dtype="float32"),))
        said = refusal(lambda: self.make(finder.weights_bytes(weights), other, 1))
        assert "takes float32 images" in said

    def test_finder_opens_by_name_beside_the_classifier(self, finder: Bundle) -> None:
        runtime = self.opened(finder)
        roles = ("classifier", "finder")
        opened = open_runtimes(finder, roles, names=[runtime.name])
        assert [type(one) for one in opened] == [type(runtime)] * 2
        assert [one.weights.role for one in opened] == list(roles)


def contract_tests(suite: type = RuntimeContract) -> list[str]:
    """Names of a suite's tests."""
    return [name for name in vars(suite) if name.startswith("test_")]


def _n_outputs(bundle: Bundle) -> int:
    return bundle.manifest.weights[0].output("logit").shape[-1]
