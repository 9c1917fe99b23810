"""Fields are read with the finder of a fold at any size; a bundle's finder is proven or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from compress.finder.fold_finders import FoldFinder, open_fold_finder, read_fold_finders
from edge.analysis.cells import find_cells
from edge.analysis.quality import CROWDED, assess_quality
from edge.cameras.smear import DrawnField, SmearSettings, draw_field
from edge.config import DeviceConfig
from edge.contract.bundle import Bundle
from edge.contract.cell_grid import SIDE_STEP_PX
from edge.contract.errors import BundleError, GoldenMismatchError, RuntimeUnavailableError
from edge.contract.images import encode_image
from edge.contract.labels import NON_RBC
from edge.contract.types import CellBox, Frame, U8Array
from edge.installed import prove_screener
from edge.runtimes.base import open_runtime, open_runtimes
from edge.runtimes.litert import LiteRTRuntime
from edge.screening.finder import FinderNetwork, LearnedFinder, crowding, finder_of
from edge.screening.screener import Screener
from tests.support.drawn_finder import OUTPUT, write_finder_bundle
from tests.support.painted_field import INFECTED, paint_field, write_first_opinion

Run = Callable[..., tuple[int, str, str]]
SMEAR = SmearSettings()
BARE = replace(SMEAR, wbc_per_1000_rbc=0, platelets_per_field=0, debris_per_field=0)
SEEDS = (3, 6, 8)


@cache
def drawn(seed: int = 3) -> DrawnField:
    return draw_field(SMEAR, seed, 0)


@pytest.fixture(scope="module")
def of_fold() -> FoldFinder:
    return read_fold_finders()[0]


@pytest.fixture()
def network(of_fold: FoldFinder) -> FinderNetwork:
    """Remembers nothing yet."""
    return open_fold_finder(of_fold)


def red(found: Sequence[CellBox]) -> list[CellBox]:
    return [box for box in found if box.kind == "rbc"]


def find(network: FinderNetwork, image: U8Array, um_per_px: float | None = None) -> list[CellBox]:
    return red(network.find(Frame(image, "drawn", um_per_px=um_per_px)))


def centres(found: Sequence[CellBox]) -> np.ndarray:
    return np.array(
        [(box.left_px + box.width_px / 2, box.top_px + box.height_px / 2) for box in found]
    )


def share_near(first: np.ndarray, second: np.ndarray, limit_px: float) -> float:
    """Share of the first points that have one of the second near."""
    away = np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
    return float((away.min(axis=1) < limit_px).mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_cells_are_found_where_they_are(network: FinderNetwork, seed: int) -> None:
    field = drawn(seed)
    true = [cell for cell in field.cells if cell.label not in NON_RBC]
    found = find(network, field.image)
    assert len(found) == pytest.approx(len(true), rel=0.1)
    whole = [box for box in found if not box.at_border]
    assert len(whole) == pytest.approx(field.rbc_count, rel=0.1)
    middles = np.array([(c.left_px + c.width_px / 2, c.top_px + c.height_px / 2) for c in true])
    assert share_near(centres(found), middles, 12) > 0.95
    assert share_near(middles, centres(found), 12) > 0.93
    # As wide as the cells, but for a little room.
    widths = np.median([box.width_px for box in whole]), np.median([c.width_px for c in true])
    assert widths[0] == pytest.approx(widths[1], rel=0.2)


def test_boxes_and_masks_lie_in_the_frame(network: FinderNetwork) -> None:
    for box in network.find(Frame(drawn().image, "drawn")):
        assert box.left_px >= 0 and box.left_px + box.width_px <= SMEAR.width_px
        assert box.top_px >= 0 and box.top_px + box.height_px <= SMEAR.height_px
        assert box.mask.shape == (box.height_px, box.width_px)
        assert box.mask.dtype == np.bool_ and box.mask.any()
        assert 0 < box.certainty <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_known_scale_and_a_measured_one_find_the_same_cells(
    network: FinderNetwork, seed: int
) -> None:
    image = drawn(seed).image
    known, measured = find(network, image, SMEAR.um_per_px), find(network, image)
    assert len(known) == pytest.approx(len(measured), rel=0.03)
    assert share_near(centres(known), centres(measured), 8) > 0.97


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_frames_of_half_and_double_the_size_have_the_same_cells(
    network: FinderNetwork, factor: float
) -> None:
    image = drawn().image
    expected = find(network, image)
    area = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    other = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=area), np.uint8)
    for um_per_px in (None, SMEAR.um_per_px / factor):
        found = find(network, other, um_per_px)
        assert len(found) == pytest.approx(len(expected), rel=0.04)
        assert share_near(centres(found) / factor, centres(expected), 8) > 0.96


def test_a_wrong_scale_is_found_out(network: FinderNetwork) -> None:
    image = drawn().image
    expected = find(network, image)
    for wrong in (1 / 1.5, 1.5):
        found = find(network, image, SMEAR.um_per_px * wrong)
        assert len(found) == pytest.approx(len(expected), rel=0.04)


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("cells_per_field", [3, 8, 30])
def test_fields_with_few_cells_have_those(
    network: FinderNetwork, cells_per_field: int, remembers: bool
) -> None:
    for seed in SEEDS if remembers else ():
        find(network, drawn(seed).image)
    field = draw_field(replace(BARE, cells_per_field=cells_per_field), 6, 1)
    assert len(find(network, field.image)) == pytest.approx(len(field.cells), rel=0.1, abs=1)


def test_another_lens_is_seen_and_the_old_one_forgotten(network: FinderNetwork) -> None:
    for seed in SEEDS:
        find(network, drawn(seed).image)
    larger = np.asarray(cv2.resize(drawn().image, None, fx=2, fy=2), np.uint8)
    expected = len(find(network, drawn().image))
    for _ in range(4):
        assert len(find(network, larger)) == pytest.approx(expected, rel=0.04)
    assert len(find(network, drawn().image)) == pytest.approx(expected, rel=0.04)


def test_a_grey_field_has_its_cells(network: FinderNetwork) -> None:
    image = drawn().image
    grey = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert len(find(network, grey)) == pytest.approx(len(find(network, image)), rel=0.1)


@pytest.mark.parametrize("um_per_px", [None, 0.02, 0.12, 0.5])
@pytest.mark.parametrize(
    "sides", [(1, 1), (1, 4000), (4000, 1), (20, 1280), (960, 20), (7, 5), (200, 200)]
)
def test_frames_of_any_shape_are_no_fault(
    network: FinderNetwork, sides: tuple[int, int], um_per_px: float | None
) -> None:
    cut = drawn().image[: sides[0], : sides[1]]
    pale = np.full((*sides, 3), 235, np.uint8)
    pale[: cut.shape[0], : cut.shape[1]] = cut
    for box in network.find(Frame(pale, "odd", um_per_px=um_per_px)):
        assert 0 <= box.left_px < box.left_px + box.width_px <= sides[1]
        assert 0 <= box.top_px < box.top_px + box.height_px <= sides[0]
        assert box.mask.shape == (box.height_px, box.width_px)


@pytest.mark.parametrize("level", [0, 128, 235, 255])
def test_empty_fields_have_no_cells(network: FinderNetwork, level: int) -> None:
    assert find(network, np.full((480, 640, 3), level, np.uint8)) == []


def test_glass_without_a_cell_is_refused_before_the_finder_guesses() -> None:
    empty = draw_field(replace(BARE, cells_per_field=0), 3, 0).image
    assert "no cells" in assess_quality(Frame(empty, "empty")).reason


def boxes(
    certainties: Sequence[float], kind: str = "rbc", at_border: bool = False
) -> list[CellBox]:
    mask = np.ones((4, 4), bool)
    return [CellBox(0, 0, 4, 4, mask, kind, at_border, one) for one in certainties]


def test_fields_whose_cells_lie_on_one_another_and_are_unsure_are_crowded() -> None:
    assert crowding(boxes([0.9] * 20 + [0.5] * 10)) == CROWDED
    assert crowding(boxes([0.9] * 21 + [0.5] * 9)) == ""
    assert crowding(boxes([0.9] * 20) + boxes([0.5] * 90, at_border=True)) == ""
    assert crowding(boxes([0.9] * 20) + boxes([0.5] * 90, "debris")) == ""
    # Too few to say.
    assert crowding(boxes([0.5] * 19)) == "" and crowding([]) == ""


def test_unsure_cells_that_stand_apart_are_no_crowd() -> None:
    apart = [replace(one, left_px=10 * at) for at, one in enumerate(boxes([0.5] * 30))]
    assert crowding(apart) == ""


def test_drawn_fields_are_not_crowded(network: FinderNetwork) -> None:
    for seed in SEEDS:
        assert crowding(network.find(Frame(drawn(seed).image, "drawn"))) == ""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A classifier and a finder by hand, which read painted fields."""
    return write_finder_bundle(tmp_path_factory.mktemp("finder") / "bundle")


