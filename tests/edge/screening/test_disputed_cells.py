"""Two real networks on painted cells: what they say of each cell, of a field, and of a slide."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.analysis.quality import EMPTY, NOT_A_SMEAR
from edge.config import DeviceConfig
from edge.contract.errors import BundleError, GoldenMismatchError, RuntimeUnavailableError
from edge.contract.images import encode_image
from edge.contract.manifest_json import format_manifest
from edge.contract.types import CellBox, CellCall, FieldResult
from edge.health import FAILED, OK
from edge.health.networks import check_bundle
from edge.installed import prove_classifier, prove_screener
from edge.runtimes.base import open_runtime
from edge.screening.classifier import Classifier
from edge.screening.field_calls import field_refusal
from edge.screening.novelty import LEAST_CELLS_FOR_MEDIAN, NoveltyNetwork, Opinion
from edge.screening.screener import Screener
from edge.tally import tally_fields
from tests.edge.runtimes.drawn_networks import draw_cells, expected_scores
from tests.support.painted_field import (
    NOVELTY,
    paint_cell,
    paint_field,
    write_first_opinion,
    write_second_opinion,
)

Run = Callable[..., tuple[int, str, str]]
HEALTHY = [""] * 40


@pytest.fixture()
def screener(tmp_path: Path) -> Screener:
    return prove_screener(write_second_opinion(tmp_path / "bundle"), DeviceConfig())


def screened(screener: Screener, cells: list[str], at_edge: list[str] | None = None) -> FieldResult:
    return screener.screen(paint_field(cells, at_edge or []))


def odd_ones(result: FieldResult) -> list[CellCall]:
    """Cells that are not plainly healthy, whole ones first, as they lie in the field."""
    odd = [
        cell
        for cell in result.cells
        if cell.label != "uninfected" or cell.refused or cell.disagrees
    ]
    return sorted(odd, key=lambda cell: (cell.box.at_border, cell.box.top_px, cell.box.left_px))


def test_opinion_is_what_the_arithmetic_says(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    cells = draw_cells(20)
    expected = expected_scores(cells, NOVELTY)
    for name in ("litert", "onnx"):
        novelty = NoveltyNetwork(bundle, open_runtime(bundle, "novelty", names=[name]))
        opinion = novelty.read(cells)
        assert opinion.novelty.dtype == opinion.foreign.dtype == opinion.maps.dtype == np.float32
        found = np.stack([opinion.novelty, opinion.foreign], axis=1)
        assert found == pytest.approx(1 / (1 + np.exp(-expected.logits)), abs=1e-4)
        assert np.abs(opinion.maps - expected.cams[..., 0]).max() < 1e-3
        assert novelty.read(cells[:0]).novelty.shape == (0,)


def test_each_cell_gets_both_opinions(screener: Screener) -> None:
    result = screened(screener, [*HEALTHY, "i", "n", "in"])
    assert result.quality.usable
    assert {"infer", "novelty"} <= result.timings_ms.keys()
    assert all(0 <= cell.novelty <= 1 for cell in result.cells)
    missed, novel, both = odd_ones(result)
    assert (missed.label, missed.disagrees) == ("parasitised", True)
    assert (novel.label, novel.disagrees, novel.counted) == ("uninfected", True, True)
    assert (both.label, both.disagrees) == ("parasitised", False)
    assert not any(cell.refused for cell in result.cells)
    tally = tally_fields([result])
    assert (tally.rbc_count, tally.positive_count, tally.disagreement_count) == (43, 2, 2)


def test_map_is_that_of_the_network_which_suspects_the_cell(screener: Screener) -> None:
    result = screened(screener, [*HEALTHY, "i", "n", "in"])
    infected, novel, both = odd_ones(result)
    # Inside a cell: blue 20 above red, red 10 above green.
    assert infected.cam.max() == pytest.approx(20 / 16, abs=0.1)
    assert novel.cam.max() == pytest.approx(25 / 16, abs=0.1)
    assert both.cam.max() == pytest.approx(20 / 16, abs=0.1)
    assert all(cell.cam is None for cell in result.cells if cell not in (infected, novel, both))


def test_what_is_no_red_cell_is_not_counted_and_a_suspect_stays_one(screener: Screener) -> None:
    result = screened(screener, [*HEALTHY, "f", "nf", "if"])
    debris, novel, suspect = odd_ones(result)
    for cell in (debris, novel):
        assert (cell.label, cell.score, cell.counted) == ("debris", None, False)
        assert cell.refused.startswith("no red blood cell (foreign 0.6")
        assert not cell.disagrees
    assert (suspect.label, suspect.counted, suspect.disagrees) == ("parasitised", False, False)
    assert suspect.score > 0.5
    assert suspect.cam is not None
    assert "looks infected; not counted, have it reviewed" in suspect.refused
    tally = tally_fields([result])
    assert (tally.rbc_count, tally.positive_count) == (40, 0)
    assert (tally.uncounted_suspects, tally.refused_cell_count) == (1, 3)


def test_half_a_cell_at_the_edge_is_not_called_debris(screener: Screener) -> None:
    result = screened(screener, HEALTHY, ["f", "if", "n"])
    infected, novel = odd_ones(result)
    assert (infected.label, infected.refused, infected.counted) == ("parasitised", "", False)
    assert (novel.disagrees, novel.counted) == (True, False)
    assert tally_fields([result]).refused_cell_count == 0


def test_field_of_mostly_foreign_objects_is_no_smear(screener: Screener) -> None:
    assert screened(screener, [""] * 20 + ["f"] * 20).quality.usable
    refused = screened(screener, [""] * 20 + ["f"] * 21)
    assert (refused.quality.usable, refused.quality.reason) == (False, NOT_A_SMEAR)
    assert refused.cells == ()
    assert refused.quality.focus > 0


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["f"], NOT_A_SMEAR),
        (["f", "f"], NOT_A_SMEAR),
        (["f", ""], ""),
        (["f", "if"], ""),
        (["f", "f", ""], NOT_A_SMEAR),
    ],
)
def test_few_objects_are_no_smear_only_together(
    screener: Screener, cells: list[str], reason: str
) -> None:
    small = paint_field(cells, size_px=(240, 240))
    assert screener.screen(small).quality.reason == reason


def test_field_without_a_red_cell_is_empty(screener: Screener) -> None:
    nothing = Opinion(*np.zeros((3, 0), np.float32))
    white_cell = CellCall(CellBox(0, 0, 40, 40, np.ones((40, 40), bool), "wbc"), "wbc")
    for calls in ((), (white_cell,)):
        assert field_refusal(calls, nothing, screener.bundle.manifest) == EMPTY


def test_field_is_held_against_its_own_median(tmp_path: Path) -> None:
    def novelty_of(median: float | None, count: int) -> np.ndarray:
        bundle = write_second_opinion(tmp_path / f"{median}-{count}", field_median=median)
        cells = screened(prove_screener(bundle, DeviceConfig()), [""] * count + ["n"]).cells
        scores = np.array([cell.novelty for cell in cells], np.float64)
        return np.log(scores / (1 - scores))

    count = LEAST_CELLS_FOR_MEDIAN
    plain, shifted = novelty_of(None, count), novelty_of(-3.0, count)
    assert np.median(shifted) == pytest.approx(-3, abs=1e-3)
    assert shifted - plain == pytest.approx(-3 - np.median(plain), abs=1e-3)
    few = novelty_of(-3.0, count - 2)
    assert np.median(few) == pytest.approx(np.median(novelty_of(None, count - 2)), abs=1e-3)


def test_neither_foreign_objects_nor_halves_move_the_median(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle", field_median=-3.0)
    cells, at_edge = [""] * 30 + ["nf"] * 20 + [""] * 3, ["n"] * 10
    result = screened(prove_screener(bundle, DeviceConfig()), cells, at_edge)
    red = [cell.novelty for cell in result.cells if not cell.refused and not cell.box.at_border]
    assert np.median(red) == pytest.approx(1 / (1 + np.exp(3)), abs=1e-3)


def test_single_crops_are_not_shifted(tmp_path: Path) -> None:
    plain, shifted = (
        prove_classifier(write_second_opinion(tmp_path / str(median), field_median=median),
                         DeviceConfig())
        for median in (None, -3.0)
    )  # fmt: skip
    cells = draw_cells(40)
    assert np.array_equal(plain.novelty.read(cells).novelty, shifted.novelty.read(cells).novelty)


def test_bundle_without_a_second_opinion_works_as_before(tmp_path: Path) -> None:
    screener = prove_screener(write_first_opinion(tmp_path / "bundle"), DeviceConfig())
    assert screener.novelty is None
    result = screened(screener, [*HEALTHY, "i", "n", "f", "if"])
    assert [cell.novelty for cell in result.cells] == [None] * 44
    assert not any(cell.refused or cell.disagrees for cell in result.cells)
    assert tally_fields([result]).positive_count == 2
    assert "novelty" not in result.timings_ms
    screener.close()


def test_close_frees_both_networks(screener: Screener) -> None:
    screener.close()
    screener.close()
    for runtime in (screener.runtime, screener.novelty.runtime):
        with pytest.raises(RuntimeUnavailableError, match="was closed"):
            runtime.run(draw_cells(1))


def test_second_opinion_may_not_be_left_out(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    with pytest.raises(BundleError, match="has a novelty network; open it, too"):
        Classifier(bundle, open_runtime(bundle))
    first = write_first_opinion(tmp_path / "first")
    with pytest.raises(BundleError, match="has no novelty network"):
        NoveltyNetwork(first, open_runtime(bundle, "novelty"))


def test_both_networks_open_on_one_runtime(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    weights = [
        entry
        for entry in bundle.manifest.weights
        if (entry.role, entry.format) != ("novelty", "tflite")
    ]
    partial = replace(bundle, manifest=replace(bundle.manifest, weights=tuple(weights)))
    opened = prove_screener(partial, DeviceConfig())
    assert opened.runtime.name == opened.novelty.runtime.name == "onnx"
    with pytest.raises(RuntimeUnavailableError, match="has no tflite weights for 'novelty'"):
        prove_screener(partial, DeviceConfig(runtimes=("litert",)))


def test_novelty_networks_own_golden_tensors_are_proven(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    files = dict(bundle.files)
    classifiers = files["golden/logit.npy"], files["golden/cam.npy"]
    golden = bundle.manifest.novelty.golden
    files[golden.outputs["logit"]], files[golden.outputs["cam"]] = classifiers
    with pytest.raises(GoldenMismatchError, match="golden logit"):
        prove_screener(replace(bundle, files=files), DeviceConfig())


def test_doctor_and_selftest_prove_both(clinicscope: Run, home: Path, tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    check = check_bundle(home, DeviceConfig(bundle=str(bundle.path)))
    assert check.state == OK
    assert "golden tensors of classifier, novelty" in check.detail
    code, out, _ = clinicscope("selftest", "--bundle", bundle.path)
    assert code == 0
    assert "ok, novelty network: 5 golden cells" in out
    out = clinicscope("selftest", "--bundle", bundle.path, "--json")[1]
    assert json.loads(out)["novelty"]["n_cells"] == 5
    assert "novelty network: 5 golden" in clinicscope("bundle", "verify", bundle.path)[1]
    off = write_second_opinion(
        tmp_path / "off",
        golden=replace(bundle.manifest.novelty.golden, tolerances={"logit": -1.0, "cam": -1.0}),
    )
    check = check_bundle(home, DeviceConfig(bundle=str(off.path)))
    assert (check.state, "must not screen" in check.detail) == (FAILED, True)
    assert clinicscope("selftest", "--bundle", off.path)[0] == 3


def test_inspect_says_what_the_second_opinion_is(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    out = clinicscope("bundle", "inspect", bundle.path)[1]
    assert "weights     novelty, tflite" in out
    assert "novelty     0.5 (half way); false alarms in 1.00 % of 1,000 healthy cells" in out
    assert "foreign     0.6; 1.00 % of 1,000 red cells refused" in out
    assert clinicscope("bundle", "inspect", bundle.path, "--json")[1] == format_manifest(
        bundle.manifest
    )


def test_bench_times_both_networks(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    argv = ("bench", "--bundle", bundle.path, "--runs", 25, "--fields", 3)
    code, out, err = clinicscope(*argv, "--json", "-")
    assert code == 0, err
    first, second = json.loads(out)["models"]
    assert (first["role"], second["role"]) == ("classifier", "novelty")
    assert first["ratio"] == 1
    assert second["ratio"] == pytest.approx(second["median_ms"] / first["median_ms"], abs=0.1)
    assert json.loads(out)["field"]["stages_ms"].keys() >= {"infer", "novelty"}
    assert "drawn-1, novelty" in clinicscope(*argv)[1]


def crops_in(folder: Path, cells: list[str]) -> Path:
    folder.mkdir()
    for index, cell in enumerate(cells):
        (folder / f"{index}.png").write_bytes(encode_image(paint_cell(cell)))
    return folder


@pytest.mark.parametrize("runtime", ["litert", "onnx"])
def test_classify_carries_novelty_and_refuses_what_is_no_red_cell(
    clinicscope: Run, tmp_path: Path, runtime: str
) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    crops = crops_in(tmp_path / "crops", ["", "i", "n", "f", "if"])
    (crops / "5.png").write_text("no picture")
    out = tmp_path / "out.csv"
    code, _, err = clinicscope(
        "classify", crops, "--bundle", bundle.path, "--runtime", runtime, "--csv", out
    )
    assert code == 0, err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "score", "call", "novelty", "refused"]
    calls = ["uninfected", "parasitised", "uninfected", "", "", ""]
    assert [row["call"] for row in rows] == calls
    assert [float(row["novelty"]) >= 0.5 for row in rows[:5]] == [False, False, True, False, False]
    for row in rows[3:5]:
        # For measuring a classifier on all that it was shown; nothing is called by it.
        assert 0 <= float(row["score"]) <= 1
        assert row["refused"].startswith(
            "no red blood cell: nothing like a stained cell is in the image (foreign 0."
        )
        assert row["refused"].endswith("limit 0.60); send a crop of one red cell")
    assert (rows[5]["novelty"], bool(rows[5]["refused"])) == ("", True)


def test_screen_writes_both_opinions_and_a_report_of_them(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    frame = paint_field([*HEALTHY, "in", "i", "n", "f", "if"], ["in"])
    (tmp_path / "field.png").write_bytes(encode_image(frame.image))
    code, out, err = clinicscope(
        "screen", tmp_path / "field.png", "--bundle", bundle.path, "--json", tmp_path / "o.json",
        "--report", tmp_path / "r.html", "--annotated", tmp_path / "drawn",
    )  # fmt: skip
    assert code == 0, err
    assert "second opinion: differs on 2 cells, refuses 2 objects as no red cell" in out
    content = json.loads((tmp_path / "o.json").read_text())
    assert content["slide"]["disagreement_count"] == 2
    assert content["slide"]["refused_cell_count"] == 2
    cells = content["fields"][0]["cells"]
    assert sum(cell["disagrees"] for cell in cells) == 2
    assert sum(bool(cell["refused"]) for cell in cells) == 2
    page = (tmp_path / "r.html").read_text()
    assert "Suspect cells (4 of 4 shown" in page
    assert "Suspect to the second opinion alone (1 of 1 shown" in page
    assert page.count("<strong>second opinion: healthy</strong>") == 1
    assert page.count("looks infected; not counted, have it reviewed</strong>") == 1
    assert page.count("<strong>not counted: cut by the field&#39;s edge</strong>") == 1
    assert "differs on 2 cells; 2 objects refused as no red cell" in page


def test_report_of_one_opinion_speaks_of_no_second(clinicscope: Run, tmp_path: Path) -> None:
    bundle = write_first_opinion(tmp_path / "bundle")
    (tmp_path / "field.png").write_bytes(encode_image(paint_field([*HEALTHY, "i"]).image))
    code, out, _ = clinicscope(
        "screen", tmp_path / "field.png", "--bundle", bundle.path, "--report", tmp_path / "r.html"
    )
    assert code == 0
    assert "econd opinion" not in out + (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(("smears", "verdict"), [(1, "inconclusive"), (0, "refused")])
def test_slide_of_mostly_no_smear_is_refused(
    clinicscope: Run, tmp_path: Path, smears: int, verdict: str
) -> None:
    bundle = write_second_opinion(tmp_path / "bundle")
    folder = tmp_path / "fields"
    folder.mkdir()
    for index in range(3 + 2 * smears):
        cells = HEALTHY if index >= 3 - smears else ["f"] * 40
        (folder / f"{index}.png").write_bytes(encode_image(paint_field(cells).image))
    out = clinicscope("screen", folder, "--bundle", bundle.path, "--json", "-")[1]
    slide = json.loads(out)["slide"]
    assert slide["verdict"] == verdict
    assert (NOT_A_SMEAR in slide["why"]) == (verdict == "refused")


def test_foreign_suspect_forbids_negative(clinicscope: Run, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text(
        "[protocol]\nminimum_rbc_count = 30\nnegative_limit_fraction = 0.9\n"
    )
    bundle = write_second_opinion(tmp_path / "bundle")
    verdicts = {}
    for cell in ("", "f", "if"):
        path = tmp_path / f"field-{cell}.png"
        path.write_bytes(encode_image(paint_field([*HEALTHY, cell]).image))
        out = clinicscope("screen", path, "--bundle", bundle.path, "--json", "-")[1]
        verdicts[cell] = json.loads(out)["slide"]["verdict"]
    assert verdicts == {"": "negative", "f": "negative", "if": "inconclusive"}


def test_foreign_threshold_is_the_manifests(tmp_path: Path) -> None:
    bundle = write_second_opinion(tmp_path / "lax", foreign_threshold=0.9)
    result = screened(prove_screener(bundle, DeviceConfig()), [*HEALTHY, "f"])
    assert not any(cell.refused for cell in result.cells)
