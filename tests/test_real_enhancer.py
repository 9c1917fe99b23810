"""What is claimed of the shipped enhancer holds on the cells of patients that no fit has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.config import DeviceConfig
from edge.contract.bundle import Bundle, open_bundle
from edge.enhancement.enhancer import Enhancer
from edge.installed import SHIPPED_DIR, prove_enhancer
from train.models.start_weights import WEIGHTS_FILE
from train.superres.evaluate import Pair, load_pairs
from train.superres.measures import psnr
from train.superres.networks import INTERPOLATIONS, read_enhancer_recipe

pytestmark = pytest.mark.data
RUN = Path(__file__).parent.parent / "train/records/superres/runs/malaria-superres"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(SHIPPED_DIR / "malaria-superres-1")


@pytest.fixture(scope="module")
def enhancer(bundle: Bundle) -> Iterator[Enhancer]:
    opened = prove_enhancer(bundle, DeviceConfig(threads=1))
    yield opened
    opened.close()


def gains(enhancer: Enhancer, pairs: list[Pair]) -> np.ndarray:
    """(N,2) dB over bicubic: whole, and inside the cell where there is one."""
    found = []
    for pair in pairs:
        made = enhancer.enhance(pair.low), INTERPOLATIONS["bicubic"](pair.low)
        places = (None, pair.mask) if pair.mask is not None else (None,)
        rows = [[psnr(pair.high, one, place) for place in places] for one in made]
        found.append(np.subtract(*rows))
    return np.array(found)


def test_exact_pixels_of_held_out_patients_reproduce_the_manifest(
    real_data: Path, bundle: Bundle, enhancer: Enhancer
) -> None:
    pairs = load_pairs("nih-cells-lossless", read_enhancer_recipe(RUN), real_data)
    assert len(pairs) == 80
    whole, inside = gains(enhancer, pairs).mean(axis=0)
    said = {
        "whole" if "whole" in entry.role else "inside": entry.metrics["psnr_gain_db"].value
        for entry in bundle.manifest.evaluation
        if entry.dataset == "nih-cells-lossless"
    }
    assert whole == pytest.approx(said["whole"], abs=0.02)
    assert inside == pytest.approx(said["inside"], abs=0.02)
    assert whole >= 1 and inside >= -0.2


def test_fields_of_another_microscope_are_no_worse_than_with_bicubic(
    real_data: Path, enhancer: Enhancer
) -> None:
    pairs = load_pairs("iml-fields", read_enhancer_recipe(RUN), real_data)[::8]
    assert gains(enhancer, pairs).mean() > 0.2


def test_the_shipped_files_come_from_the_committed_fit(bundle: Bundle) -> None:
    digest = hashlib.sha256((RUN / WEIGHTS_FILE).read_bytes()).hexdigest()
    weights = bundle.manifest.weights
    assert {entry.format for entry in weights} == {"tflite", "onnx"}
    assert {entry.parent for entry in weights} == {digest}
    (tflite,) = [entry for entry in weights if entry.format == "tflite"]
    assert tflite.bytes <= 40_000
