"""Forged, hostile and oversized requests; what every response promises to the browser."""

from __future__ import annotations

import io
import re
import stat
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, field_png, screen_uploads, submit

import web_ui
from edge.contract.errors import BundleError, StoreError
from edge.screening.service import ScreeningService
from edge.store.store import Store
from tests.support.people import logged_in
from web_ui import create_app
from web_ui.fallback import create_fallback_app
from web_ui.headers import HEADERS
from web_ui.secret_key import KEY_FILE, load_or_create_secret_key

PACKAGE = Path(web_ui.__file__).parent
HOSTILE = """"><script>alert(1)</script><img src=x onerror='alert(2)'>{{7*7}}"""


@pytest.fixture
def specimen_id(client: FlaskClient, service: ScreeningService) -> str:
    files = [(io.BytesIO(field_png()), "<b>x.png")]
    return screen_uploads(client, service, files, label=HOSTILE[:60])


@pytest.mark.parametrize("address", ["/specimens/new", "/specimens/any/stop"])
@pytest.mark.parametrize("form", [{}, {"csrf_token": "forged"}])
def test_post_without_its_token_is_refused(
    client: FlaskClient, service: ScreeningService, address: str, form: dict[str, str]
) -> None:
    data = {"label": "S-1", "source": "simulated"} | form
    response = client.post(address, data=data)
    assert response.status_code == 400 and "open too long" in response.text
    assert service.store.specimens() == []


def test_hostile_label_is_shown_as_text(client: FlaskClient, specimen_id: str) -> None:
    base = f"/specimens/{specimen_id}"
    for address in ("/", "/specimens", base, f"{base}/fields/0"):
        page = client.get(address).text
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page and "<img src=x" not in page and "<b>x" not in page
    form = submit(client, source="simulated", label=HOSTILE, seed='"><script>').text
    assert "<script>" not in form.replace("<script src=", "")


@pytest.mark.parametrize(
    "address",
    [
        "/nothing",
        "/specimens/..",
        "/specimens/..%2f..%2frecords.db",
        "/specimens/../../etc/passwd",
        "/specimens/%00",
        "/specimens/none",
        "/specimens/none/progress",
        "/specimens/none/fields/0",
        "/specimens/{id}/fields/99",
        "/specimens/{id}/fields/-1",
        "/specimens/{id}/fields/99999999999999999999999/image.jpg",
        "/specimens/{id}/fields/..%2f..%2frecords.db/image.jpg",
        "/specimens/{id}/cells/999999.jpg",
        "/specimens/{id}/cells/x.jpg",
        "/specimens/none/cells/1.jpg",
        "/specimens/none/cells/1/heat.jpg",
        "/static/../__init__.py",
        "/static/%2e%2e/words.py",
    ],
)
def test_addresses_of_nothing_are_not_found(
    client: FlaskClient, specimen_id: str, address: str
) -> None:
    assert client.get(address.replace("{id}", specimen_id)).status_code == 404


def test_cell_of_another_specimen_is_not_found(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    other = service.store.start_specimen("S-2", "simulated", {})
    cell = service.store.suspect_cells(specimen_id)[0].cell_id
    assert client.get(f"/specimens/{specimen_id}/cells/{cell}.jpg").status_code == 200
    assert client.get(f"/specimens/{other}/cells/{cell}.jpg").status_code == 404


# Werkzeug's client leaves a large body to the garbage collector, and its parser the parts that it
# had read when it gives up on one.
LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@LEFT_OPEN
def test_oversized_upload_is_answered_in_words(
    client: FlaskClient, service: ScreeningService
) -> None:
    response = submit(client, images=[(io.BytesIO(b"x" * 2_100_000), "large.png")])
    assert response.status_code == 413 and "Too much at once" in response.text
    assert service.store.specimens() == []
    assert not (service.store.home / "uploads").exists()


@LEFT_OPEN
def test_too_many_files_are_answered_in_words(
    client: FlaskClient, service: ScreeningService
) -> None:
    many = submit(client, images=[(io.BytesIO(b"x"), f"{n}.png") for n in range(600)])
    assert many.status_code == 413 and "at most 500 images" in many.text
    assert service.store.specimens() == []


def test_every_response_has_the_security_headers(client: FlaskClient, specimen_id: str) -> None:
    base = f"/specimens/{specimen_id}"
    addresses = ["/", "/about", "/healthz", "/specimens", "/specimens/new", base, "/nothing"]
    addresses += [f"{base}/progress", f"{base}/fields/0", f"{base}/fields/0/image.jpg"]
    addresses += ["/static/style.css", "/static/htmx.min.js"]
    responses = [client.get(address, buffered=True) for address in addresses]
    responses += [client.post("/specimens/new"), client.put("/"), submit(client, label="")]
    for response in responses:
        for name, value in HEADERS.items():
            assert response.headers[name] == value
    pages = [response for response in responses if response.mimetype == "text/html"]
    assert all(page.headers["Cache-Control"] == "no-store" for page in pages)


def test_session_cookie_is_closed_to_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = client.get("/specimens/new").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_no_shipped_file_refers_to_an_outside_address() -> None:
    files = [*PACKAGE.glob("templates/*.html"), *PACKAGE.glob("static/*.*")]
    assert len(files) > 10
    for path in files:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text, re.I), path.name


def test_no_template_has_inline_script_or_style() -> None:
    for path in PACKAGE.glob("templates/*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_healthz_follows_the_device(client: FlaskClient, tmp_path: Path) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz").json == {"status": "ok"}

    def fail() -> ScriptedScreener:
        raise BundleError("golden tensors differ; install the bundle again")

    service = ScreeningService(Store(tmp_path / "other"), fail)
    broken = logged_in(create_app(service))
    assert broken.get("/healthz").status_code == 503
    assert broken.get("/healthz").json == {"status": "unready"}
    assert "golden tensors differ" in broken.get("/").text
    assert "may not screen now" in broken.get("/specimens/new").text
    assert submit(broken, source="simulated").status_code == 409
    service.close()


@pytest.mark.parametrize("error", [StoreError("disk /secret/path"), RuntimeError("/secret/path")])
def test_inner_errors_stay_inside(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Store, "specimens", fail)
    response = client.get("/")
    assert response.status_code == 500 and "Something went wrong" in response.text
    assert "secret" not in response.text and HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize("address", ["/", "/specimens/new", "/a/b?c=d"])
def test_fallback_app_says_why_at_every_address(address: str) -> None:
    client = create_fallback_app("The disk is <full>; free some space.").test_client()
    for response in (client.get(address), client.post(address)):
        assert response.status_code == 503
        assert "The disk is &lt;full&gt;; free some space." in response.text
        assert "not for diagnosis" in response.text
        assert HEADERS.items() <= dict(response.headers).items()
    assert client.get("/healthz").json == {"status": "unready"}
    assert client.get("/healthz").status_code == 503
    assert client.get("/static/style.css", buffered=True).status_code == 200


def test_secret_key_is_private_kept_and_remade_when_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "home" / KEY_FILE
    key = load_or_create_secret_key(path.parent)
    assert len(key) == 32 and load_or_create_secret_key(path.parent) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"")
    assert len(load_or_create_secret_key(path.parent)) == 32 and path.read_bytes() != key
    assert [item.name for item in path.parent.iterdir()] == [KEY_FILE]
