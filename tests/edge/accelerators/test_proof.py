"""A delegate that crashes, hangs or errs does so in a child process, and the reason comes back."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from edge.accelerators.opening import Network, Way, networks_of, open_proven
from edge.accelerators.proof import prove
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import BundleError, GoldenMismatchError, RuntimeUnavailableError
from edge.runtimes.base import Device
from tests.edge.accelerators.drawn_delegate import NAME, drawn_way
from tests.edge.runtimes.drawn_bundles import write_bundle

ROLES = ("classifier", "novelty", "finder")
LONG_S = 120.0


def networks(bundle: Bundle) -> tuple[Network, ...]:
    return networks_of(bundle, ROLES)


def test_sound_delegate_is_proven(shipped: Bundle, library: Path) -> None:
    proof = prove(networks(shipped), drawn_way(library), LONG_S)
    # The second opinion sorts its map, which a delegate of fixed sizes cannot take.
    assert proof.operations == {"classifier": (1, 12), "novelty": (0, 0), "finder": (1, 16)}
    assert proof.batch_ms and proof.batch_ms > 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "refuses to load: .* no device is attached"),
        ("crash", r"litert/delegate libdrawn.so crashed with SIGABRT \(it loads"),
        ("die", r"crashed with SIGABRT \(it loads"),
        ("idle", "takes none of the 12 operations"),
        ("lost", "failed on litert/delegate libdrawn.so: the device is gone"),
    ],
)
def test_delegate_that_fails_is_refused(
    shipped: Bundle, library: Path, fault: str, reason: str
) -> None:
    with pytest.raises(RuntimeUnavailableError, match=reason):
        prove(networks(shipped), drawn_way(library, fault), LONG_S)


def test_wrong_answers_are_found(shipped: Bundle, library: Path) -> None:
    with pytest.raises(GoldenMismatchError, match=r"golden logit differs .* must not screen"):
        prove(networks(shipped), drawn_way(library, "wrong"), LONG_S)


@pytest.mark.parametrize("fault", ["hang", "stuck"])
def test_delegate_that_hangs_is_given_up(shipped: Bundle, library: Path, fault: str) -> None:
    started = time.monotonic()
    with pytest.raises(RuntimeUnavailableError, match="gave no answer within 3 s"):
        prove(networks(shipped), drawn_way(library, fault), 3.0)
    assert time.monotonic() - started < 30


def test_long_build_is_not_silent(shipped: Bundle, library: Path) -> None:
    """Takes as long as it takes until something is said."""
    said: list[str] = []
    with pytest.raises(RuntimeUnavailableError, match="gave no answer"):
        prove(networks(shipped), drawn_way(library, "hang"), 11.5, said.append)
    assert len(said) == 1
    assert "s so far, at most 12 s; the first time takes longest" in said[0]


def test_provider_that_computes_nothing_is_refused(shipped: Bundle) -> None:
    way = Way("onnx", 1, Device("azure", "AzureExecutionProvider"))
    with pytest.raises(RuntimeUnavailableError, match="onnx/azure takes no operation"):
        prove(networks(shipped), way, LONG_S)


def test_provider_that_is_absent_is_refused(shipped: Bundle) -> None:
    way = Way("onnx", 1, Device("cuda", "NoSuchProvider"))
    with pytest.raises(RuntimeUnavailableError, match="has no NoSuchProvider here"):
        prove(networks(shipped), way, LONG_S)


def test_bundle_that_changed_on_the_disk_is_not_proven(library: Path, bundle_copy: Path) -> None:
    bundle = open_bundle(bundle_copy)
    shutil.rmtree(bundle_copy)
    write_bundle(bundle_copy)
    with pytest.raises((BundleError, RuntimeUnavailableError), match="was changed since"):
        prove(networks(bundle), drawn_way(library), LONG_S)


def test_plain_processor_is_not_proven_elsewhere(shipped: Bundle) -> None:
    with pytest.raises(ValueError, match="in this process"):
        prove(networks(shipped), Way("litert"), LONG_S)


def test_edge_tpu_needs_a_compiled_network(shipped: Bundle, library: Path) -> None:
    way = Way("litert", 1, Device("edgetpu", str(library)))
    with pytest.raises(
        RuntimeUnavailableError, match="make one with `clinicscope compress edgetpu`"
    ):
        open_proven(networks(shipped), way)


def test_networks_open_where_the_device_takes_them(shipped: Bundle, library: Path) -> None:
    first, second, finder = open_proven(networks(shipped), drawn_way(library))
    assert (first.accelerator, finder.accelerator) == (NAME, NAME)
    assert second.accelerator.startswith("cpu")
    named = networks(shipped)
    plain, _, finder = open_proven(named, drawn_way(library), named[:1])
    assert plain.accelerator.startswith("cpu") and finder.accelerator == NAME
