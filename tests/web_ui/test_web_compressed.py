"""Text goes out compressed to those who can read that, and is the same text."""

from __future__ import annotations

import gzip
import io

from flask.testing import FlaskClient
from web_samples import field_png, screen_uploads

from edge.screening.service import ScreeningService
from web_ui.fallback import create_fallback_app

GZIP = {"Accept-Encoding": "gzip, deflate"}


def test_page_is_the_same_in_fewer_bytes(client: FlaskClient) -> None:
    plain, small = client.get("/about"), client.get("/about", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    for answer in (plain, small):
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2
    text = gzip.decompress(small.data).decode()
    assert text.split("<main")[0].count("<") == plain.text.split("<main")[0].count("<")
    assert text.endswith("</html>")


def test_static_file_is_compressed_and_asked_again_costs_nothing(client: FlaskClient) -> None:
    address = "/static/style.css"
    with client.get(address) as plain, client.get(address, headers=GZIP) as small:
        assert gzip.decompress(small.data) == plain.data
        etag = small.headers["ETag"]
    assert etag.startswith('W/"')
    with client.get(address, headers={**GZIP, "If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_pictures_and_tiny_answers_are_left_alone(
    client: FlaskClient, service: ScreeningService
) -> None:
    found = screen_uploads(client, service, [(io.BytesIO(field_png()), "field.png")])
    for address in (f"/specimens/{found}/fields/0/image.jpg", "/healthz"):
        answer = client.get(address, headers=GZIP)
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers


def test_who_refuses_compression_gets_none(client: FlaskClient) -> None:
    answer = client.get("/about", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in answer.headers
    assert answer.text.endswith("</html>")


def test_page_of_a_device_that_did_not_start_is_compressed_too() -> None:
    answer = create_fallback_app("no room").test_client().get("/", headers=GZIP)
    assert answer.status_code == 503
    assert "no room" in gzip.decompress(answer.data).decode()
