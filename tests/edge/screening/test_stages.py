"""Stages of called cells, on painted fields: named, counted apart, and never in the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge import installed
from edge.config import DeviceConfig
from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.errors import BundleError, GoldenMismatchError, RuntimeUnavailableError
from edge.contract.images import encode_image
from edge.contract.labels import PARASITISED, STAGES
from edge.contract.manifest_json import format_manifest
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import CellCall, FieldResult, U8Array
from edge.health import OK, WARNING
from edge.health.networks import check_stages
from edge.installed import list_bundles, load_classifier, load_screener, open_stages, prove_screener
from edge.runtimes.base import open_runtime
from edge.screening.screener import Screener
from edge.screening.stages import StageNetwork
from edge.tally import tally_fields
from tests.edge.runtimes.drawn_networks import SIZE_PX, draw_cells
from tests.support.painted_field import (
    STAGE_LETTERS,
    paint_cell,
    paint_field,
    write_second_opinion,
    write_stages,
)

Run = Callable[..., tuple[int, str, str]]
HEALTHY = [""] * 40
SPEC = Preprocessing(SIZE_PX)


@pytest.fixture()
def config(tmp_path: Path) -> DeviceConfig:
    return DeviceConfig(bundle=str(write_second_opinion(tmp_path / "cells").path))


@pytest.fixture()
def screener(home: Path, config: DeviceConfig) -> Screener:
    """Reads painted fields, with a bundle of stages installed."""
    write_stages(home / "bundles/stages")
    return load_screener(home, config)


def screened(screener: Screener, cells: list[str], at_edge: Sequence[str] = ()) -> FieldResult:
    return screener.screen(paint_field(cells, at_edge))


def infected(result: FieldResult) -> list[CellCall]:
    """Cells that are not called healthy, whole ones first, as they lie in the field."""
    odd = [cell for cell in result.cells if cell.label != "uninfected"]
    return sorted(odd, key=lambda cell: (cell.box.at_border, cell.box.top_px, cell.box.left_px))


def test_called_cells_get_their_stage(screener: Screener) -> None:
    result = screened(screener, [*HEALTHY, *"rtsg", "r", "g"])
    labels = [STAGE_LETTERS[letter] for letter in "rtsgrg"]
    assert [cell.label for cell in infected(result)] == labels
    assert result.stages_read
    assert "stages" in result.timings_ms
    tally = tally_fields([result])
    assert (tally.rbc_count, tally.positive_count) == (46, 6)
    assert tally.stage_counts == dict(Counter(labels))


def test_nothing_but_the_label_of_called_cells_changes(screener: Screener) -> None:
    frame = paint_field([*HEALTHY, "r", "gn", "n", "f", "i", "sf"], ["g"])
    with_stages = screener.screen(frame).cells
    without = replace(screener, stages=None).screen(frame).cells
    assert len(with_stages) == len(without)
    for named, plain in zip(with_stages, without, strict=True):
        assert plain.label in {PARASITISED, named.label}
        before, after = (
            {key: value for key, value in vars(cell).items() if key not in {"label", "box", "cam"}}
            for cell in (plain, named)
        )
        assert before == after


def test_cell_between_two_stages_stays_parasitised(screener: Screener) -> None:
    result = screened(screener, [*HEALTHY, "i", "s"])
    assert [cell.label for cell in infected(result)] == [PARASITISED, "schizont"]
    tally = tally_fields([result])
    assert tally.positive_count == 2
    assert sum(tally.stage_counts.values()) == 1


def test_refused_suspect_has_no_stage_and_one_at_the_border_is_not_counted(
    screener: Screener,
) -> None:
    result = screened(screener, [*HEALTHY, "gf", "g"], ["g"])
    refused, whole, cut = infected(result)
    assert (refused.label, bool(refused.refused)) == (PARASITISED, True)
    assert (whole.label, whole.counted) == ("gametocyte", True)
    assert (cut.label in {PARASITISED, *STAGES}, cut.counted) == (True, False)
    assert tally_fields([result]).stage_counts == dict.fromkeys(STAGES, 0) | {"gametocyte": 1}


def test_field_without_a_called_cell_asks_the_network_nothing(screener: Screener) -> None:
    screener.stages.runtime.close()
    result = screened(screener, HEALTHY)
    assert result.stages_read
    assert not infected(result)


def test_refused_field_was_not_read_for_stages(screener: Screener) -> None:
    assert not screened(screener, ["f"] * 40).stages_read


def prepared(cells: Sequence[str], spec: Preprocessing) -> U8Array:
    return np.stack([prepare_crop(paint_cell(cell)[2:39, 2:39], spec) for cell in cells])


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_network_names_a_stage_only_where_it_is_likelier_than_the_rest(
    tmp_path: Path, runtime: str
) -> None:
    bundle = write_stages(tmp_path / "stages")
    network = StageNetwork(bundle, open_runtime(bundle, names=[runtime]))
    assert network.read(prepared("rtsg", SPEC)) == list(STAGES)
    assert network.read(draw_cells(0)) == []
    blunt = replace(
        bundle,
        manifest=replace(
            bundle.manifest,
            score_calibration=replace(bundle.manifest.score_calibration, temperature=100.0),
        ),
    )
    assert set(StageNetwork(blunt, network.runtime).read(prepared("rtsg", SPEC))) == {PARASITISED}


def test_cells_are_prepared_as_the_bundle_of_stages_wants_them(
    home: Path, config: DeviceConfig
) -> None:
    # Without its black corners a cell is bluer, so it looks older by a stage.
    write_stages(home / "bundles/stages", preprocessing=Preprocessing(SIZE_PX, trim=0.25))
    result = screened(load_screener(home, config), [*HEALTHY, "t", "s"])
    assert [cell.label for cell in infected(result)] == ["schizont", "gametocyte"]


def test_record_says_which_bundle_named_the_stages(screener: Screener) -> None:
    ran_on = screener.ran_on
    assert ran_on.stages_bundle_id == "drawn-stages-99"
    assert ran_on.stages_bundle_sha256 == screener.stages.bundle.sha256
    assert (ran_on.bundle_id, ran_on.stages_problem) == ("drawn-1", "")
    assert screener.stages.runtime.name == screener.runtime.name


def test_close_frees_the_network_of_stages_too(screener: Screener) -> None:
    screener.close()
    screener.close()
    with pytest.raises(RuntimeUnavailableError, match="was closed"):
        screener.stages.runtime.run(draw_cells(1))


def test_newest_bundle_of_stages_is_the_active_one(home: Path, config: DeviceConfig) -> None:
    assert load_screener(home, config).ran_on.stages_bundle_id == "malaria-stages-1"
    write_stages(home / "bundles/stages")
    assert load_classifier(home, config).ran_on.stages_bundle_id == "drawn-stages-99"


def rewrite(bundle: Bundle, **changes: object) -> None:
    """The bundle's manifest on disk, changed."""
    text = format_manifest(replace(bundle.manifest, **changes))
    (bundle.path / MANIFEST).write_text(text)


