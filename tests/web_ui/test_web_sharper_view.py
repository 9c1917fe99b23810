"""The sharper view of a suspect cell: on demand, marked as no evidence, absent without enhancer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads

from edge.analysis.explain import cell_square
from edge.config import DeviceConfig
from edge.contract.errors import NotFoundError
from edge.contract.images import decode_image
from edge.enhancement.enhancer import Enhancer
from edge.enhancement.view import SHARPER_PX, sharper_view
from edge.installed import prove_enhancer
from edge.screening.service import ScreeningService
from edge.store.records import DISPUTED
from tests.support.drawn_enhancer import write_enhancer_bundle
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.context import parts_of
from web_ui.sharper_views import open_enhancer


@pytest.fixture(scope="module")
def enhancer(tmp_path_factory: pytest.TempPathFactory) -> Enhancer:
    bundle = write_enhancer_bundle(tmp_path_factory.mktemp("drawn") / "enhancer")
    return prove_enhancer(bundle, DeviceConfig())


@pytest.fixture
def sharp(service: ScreeningService, enhancer: Enhancer) -> FlaskClient:
    """The client of a device with an enhancer."""
    return logged_in(create_app(service, enhancer=enhancer))


@pytest.fixture
def specimen_id(sharp: FlaskClient, service: ScreeningService, screener: ScriptedScreener) -> str:
    screener.give_second_opinion()
    return screen_uploads(sharp, service, [(io.BytesIO(field_png()), "a.png")])


def test_every_suspect_cell_offers_it_with_the_mark(sharp: FlaskClient, specimen_id: str) -> None:
    for address in (f"/specimens/{specimen_id}", f"/specimens/{specimen_id}/fields/0"):
        page = sharp.get(address).text
        cells = page.count('class="cell"')
        assert cells == 11
        assert page.count("/enhanced.jpg") == page.count(">Sharper view</label>") == cells
        assert page.count("Enhanced, not evidence</strong>") == cells
    assert "no call is made on it" in sharp.get(f"/specimens/{specimen_id}").text


def test_picture_is_larger_marked_and_cached_with_its_bundle(
    sharp: FlaskClient, service: ScreeningService, enhancer: Enhancer, specimen_id: str
) -> None:
    suspects = service.store.suspect_cells(specimen_id)
    for cell in (suspects[0], next(cell for cell in suspects if cell.kind == DISPUTED)):
        address = f"/specimens/{specimen_id}/cells/{cell.cell_id}/enhanced.jpg"
        response = sharp.get(address)
        assert response.mimetype == "image/jpeg"
        image = decode_image(response.data)
        assert image.shape == (SHARPER_PX, SHARPER_PX, 3)
        band = image[-40:].max(axis=2)
        assert (band > 200).any() and np.median(band) < 60
        tag = response.headers["ETag"]
        assert enhancer.bundle.sha256[:12] in tag
        assert "private" in response.headers["Cache-Control"]
        assert sharp.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_view_shows_the_fields_own_pixels_and_the_band_leaves_the_cell_alone(
    enhancer: Enhancer,
) -> None:
    field = np.zeros((100, 120, 3), np.uint8)
    field[40:60, 50:70] = (200, 60, 90)
    view = sharper_view(field, 50, 40, 20, 20, enhancer)
    assert cell_square(field, 50, 40, 20, 20).shape == (30, 30, 3)
    # 5 px of margin, 20 of cell: from a sixth to five sixths of the view.
    assert np.abs(view[70:250, 70:250].astype(int) - (200, 60, 90)).max() <= 2
    assert view[:36].max() <= 2
    assert (view[-40:].max(axis=2) > 20).all()
    for box in ((0, 0, 1, 1), (110, 90, 30, 30), (10, 10, 90, 70)):
        assert sharper_view(field, *box, enhancer).shape == (SHARPER_PX, SHARPER_PX, 3)


def test_another_bundle_is_another_address_and_the_old_one_is_closed(
    service: ScreeningService, screener: ScriptedScreener, tmp_path: Path
) -> None:
    home = service.store.home
    first = prove_enhancer(write_enhancer_bundle(tmp_path / "first"), DeviceConfig())
    app = create_app(service, enhancer=first)
    client, views = logged_in(app), parts_of(app).sharper
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    address = f"/specimens/{specimen_id}"
    assert f"/enhanced.jpg?of={first.bundle.sha256[:12]}" in client.get(address).text
    write_enhancer_bundle(home / "bundles/drawn", version=90)
    views.reopen(DeviceConfig())
    second = views.current
    assert second is not None and second.bundle.sha256 != first.bundle.sha256
    assert f"/enhanced.jpg?of={second.bundle.sha256[:12]}" in client.get(address).text
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    assert client.get(f"{address}/cells/{cell}/enhanced.jpg").status_code == 200
    # One that is altered is no choice; the page goes on without.
    (home / "bundles/drawn/golden/image.npy").write_bytes(b"altered")
    views.reopen(DeviceConfig())
    assert views.current is None and "/enhanced.jpg" not in client.get(address).text
    with pytest.raises(NotFoundError):
        views.make(lambda enhancer: enhancer)


def test_calls_and_counts_are_the_same_with_it_and_without(
    sharp: FlaskClient, client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    before = service.store.specimen(specimen_id).report
    cell = service.store.suspect_cells(specimen_id)[0]
    sharp.get(f"/specimens/{specimen_id}/cells/{cell.cell_id}/enhanced.jpg")
    assert service.store.specimen(specimen_id).report == before
    assert service.store.suspect_cell(cell.cell_id).score == cell.score


def test_device_without_enhancer_offers_none(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen_uploads(client, service, [(io.BytesIO(field_png()), "a.png")])
    page = client.get(f"/specimens/{specimen_id}").text
    assert "sharp" not in page.lower() and "enhanced" not in page.lower()
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    assert client.get(f"/specimens/{specimen_id}/cells/{cell}/enhanced.jpg").status_code == 404
    about = client.get("/about").text
    assert "None: no enhancer is installed" in about and "guesses the pixels" not in about


def test_cell_of_another_specimen_is_not_found(
    sharp: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    other = screen_uploads(sharp, service, [(io.BytesIO(field_png()), "b.png")])
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    assert sharp.get(f"/specimens/{other}/cells/{cell}/enhanced.jpg").status_code == 404


def test_about_says_what_it_is(sharp: FlaskClient) -> None:
    page = sharp.get("/about").text
    assert "guesses the pixels between" in page and "“enhanced, not evidence”" in page
    assert "drawn-superres-1" in page
    assert "34.9 dB, plain enlarging 33.4 dB, measured on 8 pictures" in page


def test_appliance_goes_on_without_a_broken_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = write_enhancer_bundle(tmp_path / "home/bundles/drawn", version=90).path
    opened = open_enhancer(tmp_path / "home", DeviceConfig())
    assert opened is not None and opened.ran_on.bundle_id == "drawn-superres-1"
    (bundle / "golden/image.npy").write_bytes(b"altered")
    assert open_enhancer(tmp_path / "home", DeviceConfig()) is None
    assert "no sharper views" in caplog.text
