"""A finder through the lab in small: INT8 for both runtimes, parity, bundle; what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compress.finder.export import describe, int8_onnx, int8_tflite
from compress.finder.fold_finders import (
    INDEX_FILE,
    FittedFinder,
    make_fold_finders,
    open_fold_finder,
    read_fitted,
    read_fold_finders,
    shown,
)
from compress.finder.measure import FLOAT, Compared, KerasGrid, compare, parity_of
from compress.finder.pack import INPUT, OUTPUT, draw_input, read_finder_part
from compress.finder.record import FinderRecord, read_finder, write_finder
from compress.finder.run import compress_finder
from compress.pack import CARD, pack_bundle
from compress.superres.record import RECORD_FILE as ENHANCER_FILE
from compress.variants import make_variant
from edge.cameras.smear import draw_field
from edge.config import DeviceConfig
from edge.contract.bundle import Bundle
from edge.contract.cell_grid import SIDE_STEP_PX
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import Weights
from edge.contract.types import Frame
from edge.installed import prove_screener
from edge.runtimes.base import Runtime
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime
from tests.compress.test_pack import draw_folder
from tests.support.drawn_finder_lab import SMEAR, write_fields, write_recipe
from tests.support.hand_made_fields import field_of, reading_at, truth_at
from tests.support.tiny_networks import SCALE, tiny_crops, tiny_network
from train.fields.truth import read_fields
from train.finder.fit import fit_finder, load_finder
from train.finder.recipe import load_finder_recipe
from train.models.start_weights import WEIGHTS_FILE

# tf_keras and the converter warn about their own deprecations.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("quick_graphs"),
]

Run = Callable[..., tuple[int, str, str]]
FORMATS = ("tflite", "onnx")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fields(tmp_path_factory.mktemp("fields"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of a hundred steps, which finds drawn cells; some ten seconds."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = load_finder_recipe(write_recipe(folder / "tiny.toml", epochs=25))
    return fit_finder(recipe, folder / "fold0", data=data).parent


@pytest.fixture(scope="module")
def fitted(run: Path, data: Path) -> FittedFinder:
    return read_fitted(run, data)


@pytest.fixture(scope="module")
def made(run: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `compress finder` leaves."""
    out = tmp_path_factory.mktemp("made") / "finder"
    compress_finder(run, out, data)
    return out


@pytest.fixture()
def record(made: Path) -> FinderRecord:
    return read_finder(made)


