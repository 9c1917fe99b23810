"""`train explain` writes one page that stands alone; examples and embeddings are what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from tests.support.appliance import chromium
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_task import drawn_task
from train.datasets.base import Example
from train.explain.embedding import layout, neighbour_agreement
from train.explain.examples import GROUPS, pick
from train.explain.pictures import embedding_picture, overlaid, scale_of
from train.explain.run_folder import HeldOut

pytestmark = pytest.mark.train
Run = Callable[..., tuple[int, str, str]]


def scored(n: int = 60, k: int = 2) -> HeldOut:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(k), n).astype(np.float32)
    examples = [Example(f"e{i}", Path(), int(rng.integers(k)), f"p{i % 7}") for i in range(n)]
    crops = rng.integers(0, 255, (n, 8, 8, 3), np.uint8)
    return HeldOut(examples, ("a", "b", "c")[:k], crops, probability, 1 / 255, n)


@pytest.mark.parametrize("k", [2, 3])
def test_picked_are_the_worst_the_most_doubtful_and_right_ones(k: int) -> None:
    found = scored(k=k)
    picked = pick(found, 12, 5)
    rows, group = picked.rows, np.array(picked.group)
    assert len(set(rows.tolist())) == 12
    assert [int((group == name).sum()) for name in GROUPS] == [4, 4, 4]
    worst, right = rows[group == GROUPS[0]], rows[group == GROUPS[2]]
    confidence = found.probability.max(axis=1)
    assert found.wrong[worst].all() and not found.wrong[right].any()
    assert confidence[worst].min() >= np.sort(confidence[found.wrong])[-4]
    assert len(np.unique(found.truth[right])) == k
    np.testing.assert_array_equal(pick(found, 12, 5).rows, rows)
    assert pick(found, 12, 6).rows.tolist() != rows.tolist()


def test_right_examples_fill_what_mistakes_lack() -> None:
    found = scored()
    called = [replace(e, label=int(c)) for e, c in zip(found.examples, found.called, strict=True)]
    picked = pick(replace(found, examples=called), 12, 0)
    assert len(picked.rows) == 12 and GROUPS[0] not in picked.group


def blobs() -> tuple[np.ndarray, np.ndarray]:
    rng, truth = np.random.default_rng(0), np.arange(30) % 2
    return (rng.standard_normal((30, 6)) + 8 * truth[:, None]).astype(np.float32), truth


def test_t_sne_parts_what_the_features_part_and_repeats() -> None:
    features, truth = blobs()
    places = layout("t-sne", features, 0)
    np.testing.assert_array_equal(places, layout("t-sne", features, 0))
    assert neighbour_agreement(places, truth) > 0.8
    mixed = np.random.default_rng(1).permutation(truth)
    assert neighbour_agreement(features, mixed) < 0.75


@pytest.mark.parametrize(("name", "n", "words"), [("pca", 30, "'pca'; known"), ("umap", 4, "4 he")])
def test_impossible_layouts_are_refused(name: str, n: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        layout(name, blobs()[0][:n], 0)


def test_umap_parts_what_the_features_part() -> None:
    # Numba's compiling takes half a minute; interpreted, a small layout takes seconds.
    code = (
        "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
        "from tests.train.test_explain_page import blobs\n"
        "from train.explain.embedding import layout, neighbour_agreement\n"
        "features, truth = blobs()\n"
        "print(neighbour_agreement(layout('umap', features, 0), truth))"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.8


def test_embedding_picture_frames_classes_and_crosses_mistakes() -> None:
    crops = np.full((3, 8, 8, 3), 128, np.uint8)
    places = np.array([[0, 0], [1, 1], [0, 1]], np.float32)
    wrong = np.array([False, False, True])
    picture = embedding_picture(places, crops, np.array([0, 1, 1]), wrong)
    without = embedding_picture(places, crops, np.array([0, 1, 1]), ~wrong & wrong)
    blue, orange = (
        (picture == colour).all(axis=2).sum() for colour in ((0, 114, 178), (213, 94, 0))
    )
    assert blue > 100 and orange > 1.9 * blue
    assert (picture != without).any()


def test_overlay_is_red_for_blue_against_and_grey_at_zero() -> None:
    crop = np.full((16, 16, 3), (200, 120, 200), np.uint8)
    one = np.zeros((16, 16), np.float32)
    one[:, :5], one[:, 11:] = 2, -2
    picture = overlaid(crop, one).astype(int)
    assert scale_of(one) == 2
    left, middle, right = picture[112, 10], picture[112, 112], picture[112, 214]
    assert left[0] > left[2] + 60 and right[2] > right[0] + 60
    assert np.ptp(middle) <= 2
    assert np.isfinite(overlaid(crop, 0 * one)).all()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path]]:
    """(page, run folder, data folder) of a barely fitted network, written by the command."""
    from edge.cli import main

    root = tmp_path_factory.mktemp("explain-page")
    (root / "tiny.toml").write_text(TINY_RECIPE.replace("epochs = 4", "epochs = 2"))
    run, out = root / "run", root / "out" / "page.html"
    with drawn_task(root) as data:
        fitting = ["train", "fit", root / "tiny.toml", "--out", run, "--data", data]
        assert main([str(word) for word in fitting]) == 0
        explaining = [
            "train", "explain", run, "--out", out, "--examples", 6, "--data", data, "--seed", 3,
            "--methods", "cam,grad_cam,integrated_gradients", "--embeddings", "t-sne",
        ]  # fmt: skip
        assert main([str(word) for word in explaining]) == 0
        yield out, run, data


@pytest.mark.filterwarnings("ignore")
def test_page_stands_alone_and_holds_every_map(page: tuple[Path, Path, Path]) -> None:
    text = page[0].read_text()
    addresses = re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]*)", text)
    assert len(addresses) > 6 * 4
    assert all(address.startswith("data:image/") for address in addresses)
    assert "<script" not in text and not re.search(r"url\((?!#)", text.split("<body>")[0])
    assert text.count("Grad-CAM of C") == text.count("Own activation map of C") == 6
    for words in ("Sanity", "Deletion", "Insertion", "t-SNE", "blurred copy", "Random maps"):
        assert words in text


@pytest.mark.filterwarnings("ignore")
def test_unknown_method_ends_with_3_and_writes_nothing(
    page: tuple[Path, Path, Path], clinicscope: Run, tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    code, _, err = clinicscope(
        "train", "explain", page[1], "--out", out, "--methods", "magic", "--data", page[2]
    )
    assert code == 3 and "['magic'] are unknown; known: cam, grad_cam" in err
    assert not out.exists()


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore")
def test_page_opens_in_a_browser_and_fits_a_phone(page: tuple[Path, Path, Path]) -> None:
    with chromium() as browser:
        for width in (1280, 400):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            asked: list[str] = []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.goto(page[0].as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
            assert all(url.startswith(("file:", "data:")) for url in asked)