def test_painted_fields_are_read_with_the_bundles_finder(bundle: Bundle) -> None:
    cells = [""] * 30 + [INFECTED] * 4
    for name in ("litert", "onnx"):
        screener = prove_screener(bundle, DeviceConfig(runtimes=(name,)))
        assert screener.finder and screener.finder.runtime.name == name
        result = screener.screen(paint_field(cells))
        assert result.quality.usable, result.quality.reason
        assert len(result.cells) == 34
        assert sum(cell.label == "parasitised" for cell in result.cells) == 4
        # The classical finder is always sure.
        assert result.cells[0].box.certainty < 1
        screener.close()
        screener.close()


def test_closing_a_screener_closes_its_finder(bundle: Bundle) -> None:
    classifier, second = open_runtimes(bundle, ("classifier", "finder"))
    screener = Screener(bundle, classifier, finder=LearnedFinder(bundle, second))
    screener.close()
    with pytest.raises(RuntimeUnavailableError, match="was closed"):
        second.grid(np.zeros((32, 32, 3), np.uint8))


def test_bundle_with_a_finder_is_not_screened_without_it(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="has a finder; open it, too"):
        Screener(bundle, open_runtime(bundle))


def test_bundle_without_one_gives_none(tmp_path: Path) -> None:
    plain = write_first_opinion(tmp_path / "plain")
    with pytest.raises(BundleError, match="has no finder"):
        finder_of(plain.manifest)
    with pytest.raises(BundleError, match="has no finder"):
        LearnedFinder(plain, open_runtime(plain))
    screener = prove_screener(plain, DeviceConfig())
    assert screener.finder is None
    frame = paint_field([""] * 30)
    assert len(screener.screen(frame).cells) == len(find_cells(frame)) == 30


