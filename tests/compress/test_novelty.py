"""A novelty network through the lab: ranges, thresholds, figures, and the bundle that has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from compress import parity
from compress.compressed import read_compressed, write_compressed
from compress.evaluation import open_candidates, score_candidates
from compress.fits import fit_all
from compress.lab_recipe import load_lab_recipe
from compress.novelty import NoveltyLab, _threshold_of
from compress.pack import pack_bundle
from compress.run import Settings, run_task
from edge.config import DeviceConfig
from edge.contract.errors import ConfigError, DataError, GoldenMismatchError
from edge.contract.manifest import Corrections
from edge.installed import prove_classifier
from edge.runtimes.base import open_runtime
from edge.screening.novelty import NoveltyNetwork
from edge.screening.screener import Screener
from tests.compress.test_pack import draw_folder
from tests.support.drawn_task import drawn_task
from tests.support.tiny_networks import SIZE_PX
from train.scores import read_npz_scores

pytestmark = [
    pytest.mark.usefixtures("quick_graphs"),
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(900),
]

_RECIPE = """
task = "malaria-novelty"
dataset = "nih-cells"
held_out_fold = 0
seed = 3

[preprocessing]
size_px = {size}

[model]
name = "novelty_cnn"
widths = [8, 16]
strides = [2, 1]

[fit]
epochs = {epochs}
batch_size = 16
learning_rate = 1e-2