@pytest.fixture(scope="module")
def bundle(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("packed")
    cells = draw_folder(root / "cells", "cells")
    return pack_bundle(cells.path, root / "bundle", version=1, finder=made)


def opened(made: Path, entry: Weights) -> Runtime:
    kind = {"tflite": LiteRTRuntime, "onnx": OnnxRuntime}[entry.format]
    return kind((made / entry.file).read_bytes(), entry)


def files_of(made: Path) -> list[tuple[Weights, bytes]]:
    return [(entry, (made / entry.file).read_bytes()) for entry in read_finder(made).weights]


def test_record_says_what_ships_and_how_near_it_is(made: Path, record: FinderRecord) -> None:
    assert [entry.format for entry in record.weights] == ["tflite", "onnx"]
    assert all((made / entry.file).stat().st_size == entry.bytes for entry in record.weights)
    parent = {entry.parent for entry in record.weights}
    assert len(parent) == 1 and len(parent.pop()) == 64
    assert record.fitted_on == "iml-fields, all blocks but those of fold 0"
    parity = record.parity
    assert parity.n_fields == 3 and parity.n_cells > 100
    assert min(parity.recall_int8, parity.precision_int8) > 0.9
    assert [run.runtime for run in parity.runtimes] == ["litert", "onnx"]
    assert min(run.cells_agree_fraction for run in parity.runtimes) >= 0.95
    # Eight fields of the other folds' blocks set the ranges.
    assert record.representative_set.count_per_class == {"field": 8}


def test_figures_are_of_held_out_blocks(record: FinderRecord, data: Path) -> None:
    (entry,) = record.evaluation
    assert (entry.dataset, entry.n_patients) == ("iml-fields", 1)
    assert "blocks of held-out fold 0, INT8" in entry.role
    assert entry.metrics["recall"].value == pytest.approx(record.parity.recall_int8, abs=0.01)
    assert entry.metrics["recall_strict"].value <= entry.metrics["recall"].value


def test_both_files_answer_as_the_float_network_at_any_size(
    made: Path, run: Path, record: FinderRecord
) -> None:
    parent, image = KerasGrid(load_finder(run)[1]), draw_field(SMEAR, 9, 0).image
    runtimes = [opened(made, entry) for entry in record.weights]
    for height_px, width_px in ((8, 8), (96, 128), (40, 200), (192, 256)):
        assert height_px % SIDE_STEP_PX == width_px % SIDE_STEP_PX == 0
        part = np.ascontiguousarray(image[::5, ::5][:height_px, :width_px])
        expected = parent.grid(part)
        for runtime in runtimes:
            found = runtime.grid(part)
            assert found.shape == expected.shape == (height_px // 4, width_px // 4, 5)
            # Where cells are, and how far they reach in quarters of a diameter.
            there = expected[..., 0] > -1
            apart = np.abs(found - expected)[there]
            assert not apart.size or np.median(apart) < 0.2, (height_px, runtime.name)


def test_files_are_whole_numbers_from_end_to_end(record: FinderRecord) -> None:
    tflite, onnx = record.weights
    assert (tflite.inputs[0].dtype, tflite.outputs[0].dtype) == ("uint8", "int8")
    assert tflite.inputs[0].scale == pytest.approx(1 / 255, rel=1e-3)
    assert (onnx.inputs[0].dtype, onnx.outputs[0].dtype) == ("uint8", "float32")
    for entry in record.weights:
        assert entry.inputs[0].shape == (-1, -1, -1, 3)
        assert entry.outputs[0].shape == (-1, -1, -1, 5)


def test_the_same_network_gives_the_same_bytes(made: Path, fitted: FittedFinder) -> None:
    again = int8_tflite(fitted.model, fitted.images), int8_onnx(fitted.model, fitted.images)
    assert list(again) == [content for _, content in files_of(made)]


def test_what_ends_otherwise_is_no_finder() -> None:
    for name, format_, message in (
        ("int8", "tflite", "3 tensors at the ends"),
        ("onnx-int8", "onnx", "a finder has 'image' and 'grid'"),
    ):
        content = make_variant(name, tiny_network(), tiny_crops(), SCALE).content
        with pytest.raises(DataError, match=message):
            describe(content, format_, file="odd", parent="0" * 64)


def test_ranges_come_from_whole_fields_at_the_networks_size(fitted: FittedFinder) -> None:
    assert fitted.images.shape == (8, 192, 256, 3) and fitted.images.dtype == np.uint8
    assert all(field.block != "block0" for field in fitted.fields)
    first = shown(fitted.fields[0], fitted.recipe.grid)
    assert np.array_equal(first, fitted.images[0])
    assert fitted.images[0].std() > 5


def test_a_file_of_another_network_is_refused(made: Path, run: Path, data: Path) -> None:
    recipe, model = load_finder(run)
    for layer in model.layers:
        layer.set_weights([weight * 0.8 for weight in layer.get_weights()])
    truths = [truth for truth in read_fields("iml-fields", data) if truth.group == "block0"]
    compared = compare(model, files_of(made), recipe.grid, truths)
    formats = {"litert": "tflite", "onnx": "onnx"}
    swapped = Compared(
        {FLOAT: compared.fields["litert"], "litert": compared.fields[FLOAT]}
        | {"onnx": compared.fields["onnx"]}
    )
    for one in (compared, swapped):
        lost = one.figures(FLOAT)["recall"].value - one.figures("litert")["recall"].value
        assert abs(lost) > 0.05 or one.agreement("litert") < 0.95
        with pytest.raises(DataError, match=r"less ships|of its parent's cells"):
            parity_of(one, formats)


def compared_by_hand(float_: list[Any], int8: list[Any]) -> Compared:
    """Cells in a row: ten true ones, and those that each system finds."""
    truth = truth_at([(40 + 50 * n, 100) for n in range(10)])
    by_name = {FLOAT: float_, "litert": int8}
    return Compared({name: [field_of(truth, reading_at(at))] for name, at in by_name.items()})


def test_losses_and_other_cells_are_refused() -> None:
    row = [(40.0 + 50 * n, 100.0) for n in range(10)]
    formats = {"litert": "tflite"}
    same = parity_of(compared_by_hand(row, row), formats)
    assert (same.n_fields, same.n_cells, same.recall_int8) == (1, 10, 1.0)
    with pytest.raises(DataError, match=r"recall of 0\.9000, its float parent 1\.0000"):
        parity_of(compared_by_hand(row, row[:9]), formats)
    with pytest.raises(DataError, match=r"precision of 0\.9091, its float parent 1\.0000"):
        parity_of(compared_by_hand(row, [*row, (40, 300)]), formats)
    # As many and as right, but other ones.
    with pytest.raises(DataError, match=r"litert finds 88\.89% of its parent's cells"):
        parity_of(compared_by_hand([*row[:8], (40, 300)][:9], [*row[1:9], (40, 300)]), formats)


def test_agreement_pairs_each_cell_once() -> None:
    row = [(40.0 + 50 * n, 100.0) for n in range(10)]
    assert compared_by_hand(row, row).agreement("litert") == 1
    assert compared_by_hand(row, row[:5]).agreement("litert") == pytest.approx(2 / 3, abs=1e-4)
    assert compared_by_hand(row, [row[0], *row]).agreement("litert") == pytest.approx(20 / 21, 1e-4)
    assert compared_by_hand([], []).agreement("litert") == 0


def test_an_unfinished_run_is_refused(run: Path, data: Path, tmp_path: Path) -> None:
    half = Path(shutil.copytree(run, tmp_path / "half"))
    (half / WEIGHTS_FILE).unlink()
    with pytest.raises(ConfigError, match="fit the recipe to its end"):
        compress_finder(half, tmp_path / "out", data)
    assert not (tmp_path / "out").exists()


def changed(made: Path, folder: Path, **changes: Any) -> Path:
    """A copy of what the lab left with another record."""
    copied = Path(shutil.copytree(made, folder))
    write_finder(copied, replace(read_finder(copied), **changes))
    return copied


def test_what_was_altered_is_not_packed(made: Path, record: FinderRecord, tmp_path: Path) -> None:
    other = changed(made, tmp_path / "a")
    (other / record.weights[0].file).write_bytes(b"another")
    with pytest.raises(DataError, match=r"finder\.json was .* run `compress finder` again"):
        read_finder_part(other)
    away = replace(record.weights[0], file="../finder.int8.tflite")
    with pytest.raises(DataError, match=r"holds no file .*; run `compress finder` again"):
        read_finder_part(changed(made, tmp_path / "b", weights=(away,)))
    with pytest.raises(DataError, match="there are no tflite weights"):
        read_finder_part(changed(made, tmp_path / "c", weights=record.weights[1:]))
    for broken in ("{", json.dumps({"mood": 1})):
        (other / "finder.json").write_text(broken)
        with pytest.raises(DataError, match="run `compress finder` again"):
            read_finder_part(other)
    with pytest.raises(ConfigError, match=r"holds no finder\.json"):
        read_finder_part(tmp_path)


def test_kernels_that_part_are_not_packed(
    made: Path, run: Path, fitted: FittedFinder, record: FinderRecord, tmp_path: Path
) -> None:
    # The ONNX file of a network whose head says less.
    _, model = load_finder(run, (192, 256))
    head = model.get_layer("head")
    head.set_weights([weight * 0.5 for weight in head.get_weights()])
    content = int8_onnx(model, fitted.images)
    file = record.weights[1].file
    entry = describe(content, "onnx", file=file, parent=fitted.parent)
    other = changed(made, tmp_path / "a", weights=(record.weights[0], entry))
    (other / file).write_bytes(content)
    with pytest.raises(DataError, match=r"gives a golden grid .* away from LiteRT's"):
        read_finder_part(other)


def test_golden_field_is_drawn_at_the_size_that_the_network_sees(record: FinderRecord) -> None:
    image = draw_input(record.grid)
    assert image.shape == (1, 96, 128, 3) and image.dtype == np.uint8
    assert image.std() > 5


def test_bundle_with_a_finder_opens_proves_and_screens(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.finder and manifest.finder.grid.cell_px == 16
    roles = [(entry.role, entry.format) for entry in manifest.weights]
    assert roles == [(role, name) for role in ("classifier", "finder") for name in FORMATS]
    assert {INPUT, OUTPUT} <= manifest.files.keys()
    assert any("finder" in entry.role for entry in manifest.evaluation)
    field = draw_field(SMEAR, 11, 0)
    for name in ("litert", "onnx"):
        screener = prove_screener(bundle, DeviceConfig(runtimes=(name,)))
        assert screener.finder and screener.finder.self_test().n_cells == 1
        boxes = screener.finder.network.find(Frame(field.image, "drawn"))
        whole = [box for box in boxes if box.kind == "rbc" and not box.at_border]
        assert len(whole) == pytest.approx(field.rbc_count, rel=0.1)
        screener.close()


def test_card_says_how_the_cells_are_found(bundle: Bundle, record: FinderRecord) -> None:
    card = bundle.path.joinpath(CARD).read_text()
    assert "## Finder" in card and "red cells 16 px wide" in card
    assert f"recall {record.parity.recall_int8:.4f}" in card
    for entry in record.weights:
        assert f"- finder: {entry.file}, {entry.bytes:,} bytes" in card


def test_zip_of_a_bundle_with_a_finder_opens(made: Path, tmp_path: Path) -> None:
    cells = draw_folder(tmp_path / "cells", "cells")
    packed = pack_bundle(cells.path, tmp_path / "b.zip", version=2, finder=made, as_zip=True)
    prove_screener(packed, DeviceConfig()).close()


def test_enhancers_are_packed_alone(clinicscope: Run, made: Path, tmp_path: Path) -> None:
    (tmp_path / ENHANCER_FILE).write_text("{}")
    code, _, err = clinicscope(
        "compress", "pack", tmp_path, "--finder", made, "--out", tmp_path / "out"
    )
    assert code != 0 and "holds an enhancer; it is packed alone" in err


def test_commands_make_pack_and_inspect(
    clinicscope: Run, run: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "finder"
    code, said, err = clinicscope("compress", "finder", run, "--out", out, "--data", data)
    assert code == 0, err
    assert f"{out}: tflite" in said and "cells (float" in said
    cells = draw_folder(tmp_path / "cells", "cells")
    code, said, err = clinicscope(
        "compress", "pack", cells.path, "--finder", out, "--out", tmp_path / "bundle"
    )
    assert code == 0, err
    code, said, _ = clinicscope("bundle", "inspect", tmp_path / "bundle")
    assert code == 0 and "finder      cells 16 px wide, from score 0.4" in said
    code, said, err = clinicscope("selftest", "--bundle", tmp_path / "bundle")
    assert code == 0 and "ok, finder network: 1 golden cells" in said


def test_fold_finders_are_made_named_and_opened(
    clinicscope: Run, run: Path, data: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    words = ("--fold", 0, "--runs", run.parent, "--out", models, "--data", data)
    code, _, err = clinicscope("compress", "fold-finders", *words)
    assert code == 0, err
    (one,) = read_fold_finders(models)
    assert (one.fold, one.grid.cell_px, one.weights.format) == (0, 16, "tflite")
    field = draw_field(SMEAR, 11, 0)
    found = open_fold_finder(one, models).find(Frame(field.image, "drawn"))
    whole = [box for box in found if box.kind == "rbc" and not box.at_border]
    assert len(whole) == pytest.approx(field.rbc_count, rel=0.1)
    # Another fold goes beside it.
    listed = json.loads((models / INDEX_FILE).read_text())
    (models / INDEX_FILE).write_text(json.dumps([listed[0] | {"fold": 3}]))
    make_fold_finders([0], models, run.parent, data)
    assert [one.fold for one in read_fold_finders(models)] == [0, 3]


def test_fold_finders_of_another_fold_or_file_are_refused(
    run: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "fold1").symlink_to(run)
    with pytest.raises(ConfigError, match="holds out fold 0; give --runs whose fold1"):
        make_fold_finders([1], tmp_path / "models", tmp_path, data)
    with pytest.raises(ConfigError, match="make it with `clinicscope compress fold-finders`"):
        read_fold_finders(tmp_path)
    (tmp_path / INDEX_FILE).write_text('[{"mood": 1}]')
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fold_finders(tmp_path)
    (one,) = make_fold_finders([0], tmp_path / "models", run.parent, data)
    (tmp_path / "models" / one.weights.file).write_bytes(b"another")
    with pytest.raises(ConfigError, match="missing or another file"):
        open_fold_finder(one, tmp_path / "models")
