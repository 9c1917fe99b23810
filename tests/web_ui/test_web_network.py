"""Settings, Network: the device's own Wi-Fi in words, as a code, and on a label."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from flask.testing import FlaskClient
from test_web_certificate import drawn

from edge import hotspot as hotspot_module
from edge.hotspot import Hotspot, written
from edge.identity import device_name

OWN = Hotspot("clinicscope-k7x2", "abcd-efgh-jkmn")


@pytest.fixture
def own_wifi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "hotspot.json"
    path.write_bytes(written(OWN))
    monkeypatch.setattr(hotspot_module, "HOTSPOT_FILE", path)
    return path


def read_code(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.mimetype == "image/svg+xml" and answer.headers["Cache-Control"] == "no-store"
    return str(cv2.QRCodeDetector().detectAndDecode(drawn(answer.text))[0])


def test_phone_joins_by_the_code_or_by_typing(client: FlaskClient, own_wifi: Path) -> None:
    page = client.get("/settings/network").text
    assert OWN.name in page and OWN.password in page
    told = read_code(client, "/settings/network/hotspot.svg")
    assert told == "WIFI:T:WPA;S:clinicscope-k7x2;P:abcd-efgh-jkmn;;"


def test_label_has_both_codes_and_the_name(client: FlaskClient, own_wifi: Path, home: Path) -> None:
    name = device_name(home)
    page = client.get("/settings/network/label").text
    assert OWN.password in page and f"https://{name}.local/" in page and "data-print" in page
    assert read_code(client, "/settings/network/page.svg") == "https://10.42.0.1/"


def test_device_without_wifi_shows_none(client: FlaskClient, own_wifi: Path) -> None:
    own_wifi.unlink()
    assert "Wi-Fi of the device" not in client.get("/settings/network").text
    for address in ("/settings/network/label", "/settings/network/hotspot.svg"):
        assert client.get(address).status_code == 404


def test_damaged_wifi_says_what_to_do_and_no_password(client: FlaskClient, own_wifi: Path) -> None:
    own_wifi.write_text('{"name": "x", "password": "short-1"}')
    page = client.get("/settings/network")
    assert page.status_code == 422 and "a new password is drawn" in page.text
    assert "short-1" not in page.text
