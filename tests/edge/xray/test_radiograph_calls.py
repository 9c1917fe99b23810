"""A call of one X-ray: which label, how steady, and what its map speaks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import BundleError, ImageError
from edge.contract.manifest import Manifest
from edge.contract.types import U8Array
from edge.runtimes.base import Scores, open_runtime
from edge.screening.classifier import Classifier
from edge.xray import reading
from edge.xray.heat import heat_layer, shown_at, with_heat
from edge.xray.reading import RadiographReader, call_radiograph, views
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest, draw_point, write_bundle
from tests.support.drawn_radiographs import draw_chest, load_drawn

VIEWS = 7


def two_labels() -> Manifest:
    return draw_manifest(
        (describe(b"x", "tflite", 1),),
        task="cxr-pneumonia",
        labels=("normal", "pneumonia"),
        positive_label="pneumonia",
        operating_point=draw_point(),
    )


def scores_of(logits: list[float] | list[list[float]]) -> Scores:
    found = np.array(logits, np.float32)
    maps = np.broadcast_to(found[:, None, None], (len(found), 4, 4, *found.shape[1:]))
    return Scores(found, np.ascontiguousarray(maps, np.float32))


def chest(level: int = 0) -> U8Array:
    return np.repeat(draw_chest(level)[:, :, None], 3, axis=2)


def test_steady_call_has_no_doubt_and_tells_its_spread() -> None:
    call = call_radiograph(scores_of([4.0, 3.0, 5.0]), two_labels())
    assert (call.label, call.doubt, call.finding) == ("pneumonia", "", "pneumonia")
    assert call.low < call.suspicion < call.high
    assert call.score == pytest.approx(call.suspicion)
    assert sum(call.probabilities.values()) == pytest.approx(1)
    assert call.cam.shape == (4, 4) and call.cam[0, 0] == pytest.approx(4)


@pytest.mark.parametrize(
    ("logits", "doubt"),
    [
        ([3.0, -1.0], reading.UNSTEADY),
        ([-3.0, 1.0], reading.UNSTEADY),
        ([0.5, 0.4], reading.BETWEEN),
        ([-1.0, -0.9], reading.BETWEEN),
        ([-3.0, -2.5], ""),
    ],
)
def test_call_between_or_unsteady_is_doubted(logits: list[float], doubt: str) -> None:
    assert call_radiograph(scores_of(logits), two_labels()).doubt == doubt


def test_two_findings_that_are_alike_are_doubted() -> None:
    manifest = draw_manifest((describe(b"x", "tflite", 3),))
    alike = call_radiograph(scores_of([[-5, 2.0, 1.8], [-5, 2.0, 1.9]]), manifest)
    assert (alike.label, alike.doubt) == ("pneumonia", reading.ALIKE)
    clear = call_radiograph(scores_of([[-5, -2.0, 4.0], [-5, -2.0, 3.0]]), manifest)
    assert (clear.label, clear.doubt, clear.finding) == ("covid", "", "covid")
    # The map is that of the finding against that of a normal chest.
    assert clear.cam[0, 0] == pytest.approx(9)
    normal = call_radiograph(scores_of([[6.0, -4, -2], [5.0, -4, -2]]), manifest)
    assert (normal.label, normal.finding, normal.doubt) == ("normal", "covid", "")


def test_score_alone_may_leave_doubt() -> None:
    two = [reading.doubtful_score(score, 2) for score in (0.05, 0.3, 0.9)]
    three = [reading.doubtful_score(score, 3) for score in (0.5, 0.9)]
    assert two == [False, True, False] and three == [True, False]


def test_views_are_cut_and_lit_a_little_differently() -> None:
    image = np.repeat(draw_chest()[:, :, None], 3, axis=2)
    found = list(views(image))
    assert len(found) == VIEWS - 1
    heights = {view.shape[0] for view in found[:4]}
    assert heights == {image.shape[0] - round(0.03 * image.shape[0])}
    assert len({view[5, 5, 0] for view in found[:4]}) > 1
    assert found[4].mean() > image.mean() > found[5].mean()
    large = np.zeros((2000, 1000, 3), np.uint8)
    assert max(next(views(large)).shape) <= 512


def test_reader_calls_by_its_bundle(tmp_path: Path) -> None:
    reader = RadiographReader(load_drawn(tmp_path)("cxr-pneumonia"))
    dark, bright = reader.read(chest(-60)), reader.read(chest(90))
    assert (dark.label, bright.label) == ("normal", "pneumonia")
    assert dark.suspicion < bright.suspicion
    three = RadiographReader(load_drawn(tmp_path)("cxr-covid")).read(chest())
    assert set(three.probabilities) == {"normal", "pneumonia", "covid"}


def test_reader_refuses_what_is_no_chest(tmp_path: Path) -> None:
    reader = RadiographReader(load_drawn(tmp_path)("cxr-pneumonia"))
    stained = np.zeros((90, 90, 3), np.uint8)
    stained[:] = (200, 90, 150)
    with pytest.raises(ImageError, match="in colour"):
        reader.read(stained)


def test_bundle_of_cells_reads_no_chest(tmp_path: Path) -> None:
    labels = ("ring", "trophozoite", "schizont")
    bundle = write_bundle(tmp_path / "stages", task="malaria-stages", labels=labels)
    with pytest.raises(BundleError, match="give one for chest X-rays"):
        RadiographReader(Classifier(bundle, open_runtime(bundle)))
    odd = write_bundle(tmp_path / "odd", labels=("normal", "pneumonia", "fracture"))
    with pytest.raises(BundleError, match="fracture"):
        RadiographReader(Classifier(odd, open_runtime(odd)))


@pytest.mark.parametrize(("width", "height"), [(200, 100), (100, 200), (7, 7)])
def test_map_lies_where_it_spoke_in_pictures_of_any_shape(width: int, height: int) -> None:
    cam = np.full((7, 7), -5, np.float32)
    cam[3, 3] = 30
    layer = heat_layer(cam, width, height)
    assert layer.shape == (height, width, 4)
    assert layer[height // 2, width // 2, 3] > 150 and layer[0, 0, 3] == 0
    image = np.full((height, width, 3), 90, np.uint8)
    drawn = with_heat(image, cam)
    assert (drawn[0, 0] == 90).all() and np.abs(
        drawn[height // 2, width // 2].astype(int) - 90
    ).max() > 30
    assert max(shown_at(image, 50).shape) <= 50 or width < 50
