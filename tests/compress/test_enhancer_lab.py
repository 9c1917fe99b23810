"""`compress run`, `pack` and `evaluate` of an enhancer in small, and what they refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compress.run import Settings
from compress.superres import run as lab_run
from compress.superres.card import render_enhancer_card
from compress.superres.pack import pack_enhancer
from compress.superres.parity import MAX_LOSS_DB, check_agreements
from compress.superres.recipe import EnhancerLab, is_enhancer_lab, load_enhancer_lab
from compress.superres.record import Agreement, CompressedEnhancer, read_enhancer, write_enhancer
from compress.superres.run import open_fit, run_enhancer
from compress.superres.systems import legacy_enlarged
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import RESIDUAL
from edge.enhancement.enhancer import Enhancer
from edge.installed import SHIPPED_DIR
from edge.runtimes.base import open_runtime
from tests.support.drawn_enhancer import draw_pictures
from tests.support.drawn_enhancer_lab import (
    MARGIN_PX,
    TILE_PX,
    DrawnEnhancerLab,
    drawn_enhancer_lab,
)
from train.splits import load_split
from train.superres.networks import read_enhancer_recipe
from train.superres.recipe import load_enhancer_recipe

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("quick_graphs"),
]

Run = Callable[..., tuple[int, str, str]]
TASK = "malaria-superres"
AWARE = "\n[aware]\nepochs = 1\nrate = 1e-3\n"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrawnEnhancerLab]:
    with drawn_enhancer_lab(tmp_path_factory.mktemp("superres")) as lab:
        yield lab


@pytest.fixture(scope="module")
def made(drawn: DrawnEnhancerLab) -> Path:
    """What the lab leaves."""
    lab = drawn.lab(drawn.recipe(), tail=AWARE)
    return run_enhancer(lab, Settings(drawn.out, drawn.data))


@pytest.fixture(scope="module")
def bundle(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return pack_enhancer(made, tmp_path_factory.mktemp("packed") / "bundle", version=1)


@pytest.fixture()
def record(made: Path) -> CompressedEnhancer:
    return read_enhancer(made)


def test_record_says_what_ships_and_how_near_it_is(
    made: Path, record: CompressedEnhancer, drawn: DrawnEnhancerLab
) -> None:
    assert [entry.format for entry in record.weights] == ["tflite", "onnx"]
    assert all((made / entry.file).stat().st_size == entry.bytes for entry in record.weights)
    section = record.enhancer
    assert (section.factor, section.tile_px, section.margin_px) == (2, TILE_PX, MARGIN_PX)
    assert record.aware and record.weights[0].outputs[0].name == RESIDUAL
    runtimes = [run.runtime for run in section.parity.runtimes]
    # .venv-legacy is there where the whole suite runs.
    assert set(runtimes) == {"litert", "tflite_runtime", "onnx"}
    places = {(one.pairs, one.place) for one in record.agreements}
    assert places == {("nih-cells", "whole"), ("nih-cells", "inside")}
    assert len(record.agreements) == 2 * len(runtimes)
    assert section.parity.psnr_int8_db == min(run.psnr_db for run in section.parity.runtimes)
    test = load_split("nih-cells", 0).test
    assert section.parity.n_images == 2 * len(test)


def test_figures_are_of_the_file_on_held_out_patients(record: CompressedEnhancer) -> None:
    whole, inside = record.evaluation
    assert "whole picture" in whole.role and "inside the cell" in inside.role
    assert whole.n_patients == len(load_split("nih-cells", 0).test)
    shown = next(run for run in record.enhancer.parity.runtimes if run.runtime == "litert")
    assert whole.metrics["psnr_db"].value == pytest.approx(shown.psnr_db, abs=1e-3)
    gained = shown.psnr_db - record.enhancer.parity.psnr_bicubic_db
    assert whole.metrics["psnr_gain_db"].value == pytest.approx(gained, abs=1e-3)
    assert 0 < whole.metrics["ssim"].ci_low <= whole.metrics["ssim"].value <= 1


def test_ranges_come_from_training_patients_of_both_classes(
    made: Path, record: CompressedEnhancer
) -> None:
    names = (made / "representative_ids.txt").read_text().split()
    train = set(load_split("nih-cells", 0).train)
    # A drawn patient C7 is P7 of its folder, too.
    assert len(names) == 8 and {name.split("P")[0] for name in names} <= train
    assert record.representative_set.count_per_class == {"uninfected": 4, "parasitised": 4}


def test_a_finished_fit_is_not_made_again(
    made: Path, drawn: DrawnEnhancerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_run, "fit_enhancer", lambda *_args, **_kw: pytest.fail("fitted again"))
    lab = load_enhancer_lab(str(drawn.root / "lab.toml"))
    assert open_fit(lab, Settings(drawn.out, drawn.data)).folder == drawn.out / "tiny"


def test_kept_fits_are_taken_where_they_are_of_the_same_recipe(
    made: Path, drawn: DrawnEnhancerLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_run, "RECORDS", tmp_path)
    shutil.copytree(drawn.out / "tiny", tmp_path / "tiny")
    lab = load_enhancer_lab(str(drawn.root / "lab.toml"))
    settings = Settings(tmp_path / "out", drawn.data, kept=True)
    assert open_fit(lab, settings).folder == tmp_path / "tiny"
    kept = read_enhancer_recipe(tmp_path / "tiny")
    plain = json.loads((tmp_path / "tiny/recipe.json").read_text())
    (tmp_path / "tiny/recipe.json").write_text(json.dumps(plain | {"seed": kept.seed + 1}))
    with pytest.raises(ConfigError, match="keeps a fit of another recipe"):
        open_fit(lab, settings)


@pytest.mark.parametrize("head", ['parts = ["train", "test"]\n', "label = 1\n"])
def test_a_fit_that_makes_a_leak_is_not_shipped(
    drawn: DrawnEnhancerLab, tmp_path: Path, head: str
) -> None:
    lab = drawn.lab(drawn.recipe("leak", head=head), name="leak-lab")
    with pytest.raises(ConfigError, match="what ships has seen both classes"):
        run_enhancer(lab, Settings(tmp_path, drawn.data))


def test_a_file_over_its_budget_is_refused(made: Path, drawn: DrawnEnhancerLab) -> None:
    lab = drawn.lab(drawn.recipe(), name="small-lab", tail="max_bytes = 3000\n")
    with pytest.raises(DataError, match="over its budget of 3,000"):
        run_enhancer(lab, Settings(drawn.out, drawn.data))


def agreement(**changes: Any) -> Agreement:
    return replace(Agreement("nih-cells", "whole", "litert", 9, 34.0, 33.9), **changes)


def test_a_loss_is_refused_with_its_place() -> None:
    check_agreements([agreement(), agreement(psnr_int8_db=34.0 - MAX_LOSS_DB)])
    lost = agreement(place="inside", runtime="onnx", psnr_int8_db=33.75)
    with pytest.raises(DataError, match=r"loses 0\.25 dB .* onnx, nih-cells, inside"):
        check_agreements([agreement(), lost])
    with pytest.raises(DataError, match=r"at most 0\.2"):
        check_agreements([agreement(psnr_float_db=49.0, psnr_int8_db=48.7)])
    with pytest.raises(DataError, match="loses nan"):
        check_agreements([agreement(psnr_int8_db=float("nan"))])
    with pytest.raises(DataError, match="nowhere"):
        check_agreements([])


def test_bundle_holds_drawn_tiles_and_enlarges(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert (manifest.bundle_id, manifest.task) == (f"{TASK}-1", TASK)
    assert bundle.array("golden/input.npy").shape == (2, TILE_PX, TILE_PX, 3)
    assert manifest.golden.tolerances["image"] >= 2
    picture = draw_pictures(1, 3, 50)[0]
    for name in ("litert", "onnx"):
        enhancer = Enhancer(bundle, open_runtime(bundle, "enhancer", names=[name]))
        assert enhancer.self_test().n_cells == 2
        assert enhancer.enhance(picture).shape == (100, 100, 3)


def test_card_says_limits_places_and_runtimes(bundle: Bundle, record: CompressedEnhancer) -> None:
    card = bundle.path.joinpath("MODEL_CARD.md").read_text()
    for words in ("no evidence", "inside the cell", "| nih-cells | whole | onnx |", "psnr_gain_db"):
        assert words in card
    unmeasured = replace(
        record.enhancer.parity,
        runtimes=tuple(r for r in record.enhancer.parity.runtimes if r.format == "onnx"),
    )
    less = replace(record, enhancer=replace(record.enhancer, parity=unmeasured))
    assert "| tflite_runtime | not measured |" in render_enhancer_card(bundle.manifest, less)


def changed(made: Path, folder: Path, **changes: Any) -> Path:
    """A copy of what the lab left with another record."""
    copied = Path(shutil.copytree(made, folder))
    write_enhancer(copied, replace(read_enhancer(copied), **changes))
    return copied


def test_what_was_altered_is_not_packed(
    made: Path, record: CompressedEnhancer, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    lossy = (replace(record.agreements[0], psnr_int8_db=0.0),)
    with pytest.raises(DataError, match="INT8 loses"):
        pack_enhancer(changed(made, tmp_path / "a", agreements=lossy), out, version=1)
    twice = (record.weights[0], record.weights[0])
    with pytest.raises(DataError, match="one file of each format"):
        pack_enhancer(changed(made, tmp_path / "b", weights=twice), out, version=1)
    other = changed(made, tmp_path / "c")
    (other / record.weights[0].file).write_bytes(b"another")
    with pytest.raises(DataError, match=r"compressed_enhancer\.json was written for"):
        pack_enhancer(other, out, version=1)
    (other / "compressed_enhancer.json").write_text("{")
    with pytest.raises(DataError, match="cannot be packed"):
        pack_enhancer(other, out, version=1)
    with pytest.raises(ConfigError, match="holds no compressed_enhancer"):
        pack_enhancer(tmp_path, out, version=1)
    assert not out.exists()


def test_a_bundle_is_never_overwritten(made: Path, bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="never overwritten"):
        pack_enhancer(made, bundle.path, version=2)


def test_kernels_that_part_are_refused(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compress.superres.golden.MAX_DIFFERENCE", -1)
    with pytest.raises(DataError, match="grey levels away from LiteRT's"):
        pack_enhancer(made, tmp_path / "bundle", version=1)


def test_commands_run_pack_and_evaluate(
    made: Path, drawn: DrawnEnhancerLab, tmp_path: Path, clinicscope: Run
) -> None:
    lab, out = drawn.root / "lab.toml", tmp_path / "bundle"
    code, said, _ = clinicscope("compress", "run", lab, "--out", drawn.out, "--data", drawn.data)
    assert code == 0 and "nih-cells, inside, onnx: " in said and said.endswith(f"{made}\n")
    code, said, _ = clinicscope("compress", "pack", made, "--out", out)
    assert code == 0 and said.startswith(f"{TASK}-1 sha256")
    code, _, error = clinicscope("compress", "pack", made, "--out", out, "--novelty", made)
    assert code != 0 and "it is packed alone" in error
    words = ["compress", "evaluate", out, "--role", "enhancer", "--data", drawn.data]
    code, said, _ = clinicscope(*words, "--dataset", "nih-cells", "--fold", 0)
    assert code == 0
    assert "bicubic: nih-cells, held-out fold 0, whole picture, " in said
    assert f"{out} onnx: nih-cells, held-out fold 0, inside the cell, " in said
    code, said, _ = clinicscope(*words, "--dataset", "nih-cells", "--fold", 0, "--json")
    figures = json.loads(said)
    shipped = read_enhancer(made).evaluation[0].metrics["psnr_db"]
    found = figures[f"{out} tflite"]["whole picture"]["psnr_db"]
    assert found["value"] == pytest.approx(shipped.value, abs=1e-3)
    assert figures["bicubic"]["whole picture"]["psnr_gain_db"]["value"] == 0
    for wrong, message in (
        (("--dataset", "nih-cells"), "need the --fold"),
        (("--dataset", "chula-fields", "--fold", 0), "fields have none"),
        (("--dataset", "iml-cells"), "no pairs 'iml-cells'"),
    ):
        code, _, error = clinicscope(*words, *wrong)
        assert code != 0 and message in error
    words[2] = SHIPPED_DIR / "malaria-cells-5"
    code, _, error = clinicscope(*words, "--dataset", "nih-cells", "--fold", 0)
    assert code != 0 and "has no enhancer network" in error


def test_legacy_runtime_fails_aloud_and_is_left_out_where_it_is_not(
    record: CompressedEnhancer, tmp_path: Path
) -> None:
    entry, images = record.weights[0], [draw_pictures(1)[0]]
    assert legacy_enlarged(b"", entry, images, TILE_PX, MARGIN_PX, tmp_path) is None
    with pytest.raises(DataError, match="fails on"):
        legacy_enlarged(b"no model", entry, images, TILE_PX, MARGIN_PX)


def test_recipe_that_ships_is_of_this_kind_and_names_a_fit() -> None:
    assert is_enhancer_lab(TASK)
    assert not is_enhancer_lab("malaria-cells") and not is_enhancer_lab("none")
    lab = load_enhancer_lab(TASK)
    assert lab.max_bytes == 40_000
    recipe = load_enhancer_recipe(lab.enhancer)
    assert recipe.parts == ("train",) and recipe.task == TASK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": ()}, "pairs are"),
        ({"pairs": ("cells",)}, "pairs are .*cells"),
        ({"tile_px": 60}, "multiple of 8"),
        ({"margin_px": 64}, "between the margins"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"title": "t", "enhancer": "e", "pairs": ("nih-cells",)}
    with pytest.raises(ConfigError, match=message):
        EnhancerLab(**plain | changes)


def test_broken_recipes_are_refused(drawn: DrawnEnhancerLab) -> None:
    for tail, message in (
        ("per_clas = 3\n", "unknown keys"),
        ("[aware]\nepochs = 0\nrate = 1e-3\n", "at least 1"),
        ("[", "cannot be used"),
    ):
        lab = drawn.lab(drawn.recipe(), name="broken", tail=tail)
        with pytest.raises(ConfigError, match=message):
            load_enhancer_lab(lab)
    assert not is_enhancer_lab(lab)
    with pytest.raises(ConfigError, match="cannot be used"):
        load_enhancer_lab("no-such-lab")
