"""An enhancer gives the same kind of picture, twice as large, and is proven when it is opened."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import DeviceConfig
from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError, GoldenMismatchError, RuntimeUnavailableError
from edge.contract.tiles import reflected
from edge.contract.types import U8Array
from edge.enhancement.enhancer import Enhancer
from edge.installed import load_enhancer, prove_classifier, prove_enhancer
from tests.edge.runtimes.drawn_bundles import write_bundle
from tests.support.drawn_enhancer import draw_pictures, expected_pictures, write_enhancer_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_enhancer_bundle(tmp_path_factory.mktemp("drawn") / "enhancer")


@pytest.fixture(scope="module", params=["litert", "onnx"])
def enhancer(request: pytest.FixtureRequest, bundle: Bundle) -> Enhancer:
    return prove_enhancer(bundle, DeviceConfig(runtimes=(request.param,)))


def in_one_piece(image: U8Array) -> U8Array:
    """What the drawn network makes of a picture that it sees reflected beyond its rim."""
    rows, columns = (reflected(-1, side + 2, side) for side in image.shape[:2])
    return expected_pictures(image[rows][:, columns][None])[0][2:-2, 2:-2]


@pytest.mark.parametrize(
    ("height_px", "width_px"), [(1, 1), (1, 30), (2, 3), (12, 24), (13, 37), (61, 5)]
)
def test_pictures_of_any_size_have_no_seams(
    enhancer: Enhancer, height_px: int, width_px: int
) -> None:
    image = draw_pictures(1, 5, 64)[0][:height_px, :width_px]
    found = enhancer.enhance(image)
    assert found.dtype == np.uint8 and found.shape == (2 * height_px, 2 * width_px, 3)
    assert np.abs(found.astype(int) - in_one_piece(image)).max() <= 1


def test_grey_stays_grey(enhancer: Enhancer) -> None:
    grey = draw_pictures(1, 6, 21)[0][:, :, 0]
    found = enhancer.enhance(grey)
    expected = in_one_piece(np.dstack([grey] * 3))[:, :, 0]
    assert found.shape == (42, 42)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_transparency_is_carried(enhancer: Enhancer) -> None:
    rgb, alpha = draw_pictures(1, 7, 19)[0], draw_pictures(1, 8, 19)[0][:, :, 0]
    found = enhancer.enhance(np.dstack([rgb, alpha]))
    assert np.array_equal(found[:, :, :3], enhancer.enhance(rgb))
    expected = cv2.resize(alpha, (38, 38), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(found[:, :, 3], expected)


def test_it_says_what_runs(enhancer: Enhancer, bundle: Bundle) -> None:
    ran_on = enhancer.ran_on
    assert (ran_on.bundle_id, ran_on.bundle_sha256) == ("drawn-superres-1", bundle.sha256)
    assert ran_on.runtime in {"litert", "onnx"}
    assert enhancer.settings.tile_px == 16


def test_other_golden_pictures_refuse_to_enhance(bundle: Bundle) -> None:
    buffer = BytesIO()
    np.save(buffer, np.clip(bundle.array("golden/image.npy").astype(int) + 3, 0, 255).astype("u1"))
    altered = replace(bundle, files={**bundle.files, "golden/image.npy": buffer.getvalue()})
    with pytest.raises(GoldenMismatchError, match="must not enhance"):
        prove_enhancer(altered, DeviceConfig())


def test_bundles_are_not_taken_for_one_another(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="calls nothing; use it with `clinicscope enhance`"):
        prove_classifier(bundle, DeviceConfig())
    labelled = write_bundle(tmp_path / "labelled")
    with pytest.raises(BundleError, match="for 'cxr-covid'; enhancing needs 'malaria-superres'"):
        prove_enhancer(labelled, DeviceConfig())


def test_named_bundle_goes_before_the_installed_one(tmp_path: Path) -> None:
    write_enhancer_bundle(tmp_path / "home/bundles/installed", version=90)
    named = write_enhancer_bundle(tmp_path / "named", bundle_id="named-1")
    config = DeviceConfig(enhancer=str(named.path))
    assert load_enhancer(tmp_path / "home", DeviceConfig()).ran_on.bundle_id == "drawn-superres-1"
    assert load_enhancer(tmp_path / "home", config).ran_on.bundle_id == "named-1"


def test_closed_enhancer_says_so(bundle: Bundle) -> None:
    enhancer = prove_enhancer(bundle, DeviceConfig())
    enhancer.close()
    enhancer.close()
    with pytest.raises(RuntimeUnavailableError, match="was closed"):
        enhancer.enhance(draw_pictures(1)[0])