def break_weights(home: Path) -> None:
    bundle = write_stages(home / "bundles/stages")
    weights = next(bundle.path.glob("*.tflite"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")


def break_golden(home: Path) -> None:
    bundle = write_stages(home / "bundles/stages")
    golden = bundle.manifest.golden
    rewrite(bundle, golden=replace(golden, tolerances=dict.fromkeys(golden.tolerances, -1.0)))


def break_labels(home: Path) -> None:
    bundle = write_stages(home / "bundles/stages")
    rewrite(bundle, labels=("ring", "trophozoite", "schizont", "wbc"))


def break_runtime(home: Path) -> None:
    bundle = write_stages(home / "bundles/stages")
    onnx = tuple(item for item in bundle.manifest.weights if item.format == "onnx")
    rewrite(bundle, weights=onnx)
    (bundle.path / "drawn.tflite").unlink()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (break_weights, "sha256"),
        (break_golden, "golden"),
        (break_labels, "stages need 'malaria-stages' and ring, trophozoite, schizont, gametocyte"),
        (break_runtime, "no runtime opened bundle drawn-stages-99: litert"),
    ],
)
def test_bundle_that_fails_is_said_and_screening_goes_on(
    home: Path, config: DeviceConfig, spoil: Callable[[Path], None], problem: str
) -> None:
    spoil(home)
    screener = load_screener(home, replace(config, runtimes=("litert",)))
    assert screener.stages is None
    assert screener.ran_on.stages_bundle_id == ""
    assert problem in screener.ran_on.stages_problem
    result = screened(screener, [*HEALTHY, *"rtsg"])
    assert [cell.label for cell in infected(result)] == [PARASITISED] * 4
    assert (result.stages_read, "stages" in result.timings_ms) == (False, False)
    screener.close()


def test_stages_open_on_the_classifiers_runtime(home: Path, config: DeviceConfig) -> None:
    """A record names one runtime, so another one may not serve beside it."""
    break_runtime(home)
    assert "litert" in load_screener(home, config).ran_on.stages_problem
    on_onnx = load_screener(home, replace(config, runtimes=("onnx",)))
    assert on_onnx.ran_on.stages_bundle_id == "drawn-stages-99"


