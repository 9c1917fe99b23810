"""On a device: the accelerator that CLINICSCOPE_ACCELERATOR names serves the bundle.

    CLINICSCOPE_ACCELERATOR=edgetpu CLINICSCOPE_BUNDLE=bundle-with-edgetpu \\
        pytest -m hardware tests/edge/accelerators
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge.accelerators import AcceleratorSettings, choose
from edge.contract.bundle import Bundle, open_bundle
from edge.runtimes.base import open_runtime
from tests.conftest import SHIPPED

pytestmark = pytest.mark.hardware


@pytest.fixture(scope="module")
def named() -> str:
    name = os.environ.get("CLINICSCOPE_ACCELERATOR", "")
    if not name:
        pytest.skip("CLINICSCOPE_ACCELERATOR names no accelerator of this device")
    return name


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(Path(os.environ.get("CLINICSCOPE_BUNDLE", SHIPPED)))


def test_accelerator_serves_and_gives_the_processors_answers(
    named: str, bundle: Bundle, tmp_path: Path
) -> None:
    settings = AcceleratorSettings(
        names=(named,), delegate=os.environ.get("CLINICSCOPE_DELEGATE", "")
    )
    opened = choose(bundle, ("classifier",), settings, home=tmp_path)
    assert opened.fallback_why == ""
    (runtime,) = opened.runtimes
    print(f"{opened.key}: {runtime.operations}")  # noqa: T201
    cells = bundle.array("golden/input.npy").astype(np.uint8)
    own = open_runtime(bundle)
    for _ in range(200):
        found = runtime.run(cells).logits
    off = np.abs(found - own.run(cells).logits).max()
    assert off <= bundle.manifest.golden.tolerances["logit"]
    assert opened.fallback_why == runtime.fallback_why == ""
