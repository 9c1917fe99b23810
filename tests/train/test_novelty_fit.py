"""A fit on healthy cells alone: what is drawn into them, what a batch holds, what the fit sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError
from edge.contract.labels import UNINFECTED
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import U8Array
from tests.support.drawn_task import drawn_task, tiny_recipe
from train.drawn import FOREIGN, HEALTHY, PARASITE, draw_batch
from train.fit import fit
from train.networks import load_network
from train.objectives import own_logit
from train.parasites import paint_cell
from train.parts import load_fit_data
from train.recipe import Recipe, load_recipe
from train.recipe_parts import ModelSpec, NoveltySpec, TeacherSpec
from train.scores import read_npz_scores

NETWORK = ModelSpec("novelty_cnn", widths=(8, 16), strides=(2, 2))
SIZE_PX = 48


def recipe_of(novelty: NoveltySpec | None = None, **fit: float) -> Recipe:
    base = tiny_recipe(size_px=SIZE_PX, **fit)
    return replace(
        base, task="malaria-novelty", model=NETWORK, novelty=novelty or NoveltySpec(foreign=0.3)
    )


def healthy(count: int = 32) -> U8Array:
    drawn = [draw_cell(UNINFECTED, seed) for seed in range(count)]
    return prepare_batch(
        [image for image, _ in drawn], Preprocessing(SIZE_PX), [mask for _, mask in drawn]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


def test_a_drawn_parasite_darkens_what_the_truth_says_and_nothing_else() -> None:
    for seed, cell in enumerate(healthy(12)):
        rng = np.random.default_rng(seed)
        painted, truth = paint_cell(cell, rng, parasite=True, harmless=0)
        assert painted.dtype == np.uint8
        assert truth.max() > 0.1
        change = painted.astype(int) - cell
        # Rounding moves a level; a vacuole is a little paler than the cell was.
        untouched = (truth < 1e-3) & (abs(change).max(axis=2) > 1)
        assert untouched.sum() < 0.2 * cell.any(axis=2).sum()
        assert change[truth > 0.7 * truth.max()].sum(axis=1).mean() < -5
        assert not painted[~cell.any(axis=2)].any()


def test_harmless_marks_have_no_truth_and_an_empty_crop_stays() -> None:
    changed = 0
    for seed, cell in enumerate(healthy(12)):
        painted, truth = paint_cell(cell, np.random.default_rng(seed), parasite=False, harmless=1)
        assert not truth.any()
        changed += bool((painted != cell).any())
    assert changed >= 10
    nothing = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    painted, truth = paint_cell(nothing, np.random.default_rng(0), parasite=True, harmless=1)
    assert painted is nothing
    assert not truth.any()


def test_a_crop_that_is_not_masked_has_no_edge_to_draw_at() -> None:
    glass = np.full((SIZE_PX, SIZE_PX, 3), 220, np.uint8)
    for seed in range(20):
        painted, truth = paint_cell(glass, np.random.default_rng(seed), parasite=True, harmless=0)
        assert truth.any()
        assert (painted != glass).any()


def test_a_batch_holds_all_kinds_and_is_the_same_for_the_same_seed() -> None:
    cells = healthy(96)
    first, again, other = (
        draw_batch(cells, recipe_of(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert (first.images != other.images).any()
    assert {int(kind) for kind in first.kinds} == {HEALTHY, PARASITE, FOREIGN}
    assert 0.15 < np.mean(first.kinds == FOREIGN) < 0.45
    has_truth = first.truth.any(axis=(1, 2))
    assert not has_truth[first.kinds != PARASITE].any()
    assert has_truth[first.kinds == PARASITE].all()


def test_shares_of_nothing_leave_healthy_cells_alone() -> None:
    spec = NoveltySpec(parasites=0, foreign=0)
    batch = draw_batch(healthy(16), recipe_of(spec), np.random.default_rng(0))
    assert not batch.kinds.any()
    assert not batch.truth.any()


def test_no_infected_cell_is_fitted_on_and_both_labels_are_validated(
    data: Path, tmp_path: Path
) -> None:
    given = load_fit_data(recipe_of(batch_size=8), tmp_path, data)
    assert not given.fitted.labels.any()
    assert given.validation is not None
    assert set(given.validation.labels.tolist()) == {0, 1}
    healthy_of_train = [
        row for row in given.split.rows_of(given.examples, "train") if not given.examples[row].label
    ]
    np.testing.assert_array_equal(given.fitted.crops, given.crops[healthy_of_train])


def test_a_fit_stopped_and_resumed_gives_the_same_network(data: Path, tmp_path: Path) -> None:
    whole = recipe_of(epochs=2, batch_size=8)
    fit(whole, tmp_path / "whole", data=data)

    class KilledError(Exception):
        pass

    def kill(row: dict[str, float]) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        fit(whole, tmp_path / "halves", data=data, on_epoch=kill)
    fit(whole, tmp_path / "halves", data=data)
    scores = [read_npz_scores(tmp_path / name / "held_out.npz") for name in ("whole", "halves")]
    np.testing.assert_array_equal(scores[0].logit, scores[1].logit)
    assert scores[0].logit.ndim == 1
    assert set(scores[0].label.tolist()) == {0, 1}
    recipe, model = load_network(tmp_path / "whole")
    outputs = model(healthy(2).astype(np.float32) / 255)
    assert outputs["logit"].shape == (2, 2)
    assert outputs["cam"].shape == (2, 12, 12, 2)
    np.testing.assert_array_equal(
        own_logit(recipe, outputs["logit"].numpy()), outputs["logit"].numpy()[:, 0]
    )


def test_the_first_logit_is_the_mean_of_its_highest_places(data: Path) -> None:
    from train.networks import build_for

    outputs = build_for(recipe_of(), 2)(healthy(3).astype(np.float32) / 255)
    logit, cam = outputs["logit"].numpy(), outputs["cam"].numpy()
    highest = np.sort(cam[..., 0].reshape(3, -1), axis=1)[:, -NETWORK.top_k :]
    np.testing.assert_allclose(logit[:, 0], highest.mean(axis=1), rtol=1e-5)
    # The second map is spread for the eye; its middle is that of the coarse one, or close to it.
    assert abs(logit[:, 1] - cam[..., 1].mean(axis=(1, 2))).max() < 0.5 * np.ptp(cam[..., 1]) + 1e-6


def test_recipes_that_mix_the_two_kinds_of_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes no teacher"):
        replace(recipe_of(), teacher=TeacherSpec("malaria-cells"))
    with pytest.raises(ConfigError, match=r"model\.name is 'novelty_cnn'"):
        replace(recipe_of(), novelty=None)
    with pytest.raises(ConfigError, match=r"model\.name is 'plain_cnn'"):
        replace(tiny_recipe(), novelty=NoveltySpec())
    with pytest.raises(ConfigError, match=r"objective is 'guess'; known: .*drawn"):
        NoveltySpec(objective="guess")
    with pytest.raises(ConfigError, match=r"foreign is 1"):
        NoveltySpec(foreign=1.0)
    assert load_recipe("malaria-novelty-nih").novelty == NoveltySpec()
