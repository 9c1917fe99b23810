"""Networks on a delegate pass the suite of all runtimes; and so do those on a provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.bundle import Bundle
from edge.contract.errors import DeviceLostError, RuntimeUnavailableError
from edge.contract.manifest import Weights
from edge.runtimes.base import Device, Operations, Runtime, open_network
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime, count_operations
from edge.selftest import self_test
from tests.edge.accelerators.drawn_delegate import NAME, drawn_device
from tests.edge.runtimes.contract import FinderContract, RuntimeContract, refusal
from tests.edge.runtimes.drawn_bundles import write_bundle, write_two_label_bundle
from tests.support.drawn_finder import write_finder_bundle

# A provider that ONNX Runtime's builds all have; it computes no operation of these networks.
REMOTE = Device("azure", "AzureExecutionProvider")


@pytest.fixture(scope="module", params=["two", "three"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    write = {"two": write_two_label_bundle, "three": write_bundle}[request.param]
    return write(tmp_path_factory.mktemp("drawn") / request.param)


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_finder_bundle(tmp_path_factory.mktemp("drawn") / "finder")


class OnDelegate:
    """Makes each network on the drawn delegate."""

    format, accelerator = "tflite", NAME
    library: Path

    @pytest.fixture(autouse=True)
    def _library(self, library: Path) -> None:
        self.library = library

    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime:
        device = drawn_device(self.library)
        return LiteRTRuntime(model, weights, threads=threads, device=device)


class TestDelegate(OnDelegate, RuntimeContract):
    """Scores."""


class TestDelegateFinder(OnDelegate, FinderContract):
    """Grids of images of any size."""


class TestProvider(RuntimeContract):
    format, accelerator = "onnx", "azure"

    def make(self, model: bytes, weights: Weights, threads: int) -> Runtime:
        return OnnxRuntime(model, weights, threads=threads, device=REMOTE)


@pytest.mark.parametrize(("role", "total"), [("classifier", 12), ("finder", 16)])
def test_share_of_the_delegate_is_counted(
    shipped: Bundle, library: Path, role: str, total: int
) -> None:
    runtime = open_network(shipped, role, "litert", device=drawn_device(library))
    assert (runtime.accelerator, runtime.operations) == (NAME, Operations(1, total))


def test_processor_has_no_share(shipped: Bundle) -> None:
    assert open_network(shipped, "classifier", "litert").operations is None


def test_delegate_that_takes_nothing_is_refused(shipped: Bundle, library: Path) -> None:
    device = drawn_device(library, "idle")
    said = refusal(lambda: open_network(shipped, "classifier", "litert", device=device))
    assert "takes none of the 12 operations" in said


def test_delegate_that_refuses_says_why(shipped: Bundle, library: Path) -> None:
    device = drawn_device(library, "refuse")
    said = refusal(lambda: open_network(shipped, "classifier", "litert", device=device))
    assert f"{NAME} refuses to load" in said and "no device is attached" in said


def test_library_that_is_none_is_refused(shipped: Bundle, tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for path in (tmp_path / "text.so", tmp_path / "none.so"):
        said = refusal(
            lambda path=path: open_network(
                shipped, "classifier", "litert", device=Device("own", str(path))
            )
        )
        assert "own refuses to load" in said and str(path) in said


def test_call_that_fails_is_a_device_lost(shipped: Bundle, library: Path) -> None:
    runtime = open_network(
        shipped, "classifier", "litert", device=drawn_device(library, "lost", after=2)
    )
    cells = shipped.array("golden/input.npy").astype("u1")
    runtime.run(cells[:2])
    said = r"failed on litert/delegate .* the device is gone; Node number \d+"
    with pytest.raises(DeviceLostError, match=said):
        runtime.run(cells[:1])


def test_provider_that_is_absent_is_refused(shipped: Bundle) -> None:
    for provider in ("CUDAExecutionProvider", "TensorrtExecutionProvider", "NoSuchProvider"):
        device = Device("fast", provider)
        said = refusal(
            lambda device=device: open_network(shipped, "classifier", "onnx", device=device)
        )
        assert f"has no {provider} here, but" in said and "install its build for fast" in said
        weights = shipped.manifest.weights_for("classifier", "onnx")
        with pytest.raises(RuntimeUnavailableError, match="has no"):
            count_operations(shipped.weights_bytes(weights), weights, device)


@pytest.mark.parametrize("role", ["classifier", "novelty", "finder"])
def test_share_of_a_provider_is_what_its_profile_says(shipped: Bundle, role: str) -> None:
    weights = shipped.manifest.weights_for(role, "onnx")
    content = shipped.weights_bytes(weights)
    found = count_operations(content, weights, REMOTE)
    assert found.on_device == 0 and found.total > 5


def test_provider_gives_the_golden_tensors(shipped: Bundle) -> None:
    runtime = open_network(shipped, "classifier", "onnx", device=REMOTE)
    assert runtime.accelerator == "azure"
    assert self_test(shipped, runtime).n_cells == 16