[novelty]
objective = "drawn"
"""
_LAB = """
title = "Drawn cells"
student = "{root}/{name}.toml"
folds = [0]
ships = 0
max_bytes = 100_000
per_class = 8
variants = []
"""


@dataclass(frozen=True)
class Folders:
    """Where recipes, data and what `compress run` makes of them lie."""

    root: Path
    data: Path

    def made(self, name: str, *, epochs: int = 6, size: int = SIZE_PX) -> Path:
        """A tiny novelty network through the lab; the folder that `pack` takes."""
        (self.root / f"{name}.toml").write_text(_RECIPE.format(epochs=epochs, size=size))
        return self.run(name)

    def run(self, name: str) -> Path:
        """The lab with the recipe of that name."""
        lab = self.root / f"{name}-lab.toml"
        lab.write_text(_LAB.format(root=self.root, name=name))
        return run_task(str(lab), Settings(self.root / "out", self.data, timed_runs=10))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    root = tmp_path_factory.mktemp("novelty")
    with drawn_task(root, patients=40, cells=4) as data, pytest.MonkeyPatch.context() as patch:
        # A few steps on 16 px leave a network that INT8 may cost more than one that ships.
        patch.setattr(parity, "MAX_NOVELTY_AUC_LOSS", 0.1)
        yield Folders(root, data)


@pytest.fixture(scope="module")
def novelty(folders: Folders) -> Path:
    return folders.made("second")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("classifier"), "cells").path


def test_ranges_come_from_a_batch_of_the_fit_without_an_infected_cell(
    folders: Folders, novelty: Path
) -> None:
    lab = load_lab_recipe(str(folders.root / "second-lab.toml"))
    (fit,) = fit_all(lab, folders.root / "out", kept=False, data=folders.data, tell=print)
    fold = NoveltyLab(lab, fit, folders.root / "out", folders.data)
    assert {example.label for example in fold.representatives.examples} == {0}
    healthy = fold.crops_of(fold.representatives.examples)
    assert fold.representative_crops.shape == healthy.shape
    assert (fold.representative_crops != healthy).any(axis=(1, 2, 3)).mean() > 0.5
    ids = (novelty / "representative_ids.txt").read_text().split()
    assert ids == [example.name for example in fold.representatives.examples]


def test_record_says_how_thresholds_were_chosen_and_how_often_they_err(novelty: Path) -> None:
    record = read_compressed(novelty)
    points = record.novelty
    assert points is not None
    assert record.operating_point is None
    assert {weights.role for weights in record.weights} == {"novelty"}
    assert all(weights.output("logit").shape[-1] == 2 for weights in record.weights)
    assert points.false_alarm.rate <= points.target_false_alarm
    assert 0 < points.threshold < 1
    assert 0 < points.foreign_threshold < 1
    assert "validation patients of fold 0" in points.chosen_on
    (entry,) = record.evaluation
    assert "--role novelty" in entry.command
    assert set(entry.metrics) == {"auc", "sensitivity_cell", "specificity_cell"}


def test_threshold_lets_through_no_more_than_the_share() -> None:
    scores = np.linspace(0, 1, 200, dtype=np.float32) ** 2
    for share in (0.01, 0.1, 0.5):
        threshold = _threshold_of(scores, share)
        assert np.sum(scores >= threshold) == int(share * 200)
    assert _threshold_of(scores[:50], 0.01) > scores[48]


def test_bundle_carries_both_networks_and_the_device_reads_both(
    classifier: Path, novelty: Path, tmp_path: Path
) -> None:
    bundle = pack_bundle(classifier, tmp_path / "both", version=3, novelty=novelty)
    manifest, record = bundle.manifest, read_compressed(novelty)
    assert record.novelty is not None
    assert manifest.novelty is not None
    assert manifest.novelty_threshold == record.novelty.threshold
    assert manifest.novelty.foreign_threshold == record.novelty.foreign_threshold
    assert manifest.novelty.golden.input_file == manifest.golden.input_file
    assert [entry.role for entry in manifest.evaluation][-1].startswith("novelty network")
    for name in ("litert", "onnx"):
        network = NoveltyNetwork(bundle, open_runtime(bundle, "novelty", names=[name]))
        opinion = network.read(bundle.array("golden/input.npy").astype(np.uint8))
        expected = bundle.array("golden/novelty-logit.npy")[:, 0]
        assert opinion.maps.ndim == 3
        np.testing.assert_allclose(
            np.log(opinion.novelty / (1 - opinion.novelty)), expected, atol=1.0
        )
    assert isinstance(prove_classifier(bundle, DeviceConfig()), Screener)
    card = (tmp_path / "both/MODEL_CARD.md").read_text()
    assert "novelty: malaria-novelty.int8.tflite" in card
    assert f"foreign score at or above {record.novelty.foreign_threshold}: no red cell" in card


def test_corrections_that_either_network_learned_from_are_on_the_bundle(
    classifier: Path, novelty: Path, tmp_path: Path
) -> None:
    learned = []
    for folder, role in ((classifier, "classifier"), (novelty, "novelty")):
        copied = shutil.copytree(folder, tmp_path / role)
        learned.append(Corrections(role, (), {"uninfected": 7}, {}))
        write_compressed(copied, replace(read_compressed(copied), corrections=learned[-1]))
    out = tmp_path / "bundle"
    packed = pack_bundle(tmp_path / "classifier", out, version=1, novelty=tmp_path / "novelty")
    assert packed.manifest.corrections == tuple(learned)
    card = (out / "MODEL_CARD.md").read_text()
    assert "- classifier: learned from 7" in card and "- novelty: learned from 7" in card


def test_evaluating_the_role_gives_the_scores_of_the_lab(
    folders: Folders, classifier: Path, novelty: Path, tmp_path: Path
) -> None:
    bundle = pack_bundle(classifier, tmp_path / "both", version=3, novelty=novelty)
    candidates = open_candidates([bundle.path], "", "novelty")
    tflite = next(one for one in candidates if one.format == "tflite")
    (scores,) = score_candidates([tflite], "nih-cells", fold=0, data=folders.data)
    kept = read_npz_scores(folders.root / "out/variants/second/int8-float-out/fold0.npz")
    assert scores.name.tolist() == kept.name.tolist()
    np.testing.assert_allclose(scores.logit, kept.logit, atol=1e-5)


def test_a_bundle_without_the_role_is_refused(classifier: Path, tmp_path: Path) -> None:
    bundle = pack_bundle(classifier, tmp_path / "one", version=2)
    assert bundle.manifest.novelty is None
    with pytest.raises(ConfigError, match="has no novelty network"):
        open_candidates([bundle.path], "", "novelty")


def test_networks_in_the_wrong_place_are_refused(
    classifier: Path, novelty: Path, tmp_path: Path
) -> None:
    for first, second in ((novelty, None), (novelty, classifier), (classifier, classifier)):
        with pytest.raises(ConfigError, match="give a classifier's folder first"):
            pack_bundle(first, tmp_path / "never", version=1, novelty=second)
    assert not (tmp_path / "never").exists()


def test_networks_that_prepare_cells_differently_are_refused(
    folders: Folders, classifier: Path, tmp_path: Path
) -> None:
    small = folders.made("large", epochs=1, size=2 * SIZE_PX)
    with pytest.raises(DataError, match="prepare cells differently"):
        pack_bundle(classifier, tmp_path / "never", version=1, novelty=small)


def test_golden_tensors_of_the_second_network_are_proven(
    classifier: Path, novelty: Path, tmp_path: Path
) -> None:
    bundle = pack_bundle(classifier, tmp_path / "both", version=3, novelty=novelty)
    files = dict(bundle.files)
    altered = np.load(bundle.path / "golden/novelty-logit.npy") + 5
    np.save(tmp_path / "altered.npy", altered)
    files["golden/novelty-logit.npy"] = (tmp_path / "altered.npy").read_bytes()
    broken = replace(bundle, files=files)
    with pytest.raises(GoldenMismatchError, match="golden logit differs by"):
        NoveltyNetwork(broken, open_runtime(broken, "novelty"))


def test_fit_that_took_its_validation_part_leaves_nothing_to_choose_on(
    folders: Folders, novelty: Path
) -> None:
    assert novelty.is_dir()
    text = (folders.root / "second.toml").read_text()
    (folders.root / "greedy.toml").write_text(
        text.replace("[novelty]", "use_validation = true\n[novelty]")
    )
    with pytest.raises(ConfigError, match="no patients are left"):
        folders.run("greedy")


def test_record_with_novelty_survives_the_way_to_disk(novelty: Path, tmp_path: Path) -> None:
    record = read_compressed(novelty)
    write_compressed(tmp_path, record)
    assert read_compressed(tmp_path) == record
