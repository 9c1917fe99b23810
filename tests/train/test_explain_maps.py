"""Maps point at what was drawn; the tests of the maps tell good ones from empty ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import BoolArray, F32Array
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_task import drawn_task
from train.explain.baseline import Baseline
from train.explain.evidence import Evidence, gather, row_of
from train.explain.faithfulness import curves, random_curves, random_maps
from train.explain.methods import METHODS, chosen
from train.explain.network import Network
from train.explain.run_folder import HeldOut, held_out, open_network
from train.explain.sanity import HARDLY_CHANGED, likeness, similarity_to_random
from train.explain.study import Settings, study
from train.networks import read_recipe

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]
# Flips and quarter turns alone: right within seconds.
PLAIN_AUGMENTATION = """
[augmentation]
affine = 0.0
stain = 0.0
hue = 0.0
blur = 0.0
jpeg = 0.0
background = 0.0
"""
FAST = ("cam", "grad_cam", "occlusion", "integrated_gradients", "lime")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """(run folder, data folder) of a small network that is right on drawn cells."""
    from train.fit import fit
    from train.recipe import load_recipe

    root = tmp_path_factory.mktemp("explain")
    recipe = root / "tiny.toml"
    text = TINY_RECIPE.replace("[8, 16]", "[8, 16, 16]").replace("[2, 2]", "[2, 2, 1]")
    recipe.write_text(text.replace("epochs = 4", "epochs = 16") + PLAIN_AUGMENTATION)
    with drawn_task(root, cells=3) as data:
        fit(load_recipe(str(recipe)), root / "run", data=data)
        yield root / "run", data


@pytest.fixture(scope="module")
def network(fitted: tuple[Path, Path]) -> Network:
    return open_network(fitted[0], "blurred", 0)[1]


@pytest.fixture(scope="module")
def cells(fitted: tuple[Path, Path], network: Network) -> HeldOut:
    return held_out(fitted[0], read_recipe(fitted[0]), network, fitted[1], 0)


@pytest.fixture(scope="module")
def infected(cells: HeldOut) -> F32Array:
    """(8,32,32,3) cells with a drawn parasite that the network calls so."""
    assert cells.wrong.mean() <= 0.1
    rows = np.flatnonzero((cells.truth == 1) & (cells.called == 1))
    return cells.images(rows[:8])


ONES = np.ones(8, int)


def parasite_of(images: F32Array) -> BoolArray:
    """(N,H,W) bool: pixels of the drawn parasite, far less green than the rest of its cell."""
    found = []
    for image in images:
        green, inside = image[..., 1], image.max(axis=2) > 0.3
        found.append(inside & (green < 0.8 * np.median(green[inside])))
    return np.stack(found)


def random_image() -> F32Array:
    return np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)


def density(maps: F32Array, where: BoolArray) -> F32Array:
    """(N,) mean of what speaks for the class, within `where`."""
    return np.array(
        [one[place].mean() for one, place in zip(np.maximum(maps, 0), where, strict=True)]
    )


@pytest.mark.parametrize("name", FAST)
def test_maps_point_at_the_drawn_parasite(network: Network, infected: F32Array, name: str) -> None:
    maps = METHODS[name].function(network, infected, ONES)
    assert maps.shape == infected.shape[:3] and maps.dtype == np.float32
    parasite = parasite_of(infected)
    assert (parasite.mean(axis=(1, 2)) > 0.02).all()
    elsewhere = network.baseline.inside(infected) & ~parasite
    ratio = density(maps, parasite) / np.maximum(density(maps, elsewhere), 1e-9)
    assert np.median(ratio) > 1.5, ratio


@pytest.mark.parametrize("name", FAST)
def test_maps_are_the_same_for_the_same_seed(
    network: Network, infected: F32Array, name: str
) -> None:
    once, twice = (METHODS[name].function(network, infected[:2], ONES[:2]) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_integrated_gradients_sum_to_the_difference_of_the_logits(
    network: Network, infected: F32Array
) -> None:
    maps = METHODS["integrated_gradients"].function(network, infected, ONES)
    apart = network.score(infected, ONES) - network.score(network.baseline.of(infected), ONES)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), apart, atol=0.03 * np.abs(apart).max())


def test_own_map_of_the_other_class_is_the_negative(network: Network, infected: F32Array) -> None:
    for_it = METHODS["cam"].function(network, infected, ONES)
    against = METHODS["cam"].function(network, infected, 0 * ONES)
    np.testing.assert_allclose(for_it, -against)


def test_shap_sums_to_the_difference_and_points_at_the_parasite(
    network: Network, infected: F32Array
) -> None:
    images, targets = infected[:3], ONES[:3]
    maps = METHODS["shap"].function(network, images, targets)
    apart = network.score(images, targets) - network.score(network.baseline.of(images), targets)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), apart, atol=1e-3 * np.abs(apart).max())
    parasite = parasite_of(images)
    assert (density(maps, parasite) > 1.5 * density(maps, ~parasite)).all()


def test_shuffled_weights_change_the_maps_and_are_put_back(
    network: Network, infected: F32Array
) -> None:
    before = network.score(infected, ONES)
    with network.randomised(1):
        assert np.abs(network.score(infected, ONES) - before).max() > 0.5
    np.testing.assert_array_equal(network.score(infected, ONES), before)
    for name in ("grad_cam", "occlusion", "integrated_gradients"):
        function = METHODS[name].function
        maps = function(network, infected, ONES)
        found = similarity_to_random(network, function, maps, infected, ONES)
        assert found.mean() < HARDLY_CHANGED, name


def test_a_map_of_the_image_alone_is_flagged(network: Network, infected: F32Array) -> None:
    def brightness(_network: Network, images: F32Array, _targets: np.ndarray) -> F32Array:
        return images.mean(axis=3)

    maps = brightness(network, infected, ONES)
    found = similarity_to_random(network, brightness, maps, infected, ONES)
    assert found.mean() >= HARDLY_CHANGED
    flat = similarity_to_random(
        network, lambda _n, images, _t: np.ones(images.shape[:3], np.float32),
        np.ones(infected.shape[:3], np.float32), infected, ONES,
    )  # fmt: skip
    np.testing.assert_array_equal(flat, 1)


def test_likeness_ignores_sign_and_what_is_outside() -> None:
    one, inside = np.random.default_rng(0).random((8, 8)), np.zeros((8, 8), bool)
    inside[2:6, 2:6] = True
    other = -one.copy()
    other[~inside] = 0
    assert likeness(one, other, inside) == pytest.approx(1)
    assert likeness(one, np.zeros((8, 8)), inside) == 0


def test_good_maps_beat_random_ones_and_their_reverse_does_not(
    network: Network, infected: F32Array
) -> None:
    random = random_curves(network, infected, ONES)
    for name in FAST:
        found = gather(network, {name: METHODS[name]}, infected, ONES)[name]
        row = row_of(found, random, [str(n) for n in range(8)], 0)
        assert row.verdict == "yes", (name, row)
        assert not row.hardly_changes
    reverse = curves(network, -found.maps, infected, ONES)
    assert reverse.deletion_auc.mean() > random.deletion_auc.mean()
    assert reverse.insertion_auc.mean() < random.insertion_auc.mean()


def test_random_maps_seldom_beat_random_maps(network: Network, cells: HeldOut) -> None:
    images, targets = cells.images(np.arange(len(cells.truth))), cells.called
    random, verdicts = random_curves(network, images, targets), []
    names = [example.patient for example in cells.examples]
    for seed in range(100, 104):
        maps = random_maps(images.shape[:3], np.random.default_rng(seed))
        found = curves(network, maps, images, targets)
        likeness = np.zeros(len(images), np.float32)
        evidence = Evidence(METHODS["cam"], maps, 0.0, likeness, found, None)
        verdicts.append(row_of(evidence, random, names, 0).verdict)
    assert verdicts.count("yes") <= 1, verdicts


def test_curves_run_from_the_image_to_its_baseline(network: Network, infected: F32Array) -> None:
    found = curves(network, random_maps((8, 32, 32), np.random.default_rng(0)), infected, ONES)
    whole = network.probabilities(infected)[:, 1]
    bare = network.probabilities(network.baseline.of(infected))[:, 1]
    np.testing.assert_allclose(found.deletion[:, [0, -1]], np.stack([whole, bare], 1), atol=1e-5)
    np.testing.assert_allclose(found.insertion[:, [0, -1]], np.stack([bare, whole], 1), atol=1e-5)


@pytest.mark.parametrize("kind", ["blurred", "black"])
def test_baseline_keeps_black_outside_the_cell(infected: F32Array, kind: str) -> None:
    baseline = Baseline(kind, masked=True)
    inside, found = baseline.inside(infected), baseline.of(infected)
    assert (found[~inside] == 0).all()
    if kind == "blurred":
        # A flat cell stays as it is: the black around it does not leak in.
        flat = np.repeat(inside[..., None], 3, axis=3).astype(np.float32) / 2
        np.testing.assert_allclose(baseline.of(flat), flat, atol=1e-4)
    assert Baseline(kind, masked=False).inside(infected).all()


def test_unmasked_image_of_black_alone_has_finite_maps(network: Network) -> None:
    black = np.zeros((1, 32, 32, 3), np.float32)
    for name in FAST:
        assert np.isfinite(METHODS[name].function(network, black, ONES[:1])).all(), name


def classes_of_three(name: str, size_px: int = 32) -> Network:
    """An unfitted network of three classes, without masks."""
    from edge.contract.preprocess import Preprocessing
    from train.models import build_model
    from train.recipe_parts import ModelSpec

    wide = {"widths": (8, 8), "strides": (2, 1)} if name == "plain_cnn" else {}
    model = build_model(ModelSpec(name, **wide), Preprocessing(size_px), 3)
    return Network(model, Baseline("blurred", masked=False), 0)


def test_network_of_three_classes_without_a_map_of_its_own() -> None:
    network = classes_of_three("malaria_cnn")
    images, targets = random_image(), np.array([0, 2])
    methods = chosen((), network)
    assert "cam" not in methods and "grad_cam" in methods
    with pytest.raises(ConfigError, match="no class activation map"):
        chosen(("cam",), network)
    for name in ("grad_cam", "integrated_gradients"):
        assert METHODS[name].function(network, images, targets).shape == (2, 32, 32)
    np.testing.assert_allclose(network.probabilities(images).sum(axis=1), 1, rtol=1e-5)
    assert network.embed(images).shape == (2, 128)


def test_grad_cam_reads_all_branches_where_they_are_joined() -> None:
    network = classes_of_three("dual_attention", 64)
    images = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    targets = np.array([0, 2])
    features, gradients = network.feature_gradients(images, targets)
    # A new network has no bias, so the logit is linear in the features that its map is made of.
    linear = (features * gradients).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(linear, network.score(images, targets), atol=1e-4)
    assert METHODS["grad_cam"].function(network, images, targets).shape == (2, 64, 64)


def test_own_map_of_a_class_averages_to_its_logit() -> None:
    network = classes_of_three("plain_cnn")
    images, targets = random_image(), np.array([1, 2])
    maps = network.class_activation(images, targets)
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), network.score(images, targets), atol=1e-5)


def test_unknown_names_are_refused(network: Network) -> None:
    with pytest.raises(ConfigError, match=r"methods \['gradcam'\] are unknown; known: cam"):
        chosen(("gradcam",), network)
    with pytest.raises(ConfigError, match="baseline is 'white'"):
        Baseline("white")
    with pytest.raises(ConfigError, match="--examples is 0"):
        Settings(n_examples=0)
    with pytest.raises(ConfigError, match=r"embeddings \['pca'\] are unknown"):
        Settings(embeddings=("pca",))


def test_run_without_weights_says_how_to_fit_again(
    fitted: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "malaria-cells-teacher" / "fold3"
    run.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"is no run .*: it has no recipe\.json"):
        read_recipe(run)
    shutil.copy(fitted[0] / "recipe.json", run)
    with pytest.raises(ConfigError, match=r"fit the recipe again with `clinicscope train fit"):
        study(run, Settings(), data=fitted[1])


@pytest.mark.parametrize("damage", ["truncated", "another network"])
def test_weights_that_do_not_fit_are_refused(
    fitted: tuple[Path, Path], tmp_path: Path, damage: str
) -> None:
    run = Path(shutil.copytree(fitted[0], tmp_path / "run"))
    if damage == "truncated":
        weights = run / "model.weights.h5"
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        recipe = json.loads((run / "recipe.json").read_text())
        recipe["model"]["widths"] = [8, 16, 24]
        (run / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(ConfigError, match="holds no weights of the network 'plain_cnn'"):
        study(run, Settings(), data=fitted[1])


def test_broken_files_of_a_run_are_named(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(fitted[0], tmp_path / "run"))
    (run / "split.json").write_text('{"train": []}')
    with pytest.raises(DataError, match=r"split.json is no split"):
        study(run, Settings(methods=("cam",)), data=fitted[1])
    (run / "recipe.json").write_text("{")
    with pytest.raises(ConfigError, match=r"recipe.json is no recipe"):
        study(run, Settings(), data=fitted[1])


def test_absent_data_set_is_named(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises((ConfigError, DataError), match="nih-cells"):
        study(fitted[0], Settings(methods=("cam",)), data=tmp_path)
