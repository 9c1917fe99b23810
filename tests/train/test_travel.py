"""What may help a network on a microscope that it has never seen, without a label from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.images import encode_image
from edge.contract.preprocess import Preprocessing
from edge.contract.types import U8Array
from tests.support.dataset_layouts import write_iml
from tests.support.drawn_task import drawn_task, sharp_recipe
from train import travel
from train.augment import EDGE_LEVEL
from train.datasets.base import list_examples, load_crops
from train.evaluate import auc
from train.fit import fit
from train.networks import load_network
from train.score import score
from train.travel import (
    ADAPTATIONS,
    REFERENCE_MEAN,
    REFERENCE_SPREAD,
    colour_statistics,
    match_colour,
    renormalise,
)

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]
SCALE = 1 / 255


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """(run folder, data folder) of a network that is right on drawn cells."""
    root = tmp_path_factory.mktemp("travel")
    with drawn_task(root, cells=3) as data:
        write_iml(data)
        fit(sharp_recipe(epochs=14), root / "run", data=data)
        yield root / "run", data


def cells(count: int = 6, seed: int = 0) -> U8Array:
    """Speckled discs on black."""
    rng = np.random.default_rng(seed)
    crops = rng.normal((170, 120, 140), (30, 25, 20), (count, 32, 32, 3)).clip(40, 250)
    y, x = np.mgrid[:32, :32] - 15.5
    return (crops * (y**2 + x**2 < 14**2)[None, :, :, None]).astype(np.uint8)


def test_matched_colours_have_the_reference_statistics_and_black_stays_black() -> None:
    shifted = cells()
    matched = match_colour(shifted)
    mean, spread = colour_statistics(matched)
    np.testing.assert_allclose(mean, REFERENCE_MEAN, atol=2)
    np.testing.assert_allclose(spread, REFERENCE_SPREAD, atol=2)
    outside = shifted.max(axis=3) <= EDGE_LEVEL
    assert outside.any()
    assert not matched[outside].any()
    assert (matched.max(axis=3) > EDGE_LEVEL)[~outside].all()


def test_matching_what_already_matches_changes_little() -> None:
    once = match_colour(cells()).astype(int)
    twice = match_colour(once.astype(np.uint8)).astype(int)
    assert np.abs(once - twice).max() <= 2


def test_black_field_is_left_alone() -> None:
    black = np.zeros((3, 16, 16, 3), np.uint8)
    assert not match_colour(black).any()


def test_median_of_a_field_becomes_zero_and_order_stays() -> None:
    logit = np.array([-3.0, -2.0, -2.5, 4.0, 1.0], np.float32)
    adapt = ADAPTATIONS["field-median"].output
    assert adapt is not None
    moved = adapt(logit)
    assert np.median(moved) == 0
    assert np.array_equal(np.argsort(moved), np.argsort(logit))
    assert moved.dtype == np.float32


def test_renormalised_network_has_half_the_statistics_of_the_field(
    fitted: tuple[Path, Path],
) -> None:
    import tf_keras

    _, model = load_network(fitted[0])
    before = [weight.copy() for weight in model.get_weights()]
    # Anything but zero, so that the half that is kept shows.
    field = cells(20, seed=3)
    adapted = renormalise(model, field, SCALE)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)

    def norms(network: object) -> list[tf_keras.layers.Layer]:
        kind = tf_keras.layers.BatchNormalization
        return [layer for layer in network.layers if isinstance(layer, kind)]  # type: ignore[attr-defined]

    first, adapted_first = norms(model)[0], norms(adapted)[0]
    seen = tf_keras.Model(model.input, first.input)(field.astype(np.float32) * SCALE).numpy()
    expected = (first.moving_mean.numpy() + seen.mean(axis=(0, 1, 2))) / 2
    np.testing.assert_allclose(adapted_first.moving_mean.numpy(), expected, atol=1e-4)
    for then, now in zip(norms(model), norms(adapted), strict=True):
        assert not np.array_equal(then.moving_mean.numpy(), now.moving_mean.numpy())
        np.testing.assert_array_equal(then.gamma.numpy(), now.gamma.numpy())


def test_adaptation_sees_one_field_at_a_time(
    fitted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = fitted[0], fitted[1]
    plain = score(run, "iml-cells", data=data).logit
    moved = score(run, "iml-cells", data=data, adaptation="field-median").logit
    examples = list_examples("iml-cells", data)
    fields = np.array([str(example.path) for example in examples])
    for field in np.unique(fields):
        rows = fields == field
        np.testing.assert_allclose(moved[rows], plain[rows] - np.median(plain[rows]), atol=1e-5)
    for name in ("colour", "batch-norm", "colour+field-median"):
        assert not np.allclose(score(run, "iml-cells", data=data, adaptation=name).logit, plain)


def write_other_microscope(root: Path, fields: int = 4) -> None:
    """`root/iml-fields`: fields of 15 healthy and 5 infected cells, all dark and bluish."""
    (root / "iml-fields/images").mkdir(parents=True)
    content = []
    for number in range(fields):
        field, cells = np.zeros((240, 300, 3)), []
        for n in range(20):
            kind = "uninfected" if n % 4 else "trophozoite"
            image, mask = draw_cell(kind, 50_000 + 100 * number + n, 40)
            image = (image * mask[:, :, None])[:60, :60]
            (height, width), top, left = image.shape[:2], n // 5 * 60, n % 5 * 60
            field[top : top + height, left : left + width] = image
            label = "red blood cell" if n % 4 else kind
            box = {"left_px": left, "top_px": top, "width_px": width, "height_px": height}
            cells.append({**box, "label": label})
        other = field * (0.45, 0.6, 0.9) + (5, 0, 20)
        shown = np.where(field.any(axis=2, keepdims=True), other, 0).astype(np.uint8)
        (root / f"iml-fields/images/F{number}.png").write_bytes(encode_image(shown))
        content.append({"file": f"F{number}.png", "block": number, "cells": cells})
    (root / "iml-fields/cells.json").write_text(json.dumps(content))


def test_adaptation_brings_a_network_back_on_another_microscope(
    fitted: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = fitted
    at_home = load_crops(list_examples("nih-cells", data), Preprocessing(32))
    # The reference is of the cells that the network was fitted on: here the drawn ones.
    mean, spread = colour_statistics(at_home)
    monkeypatch.setattr(travel, "REFERENCE_MEAN", mean)
    monkeypatch.setattr(travel, "REFERENCE_SPREAD", spread)
    write_other_microscope(tmp_path)
    found = {}
    for name in ("none", "colour", "batch-norm"):
        scores = score(run, "iml-cells", data=tmp_path, adaptation=name)
        found[name] = auc(scores.logit.astype(float), scores.label > 0)
    assert found["none"] < 0.9
    assert found["colour"] > 0.97
    assert found["batch-norm"] > found["none"] + 0.02


@pytest.mark.data
def test_reference_colours_are_those_of_the_data(real_data: Path) -> None:
    examples = list_examples("nih-cells", real_data)[::97]
    mean, spread = colour_statistics(load_crops(examples, Preprocessing(96)))
    np.testing.assert_allclose(mean, REFERENCE_MEAN, atol=5)
    np.testing.assert_allclose(spread, REFERENCE_SPREAD, atol=3)