def test_finder_that_answers_otherwise_is_refused(bundle: Bundle) -> None:
    altered = np.array(bundle.array(OUTPUT), np.float32) + 1
    buffer = BytesIO()
    np.save(buffer, altered)
    other = replace(bundle, files={**bundle.files, OUTPUT: buffer.getvalue()})
    with pytest.raises(GoldenMismatchError, match=r"golden grid differs by 1\.000 .* not screen"):
        prove_screener(other, DeviceConfig())


def test_sizes_a_network_sees_are_multiples_that_it_takes() -> None:
    seen: list[tuple[int, ...]] = []

    class Watched(LiteRTRuntime):
        def grid(self, image: U8Array) -> np.ndarray:
            seen.append(image.shape)
            return super().grid(image)

    one = read_fold_finders()[0]
    opened = open_fold_finder(one).runtime
    watched = Watched(opened._model, one.weights)  # type: ignore[attr-defined]
    network = FinderNetwork(watched, one.grid)
    for um_per_px in (0.02, 0.05, 0.11, 0.5):
        network.look(Frame(drawn().image, "drawn", um_per_px=um_per_px))
    assert len(seen) >= 4
    assert all(side % SIDE_STEP_PX == 0 and side <= 2048 for shape in seen for side in shape[:2])


def test_selftest_inspect_and_verify_name_the_finder(clinicscope: Run, bundle: Bundle) -> None:
    code, out, err = clinicscope("selftest", "--bundle", bundle.path)
    assert code == 0, err
    assert "ok, finder network: 1 golden cells: grid within" in out
    code, out, _ = clinicscope("selftest", "--bundle", bundle.path, "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["finder"]["differences"].keys() == {"grid"} and facts["novelty"] is None
    code, out, _ = clinicscope("bundle", "inspect", bundle.path)
    assert code == 0
    assert "finder      cells 24 px wide, from score 0.4; fitted on nothing: it is drawn" in out
    assert "finds 94.00 % of 1,234 cells of 5 fields, float 95.00 %" in out
    assert "parity      onnx, onnx: 98.00 % of the cells as float" in out
    code, out, err = clinicscope("bundle", "verify", bundle.path)
    assert code == 0, err
    assert "finder network: 1 golden cells: grid within" in out


def test_screen_reads_files_with_the_finder(
    clinicscope: Run, bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "field.png").write_bytes(encode_image(paint_field([""] * 30).image))
    code, out, err = clinicscope(
        "screen", tmp_path / "field.png", "--bundle", bundle.path, "--json", "-"
    )
    assert code == 0, err
    (field,) = json.loads(out)["fields"]
    assert len(field["cells"]) == 30


def test_every_fold_has_a_finder_that_differs_in_its_score_alone(of_fold: FoldFinder) -> None:
    every = read_fold_finders()
    assert [one.fold for one in every] == [0, 1, 2, 3, 4]
    score = of_fold.grid.least_score
    assert {replace(one.grid, least_score=score) for one in every} == {of_fold.grid}
    for one in every:
        assert open_fold_finder(one).grid == one.grid