def test_device_without_a_bundle_of_stages_says_so(
    home: Path, config: DeviceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = home / "nothing-shipped"
    monkeypatch.setattr(installed, "list_bundles", lambda home: list_bundles(home, nothing))
    screener = load_screener(home, config)
    assert screener.ran_on.stages_problem == "no bundle for 'malaria-stages' is installed"
    check = check_stages(home, config)
    assert (check.state, check.detail) == (WARNING, screener.ran_on.stages_problem)
    assert "gametocytes are not told apart" in check.advice


def test_screener_opened_by_hand_says_that_none_was_opened(config: DeviceConfig) -> None:
    bundle = installed.find_bundle(Path(), config.bundle)
    opened = prove_screener(bundle, config)
    assert opened.ran_on.stages_problem == "no network of stages was opened"


def test_health_check_proves_the_network(home: Path, config: DeviceConfig) -> None:
    write_stages(home / "bundles/stages")
    check = check_stages(home, config)
    assert check.state == OK
    assert check.detail.startswith("drawn-stages-99 (")
    break_golden(home)
    assert check_stages(home, config).state == WARNING


def test_bundles_of_other_tasks_name_no_stages(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    with pytest.raises(BundleError, match="is for 'malaria-cells'"):
        StageNetwork(bundle, open_runtime(bundle))


def test_golden_tensors_are_proven(tmp_path: Path) -> None:
    break_golden(tmp_path)
    bundle = open_bundle(tmp_path / "bundles/stages")
    with pytest.raises(GoldenMismatchError, match="golden logit"):
        StageNetwork(bundle, open_runtime(bundle))


def test_shipped_bundle_opens(home: Path) -> None:
    stages, problem = open_stages(home, DeviceConfig())
    assert (stages is not None, problem) == (True, "")


def screen_file(clinicscope: Run, tmp_path: Path, config: DeviceConfig, cells: list[str]) -> str:
    path = tmp_path / "field.png"
    path.write_bytes(encode_image(paint_field(cells).image))
    code, out, err = clinicscope(
        "screen", path, "--bundle", config.bundle, "--json", tmp_path / "out.json", "--report",
        tmp_path / "report.html",
    )  # fmt: skip
    assert code == 0, err
    return out


def test_screen_reports_gametocytes_apart(
    clinicscope: Run, home: Path, tmp_path: Path, config: DeviceConfig
) -> None:
    stages = write_stages(home / "bundles/stages")
    out = screen_file(clinicscope, tmp_path, config, [*HEALTHY, "r", "r", "t", "i", "g", "g"])
    assert (
        "stages: 2 ring, 1 trophozoite, 0 schizont, 1 not named; apart, as they do not count "
        "toward density: 2 gametocyte"
    ) in out
    content = json.loads((tmp_path / "out.json").read_text())
    slide = content["slide"]
    assert (slide["positive_count"], slide["gametocyte_count"]) == (6, 2)
    assert slide["stage_counts"] == dict(zip(STAGES, (2, 1, 0, 2), strict=True))
    assert (slide["stages_bundle_id"], slide["stages_bundle_sha256"]) == (
        "drawn-stages-99",
        stages.sha256,
    )
    labels = Counter(cell["label"] for cell in content["fields"][0]["cells"])
    assert labels["gametocyte"] == 2
    page = (tmp_path / "report.html").read_text()
    assert "<dd>2 ring, 1 trophozoite, 0 schizont, 1 not named</dd>" in page
    assert "<dd>2 of those called infected look like gametocytes" in page
    assert f"stages by drawn-stages-99 ({stages.sha256[:12]})" in page
    assert page.count("· gametocyte ·") == 2


def test_screen_says_why_stages_were_not_told_apart(
    clinicscope: Run, home: Path, tmp_path: Path, config: DeviceConfig
) -> None:
    break_golden(home)
    out = screen_file(clinicscope, tmp_path, config, [*HEALTHY, *"rrrg"])
    assert "stages: not told apart: golden logit differs" in out
    slide = json.loads((tmp_path / "out.json").read_text())["slide"]
    assert (slide["positive_count"], slide["gametocyte_count"], slide["stage_counts"]) == (
        4,
        None,
        {},
    )
    assert "not told apart: golden logit differs" in (tmp_path / "report.html").read_text()


def test_slide_without_a_called_cell_speaks_of_no_stage(
    clinicscope: Run, home: Path, tmp_path: Path, config: DeviceConfig
) -> None:
    write_stages(home / "bundles/stages")
    assert "stages" not in screen_file(clinicscope, tmp_path, config, HEALTHY)
    slide = json.loads((tmp_path / "out.json").read_text())["slide"]
    assert slide["gametocyte_count"] == 0
